"""A CPU's theoretical rates from its cores, clock and instruction sets.

Peak = cores x clock x FLOP per clock and core; the tables below say the last factor and where it
comes from. Bandwidth cannot be read from an instruction set: it is a stated assumption about the
memory of that generation, which `perfpredict hardware probe` replaces by a measurement.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from perfpredict.domain.device import Device, DeviceKind, Origin, Platform
from perfpredict.domain.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuFacts:
    """What the operating system tells of the CPU; None where it does not."""

    model_name: str
    vendor: str
    machine: str
    """`x86_64`, `aarch64`, `riscv64` …"""
    flags: frozenset[str]
    """Instruction sets in Linux's spelling."""
    usable_cores: float | None
    """Physical cores this process may use; fractional under a quota."""
    clock_hz: float | None
    memory_bytes: int | None
    efficiency_cores: int = 0
    """How many of the usable cores are a hybrid CPU's small ones."""
    cpu_family: int | None = None
    cache_bytes: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    bandwidth_bytes_per_s: float
    what: str


# What one core alone can draw: 48 outstanding 64-byte lines at about 100 ns are 31 GB/s at best,
# published single-thread STREAM figures lie between 10 and 20 GB/s.
_BANDWIDTH_PER_CORE = 15e9

# Virtual machines report the last-level cache of the whole host; server cores have 2 to 4 MiB each.
_CACHE_PER_CORE = 4 * 2**20

_ZEN_5_FAMILY = 26
_NARROW_ZEN_5 = re.compile(r"ryzen ai (?!max)", re.IGNORECASE)
"""Laptop chips whose Zen 5 cores have 256-bit units, as AMD's optimization guide says."""
_TWO_UNITS = re.compile(r"\bxeon\b|\bi[79]-\d+xe?\b", re.IGNORECASE)


def flop_per_clock(facts: CpuFacts) -> Mapping[Precision, int]:
    """Return FLOP per clock and core for each arithmetic format that the CPU has."""
    if facts.machine in {"x86_64", "amd64", "i386", "i686"}:
        return _x86_flop_per_clock(facts)
    if facts.machine in {"aarch64", "arm64"}:
        return _arm_flop_per_clock(facts)
    # one scalar multiply-add a clock; a RISC-V vector unit has no width we could read
    return {Precision.FP32: 2}


def _x86_flop_per_clock(facts: CpuFacts) -> dict[Precision, int]:
    """Intel's optimization manual and AMD's software optimization guides, per core and clock."""
    flags = facts.flags
    fp32 = _x86_fp32(facts)
    rates = {Precision.FP32: fp32}
    if "avx512_fp16" in flags:
        rates[Precision.FP16] = 2 * fp32
    if "avx512_bf16" in flags:
        rates[Precision.BF16] = 2 * fp32
    if flags & {"avx512_vnni", "avx_vnni"}:
        rates[Precision.INT8] = 4 * fp32
    # one 16 x 16 x 64 byte tile product takes 16 clocks: 1024 bf16 or fp16 FLOP, 2048 int8
    if "amx_bf16" in flags:
        rates[Precision.BF16] = 1024
    if "amx_fp16" in flags:
        rates[Precision.FP16] = 1024
    if "amx_int8" in flags:
        rates[Precision.INT8] = 2048
    return rates


def _x86_fp32(facts: CpuFacts) -> int:
    flags = facts.flags
    if "avx512f" in flags:
        return 64 if _has_two_512_bit_units(facts) else 32
    if {"avx2", "fma"} <= flags:
        return 32  # two 256-bit multiply-add units: 2 x 8 lanes x 2
    if "avx" in flags:
        return 16  # one 256-bit multiply and one add
    return 8  # one 128-bit multiply and one add


def _has_two_512_bit_units(facts: CpuFacts) -> bool:
    """Zen 4 splits 512 bits, Zen 5 of desktops does not; Intel's Xeon and Core X have two."""
    if facts.vendor == "amd":
        is_narrow = _NARROW_ZEN_5.search(facts.model_name) is not None
        return (facts.cpu_family or 0) >= _ZEN_5_FAMILY and not is_narrow
    return _TWO_UNITS.search(facts.model_name) is not None


def _arm_flop_per_clock(facts: CpuFacts) -> dict[Precision, int]:
    """Arm's Cortex and Neoverse optimization guides: 128-bit pipes and what they issue."""
    flags = facts.flags
    fp32 = _arm_fp32(facts)
    rates = {Precision.FP32: fp32}
    if flags & {"asimdhp", "fphp"}:
        rates[Precision.FP16] = 2 * fp32
    if "bf16" in flags:
        rates[Precision.BF16] = 4 * fp32  # BFMMLA: 16 multiply-adds in 128 bits
    if "i8mm" in flags:
        rates[Precision.INT8] = 8 * fp32  # SMMLA: 32 multiply-adds in 128 bits
    elif "asimddp" in flags:
        rates[Precision.INT8] = 4 * fp32  # SDOT: 16 multiply-adds in 128 bits
    return rates


def _arm_fp32(facts: CpuFacts) -> int:
    if facts.vendor == "apple" or "sve" in facts.flags:
        return 32  # four 128-bit pipes (Apple, Neoverse V2) or two of 256 bits (V1)
    # two 128-bit pipes from ARMv8.2 (which brought asimdhp), one before
    return 16 if "asimdhp" in facts.flags else 8


def derive_cpu(facts: CpuFacts, name: str = "local-cpu") -> Device | None:
    """Return the device with derived rates, or None where cores, clock or memory are unknown."""
    cores, clock, memory = facts.usable_cores, facts.clock_hz, facts.memory_bytes
    if cores is None or clock is None or memory is None:
        return None
    # a small core has half the vector width: two 128-bit units in place of two of 256
    wide_cores = cores - min(facts.efficiency_cores, cores) / 2
    peaks = {p: wide_cores * clock * flop for p, flop in flop_per_clock(facts).items()}
    dram = _assumed_memory(facts)
    bandwidth = min(dram.bandwidth_bytes_per_s, cores * _BANDWIDTH_PER_CORE)
    note = (
        f"{facts.model_name}: {cores:g} usable cores at {clock / 1e9:.2f} GHz; bandwidth assumes "
        f"{dram.what}, at most 15 GB/s a core; 'perfpredict hardware probe' measures it"
    )
    return Device(
        name=name,
        vendor=facts.vendor,
        kind=DeviceKind.CPU,
        platform=Platform.CPU,
        memory_bytes=memory,
        bandwidth_bytes_per_s=bandwidth,
        peak_flops_per_s=peaks,
        architecture=facts.machine,
        compute_units=max(1, round(cores)),
        boost_mhz=clock / 1e6,
        cache_bytes=believable_cache_bytes(facts),
        source="derived: cores x clock x FLOP per clock of the reported instruction sets",
        note=note,
        origin=Origin.DETECTED,
    )


def believable_cache_bytes(facts: CpuFacts) -> int | None:
    """Return the last-level cache that the usable cores can count on, None where unknown."""
    if facts.cache_bytes is None or facts.usable_cores is None:
        return facts.cache_bytes
    return min(facts.cache_bytes, round(max(facts.usable_cores, 1.0) * _CACHE_PER_CORE))


def _assumed_memory(facts: CpuFacts) -> _Memory:
    """Return the memory that machines of this generation usually have, all channels filled."""
    flags, name = facts.flags, facts.model_name.casefold()
    is_server = any(word in name for word in ("xeon", "epyc", "neoverse")) or "sve" in flags
    candidates: tuple[tuple[bool, float, str], ...] = (
        ("amx_tile" in flags, 307.2e9, "8 channels DDR5-4800"),
        ("epyc" in name and "avx512f" in flags, 460.8e9, "12 channels DDR5-4800"),
        ("epyc" in name, 204.8e9, "8 channels DDR4-3200"),
        (is_server and "sve" in flags, 307.2e9, "8 channels DDR5-4800"),
        (is_server and "avx512f" in flags, 140.8e9, "6 channels DDR4-2933"),
        (is_server, 76.8e9, "4 channels DDR4-2400"),
        (bool(flags & {"avx512f", "avx_vnni"}), 76.8e9, "2 channels DDR5-4800"),
        ("avx2" in flags, 42.7e9, "2 channels DDR4-2666"),
        (facts.vendor == "apple", 68.25e9, "LPDDR4X-4266, 128 bit"),
        ("asimdhp" in flags, 17.1e9, "LPDDR4X-4267, 32 bit"),
    )
    for applies, bandwidth, what in candidates:
        if applies:
            return _Memory(bandwidth_bytes_per_s=bandwidth, what=what)
    return _Memory(bandwidth_bytes_per_s=12.8e9, what="one channel DDR3-1600")
