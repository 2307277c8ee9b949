"""Reads what Linux, macOS or Windows tell of the CPU; the parsers are pure functions of text."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from perfpredict.catalog.cpu_rates import CpuFacts
from perfpredict.catalog.tools import RunTool, ToolOutput

_VENDORS = {
    "genuineintel": "intel",
    "authenticamd": "amd",
    "0x41": "arm",
    "0xc0": "ampere",
    "0x4e": "nvidia",
    "0x61": "apple",
}

# Cores whose clock a virtual machine does not show: (implementer, part) -> name and the clock
# that the public cloud's data sheet gives for it (AWS Graviton 2, 3 and 4).
_ARM_CORES = {
    ("0x41", "0xd0c"): ("Neoverse-N1", 2.5e9),
    ("0x41", "0xd40"): ("Neoverse-V1", 2.6e9),
    ("0x41", "0xd4f"): ("Neoverse-V2", 2.8e9),
}

# Clock of the performance cores; Apple publishes none, these are what sysctl-less tools measure.
_APPLE_CLOCK_HZ = {"m1": 3.2e9, "m2": 3.5e9, "m3": 4.05e9, "m4": 4.4e9}
_APPLE_FLAGS = {
    "m1": {"asimdhp", "asimddp"},
    "m2": {"asimdhp", "asimddp", "bf16", "i8mm"},
    "m3": {"asimdhp", "asimddp", "bf16", "i8mm"},
    "m4": {"asimdhp", "asimddp", "bf16", "i8mm"},
}

# cgroup v1 writes "no limit" as the largest page-aligned number
_CGROUP_NO_LIMIT = 2**60


def read_linux(root: Path, machine: str, usable_cpus: frozenset[int] | None) -> CpuFacts:
    """Return the CPU's facts from /proc and /sys under `root`.

    `usable_cpus` are the logical CPUs that this process may run on, None for all.
    """
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    processors = parse_cpuinfo(cpuinfo)
    cores = count_cores(processors, usable_cpus)
    quota = _quota(root)
    small = count_cores(processors, _small_cpus(root, usable_cpus)) or 0
    notes = []
    if quota is not None and (cores is None or quota < cores):
        notes.append(f"a control group limits this process to {quota:g} CPUs")
        cores = quota
    if small:
        notes.append(f"{small:g} of the cores are efficiency cores and count half")
    first = processors[0] if processors else {}
    return CpuFacts(
        model_name=cpu_name(first, cpuinfo),
        vendor=_VENDORS.get(first.get("vendor_id", first.get("CPU implementer", "")).lower(), ""),
        machine=machine,
        flags=frozenset(first.get("flags", first.get("Features", "")).split()),
        usable_cores=cores,
        clock_hz=_clock(root, first),
        memory_bytes=_memory(root),
        efficiency_cores=int(small),
        cpu_family=_whole(first.get("cpu family")),
        cache_bytes=parse_kb(first.get("cache size", "")),
        notes=tuple(notes),
    )


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """Return one mapping per logical CPU of /proc/cpuinfo."""
    blocks: list[dict[str, str]] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in pairs}
        if "processor" in fields:
            blocks.append(fields)
    return blocks


def count_cores(processors: list[dict[str, str]], usable: frozenset[int] | None) -> float | None:
    """Return the physical cores among the usable logical CPUs; two threads of a core are one."""
    chosen = [
        fields
        for fields in processors
        if usable is None or _whole(fields.get("processor")) in usable
    ]
    if not chosen:
        return None
    cores = {
        (fields.get("physical id", "0"), fields.get("core id", fields.get("processor")))
        for fields in chosen
    }
    return float(len(cores))


def cpu_name(first: Mapping[str, str], cpuinfo: str) -> str:
    """Return the name that /proc/cpuinfo gives, on ARM the core's or the board's."""
    part = (first.get("CPU implementer", "").lower(), first.get("CPU part", "").lower())
    board = re.search(r"^Model\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if "model name" in first:
        return first["model name"]
    if board is not None:
        return board.group(1).strip()
    return _ARM_CORES[part][0] if part in _ARM_CORES else "unnamed CPU"


def parse_cpu_max(text: str) -> float | None:
    """Return the CPUs that cgroup v2's cpu.max allows, None for no limit."""
    quota, _, period = text.strip().partition(" ")
    if quota == "max" or not quota.isdigit() or not period.strip().isdigit():
        return None
    return int(quota) / int(period)


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the CPUs of a kernel list such as `0-3,8`."""
    ranges = (part.partition("-") for part in text.strip().split(",") if part)
    return frozenset(
        cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1)
    )


def parse_limit(text: str) -> float | None:
    """Return the bytes of a cgroup memory limit, None for no limit."""
    text = text.strip()
    return int(text) if text.isdigit() and int(text) < _CGROUP_NO_LIMIT else None


def parse_kb(text: str) -> int | None:
    """Return the bytes of `36608 KB` or `MemTotal: 1 kB` values."""
    match = re.search(r"(\d+)\s*kb", text, re.IGNORECASE)
    return int(match.group(1)) * 1024 if match else None


def parse_meminfo(text: str) -> int | None:
    """Return MemTotal of /proc/meminfo in bytes."""
    match = re.search(r"^MemTotal:.*$", text, re.MULTILINE)
    return parse_kb(match.group(0)) if match else None


def parse_sysctl(text: str) -> dict[str, str]:
    """Return `key: value` lines of macOS's sysctl."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def macos_facts(sysctl: Mapping[str, str], machine: str) -> CpuFacts:
    """Return the CPU's facts from sysctl; on Apple silicon the performance cores are counted."""
    name = sysctl.get("machdep.cpu.brand_string", "unnamed CPU")
    series = name.split()[1].lower() if name.startswith("Apple M") else ""
    cores = sysctl.get("hw.perflevel0.physicalcpu", sysctl.get("hw.physicalcpu"))
    intel_flags = sysctl.get("machdep.cpu.features", "") + " "
    intel_flags += sysctl.get("machdep.cpu.leaf7_features", "")
    clock = _whole(sysctl.get("hw.cpufrequency"))
    return CpuFacts(
        model_name=name,
        vendor="apple" if series else "intel",
        machine=machine,
        flags=frozenset(_APPLE_FLAGS.get(series, set()) | set(intel_flags.lower().split())),
        usable_cores=None if cores is None else float(cores),
        clock_hz=_APPLE_CLOCK_HZ.get(series, None if clock is None else float(clock)),
        memory_bytes=_whole(sysctl.get("hw.memsize")),
        notes=("only performance cores are counted",) if series else (),
    )


def read_macos(run: RunTool, machine: str) -> tuple[CpuFacts, list[ToolOutput]]:
    """Return the CPU's facts on macOS and the tool output they come from."""
    output = run(("sysctl", "machdep.cpu", "hw"))
    text = output.text if output else ""
    return macos_facts(parse_sysctl(text), machine), [output] if output else []


def read_elsewhere(
    environment: Mapping[str, str], machine: str, run: RunTool
) -> tuple[CpuFacts, list[ToolOutput]]:
    """Return what Windows' environment says; clock and instruction sets stay unknown."""
    ask = "(Get-CimInstance Win32_ComputerSystem).TotalPhysicalMemory"
    output = run(("powershell", "-NoProfile", "-Command", ask))
    identifier = environment.get("PROCESSOR_IDENTIFIER", "unnamed CPU")
    vendor = next((v for key, v in _VENDORS.items() if key in identifier.lower()), "")
    threads = environment.get("NUMBER_OF_PROCESSORS", str(os.cpu_count() or ""))
    facts = CpuFacts(
        model_name=identifier,
        vendor=vendor,
        machine=machine,
        flags=frozenset(),
        usable_cores=float(threads) if threads.isdigit() else None,
        clock_hz=None,
        memory_bytes=_whole(output.text.strip()) if output else None,
        notes=("logical CPUs are counted; instruction sets and clock are not readable here",),
    )
    return facts, [output] if output else []


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _small_cpus(root: Path, usable: frozenset[int] | None) -> frozenset[int]:
    """Return the usable logical CPUs that the kernel lists as a hybrid Intel CPU's small cores."""
    small = parse_cpu_list(_text(root / "sys/devices/cpu_atom/cpus") or "")
    return small if usable is None else small & usable


def _control_groups(root: Path) -> list[Path]:
    """Return this process's control group (version 2) and those above it."""
    base = root / "sys/fs/cgroup"
    lines = (_text(root / "proc/self/cgroup") or "").splitlines()
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    path = Path(own)
    return [base / path, *(base / above for above in path.parents)]


def _lowest(parse: Callable[[str], float | None], paths: list[Path]) -> float | None:
    texts = [text for path in paths if (text := _text(path)) is not None]
    values = [value for text in texts if (value := parse(text)) is not None]
    return min(values, default=None)


def _quota(root: Path) -> float | None:
    """Return the CPUs that control groups allow, version 2 and then 1."""
    quota = _lowest(parse_cpu_max, [group / "cpu.max" for group in _control_groups(root)])
    if quota is not None:
        return quota
    old_quota = _text(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    period = _text(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if old_quota is None or period is None:
        return None
    return parse_cpu_max(f"{old_quota.strip()} {period}")


def _memory(root: Path) -> int | None:
    total = parse_meminfo(_text(root / "proc/meminfo") or "")
    limits = [group / "memory.max" for group in _control_groups(root)]
    limits.append(root / "sys/fs/cgroup/memory/memory.limit_in_bytes")
    limit = _lowest(parse_limit, limits)
    known = [int(size) for size in (total, limit) if size is not None]
    return min(known) if known else None


def _clock(root: Path, first: Mapping[str, str]) -> float | None:
    """Return the clock in Hz: the name's base clock, else the kernel's maximum, else the core's."""
    named = re.search(r"@\s*([\d.]+)\s*GHz", first.get("model name", ""), re.IGNORECASE)
    if named is not None:
        return float(named.group(1)) * 1e9
    khz = _text(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    if khz is not None and khz.strip().isdigit():
        return int(khz) * 1e3
    if "cpu MHz" in first:
        return float(first["cpu MHz"]) * 1e6
    part = (first.get("CPU implementer", "").lower(), first.get("CPU part", "").lower())
    return _ARM_CORES[part][1] if part in _ARM_CORES else None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None
