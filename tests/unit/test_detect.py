"""Detection: parsers on realistic tool output, the rates of a CPU, and the probe."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from perfpredict.catalog.cpu_rates import CpuFacts, derive_cpu, flop_per_clock
from perfpredict.catalog.detect import Host, detect, survey
from perfpredict.catalog.detect_cpu import (
    count_cores,
    cpu_name,
    macos_facts,
    parse_cpu_list,
    parse_cpu_max,
    parse_cpuinfo,
    parse_limit,
    parse_meminfo,
    parse_sysctl,
    read_linux,
)
from perfpredict.catalog.detect_gpu import (
    parse_amd_smi,
    parse_nvidia_smi,
    parse_rocm_smi,
    parse_system_profiler,
)
from perfpredict.catalog.devices import load_builtin
from perfpredict.catalog.probe import (
    ProbeResult,
    array_bytes,
    environment_notes,
    probe_cpu,
    probed_device,
)
from perfpredict.catalog.tools import ToolOutput, run_tool
from perfpredict.domain.device import Origin, Platform
from perfpredict.domain.precision import Precision
from perfpredict.errors import CannotAnswerError, InvalidInputError

SERVER_FLAGS = (
    "fpu sse sse2 avx avx2 fma f16c avx512f avx512dq avx512bw avx512vl avx512_vnni avx_vnni "
    "avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8"
)


def x86_cpuinfo(name: str, threads: int, cores: int, flags: str, vendor: str = "Intel") -> str:
    vendor_id = {"Intel": "GenuineIntel", "AMD": "AuthenticAMD"}[vendor]
    blocks = [
        f"processor\t: {i}\nvendor_id\t: {vendor_id}\ncpu family\t: 6\nmodel name\t: {name}\n"
        f"cpu MHz\t\t: 2600.000\ncache size\t: 36608 KB\nphysical id\t: 0\n"
        f"core id\t\t: {i % cores}\nflags\t\t: {flags}\n"
        for i in range(threads)
    ]
    return "\n".join(blocks) + "\n"


PI_CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

processor\t: 1
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b

Revision\t: d04171
Model\t\t: Raspberry Pi 5 Model B Rev 1.1
"""

NVIDIA_SMI = """NVIDIA A100-SXM4-40GB, 40960, 550.54.15
NVIDIA A100-SXM4-40GB, 40960, 550.54.15
NVIDIA GeForce RTX 4090, 24564, 550.54.15
"""
AMD_SMI = json.dumps(
    [
        {
            "gpu": gpu,
            "asic": {"market_name": "AMD Instinct MI300X", "vendor_id": "0x1002"},
            "vram": {"type": "HBM", "size": {"value": 196592, "unit": "MB"}},
            "driver": {"name": "amdgpu", "version": "6.8.5"},
        }
        for gpu in range(8)
    ]
)
ROCM_SMI = json.dumps(
    {
        "card0": {
            "Card Series": "AMD Instinct MI250",
            "Card Model": "0x740c",
            "VRAM Total Memory (B)": "68702699520",
        },
        "card1": {
            "Card Series": "AMD Instinct MI250",
            "Card Model": "0x740c",
            "VRAM Total Memory (B)": "68702699520",
        },
        "system": {"Driver version": "6.3.6"},
    }
)
SYSTEM_PROFILER = json.dumps(
    {
        "SPDisplaysDataType": [
            {
                "_name": "Apple M1 Max",
                "spdisplays_vendor": "sppci_vendor_Apple",
                "sppci_cores": "24",
                "sppci_model": "Apple M1 Max",
            }
        ]
    }
)
SYSCTL_M1_MAX = """machdep.cpu.brand_string: Apple M1 Max
hw.physicalcpu: 10
hw.perflevel0.physicalcpu: 8
hw.memsize: 34359738368
"""


def fake_host(
    root: Path,
    tools: Mapping[str, ToolOutput | str],
    system: str = "Linux",
    machine: str = "x86_64",
) -> Host:
    def run(command: Sequence[str]) -> ToolOutput | None:
        output = tools.get(command[0])
        if isinstance(output, str):
            return ToolOutput(command=" ".join(command), text=output)
        return output

    return Host(
        system=system,
        machine=machine,
        root=root,
        run=run,
        usable_cpus=None,
        environment={"PROCESSOR_IDENTIFIER": "Intel64 Family 6, GenuineIntel"},
    )


def write_linux(root: Path, cpuinfo: str, files: Mapping[str, str] | None = None) -> Path:
    content = {
        "proc/cpuinfo": cpuinfo,
        "proc/meminfo": "MemTotal:       65536000 kB\nMemFree: 1 kB\n",
    }
    for name, text in (content | dict(files or {})).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def facts(flags: str, name: str = "Intel(R) Xeon(R) Processor", **changes: object) -> CpuFacts:
    base = CpuFacts(
        model_name=name,
        vendor="intel",
        machine="x86_64",
        flags=frozenset(flags.split()),
        usable_cores=2,
        clock_hz=2.6e9,
        memory_bytes=2**34,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_nvidia_smi_lines_are_grouped_and_counted() -> None:
    a100, rtx = parse_nvidia_smi(NVIDIA_SMI)

    assert (a100.name, a100.count, a100.memory_bytes) == (
        "NVIDIA A100-SXM4-40GB",
        2,
        40960 * 2**20,
    )
    assert (rtx.driver, rtx.platform) == ("550.54.15", Platform.CUDA)


def test_nvidia_smi_on_shared_memory_has_no_memory_size() -> None:
    (orin,) = parse_nvidia_smi("Orin (nvgpu), [N/A], 540.3.0\n")

    assert orin.memory_bytes is None


@pytest.mark.parametrize("wrap", [False, True])
def test_amd_smi_json_in_both_layouts(wrap: bool) -> None:
    text = json.dumps({"gpu_data": json.loads(AMD_SMI)}) if wrap else AMD_SMI
    (mi300x,) = parse_amd_smi(text)

    assert (mi300x.name, mi300x.count) == ("AMD Instinct MI300X", 8)
    assert mi300x.memory_bytes == 196592 * 2**20


def test_rocm_smi_json() -> None:
    (mi250,) = parse_rocm_smi(ROCM_SMI)

    assert (mi250.name, mi250.count, mi250.driver) == ("AMD Instinct MI250", 2, "6.3.6")


def test_system_profiler_gives_apples_gpu_and_no_other() -> None:
    (m1,) = parse_system_profiler(SYSTEM_PROFILER)
    amd = json.dumps({"SPDisplaysDataType": [{"sppci_model": "AMD Radeon Pro 5500M"}]})

    assert (m1.name, m1.cores, m1.platform) == ("Apple M1 Max", 24, Platform.MPS)
    assert parse_system_profiler(amd) == []


@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("-1 100000", None)]
)
def test_cgroup_quota(text: str, cpus: float | None) -> None:
    assert parse_cpu_max(text) == cpus


def test_cgroup_memory_limit_and_meminfo() -> None:
    assert parse_limit("max\n") is None
    assert parse_limit("9223372036854771712\n") is None
    assert parse_limit("2147483648\n") == 2**31
    assert parse_meminfo("MemTotal:       24684084 kB\nMemFree: 1 kB\n") == 24684084 * 1024
    assert parse_meminfo("") is None


def test_two_threads_of_one_core_are_one_core() -> None:
    processors = parse_cpuinfo(x86_cpuinfo("Some CPU", threads=8, cores=4, flags="avx2 fma"))

    assert count_cores(processors, None) == 4
    assert count_cores(processors, frozenset({0, 4})) == 1
    assert count_cores([], None) is None


def test_an_arm_board_is_named_by_its_model_line() -> None:
    processors = parse_cpuinfo(PI_CPUINFO)

    assert cpu_name(processors[0], PI_CPUINFO) == "Raspberry Pi 5 Model B Rev 1.1"
    assert count_cores(processors, None) == 2
    neoverse = {"CPU implementer": "0x41", "CPU part": "0xd40"}
    assert cpu_name(neoverse, "") == "Neoverse-V1"


@pytest.mark.parametrize(
    ("flags", "name", "fp32"),
    [
        ("sse2", "Intel(R) Core(TM)2 Quad CPU Q8400", 8),
        ("avx", "Intel(R) Core(TM) i7-2600", 16),
        ("avx avx2 fma", "Intel(R) Core(TM) i7-12700H", 32),
        ("avx2 fma avx512f", "11th Gen Intel(R) Core(TM) i7-1185G7 @ 3.00GHz", 32),
        ("avx2 fma avx512f", "Intel(R) Core(TM) i9-10940X CPU @ 3.30GHz", 64),
        ("avx2 fma avx512f", "Intel(R) Xeon(R) Processor", 64),
    ],
)
def test_fp32_flop_per_clock_by_instruction_set(flags: str, name: str, fp32: int) -> None:
    assert flop_per_clock(facts(flags, name))[Precision.FP32] == fp32


def test_zen_4_splits_512_bits_and_zen_5_does_not() -> None:
    flags = "avx2 fma avx512f avx512_bf16 avx512_vnni"
    zen4 = facts(flags, "AMD EPYC 9654", vendor="amd", cpu_family=25)

    assert flop_per_clock(zen4) == {
        Precision.FP32: 32,
        Precision.BF16: 64,
        Precision.INT8: 128,
    }
    zen5 = replace(zen4, cpu_family=26)
    assert flop_per_clock(zen5)[Precision.FP32] == 64
    laptop = replace(zen5, model_name="AMD Ryzen AI 5 340 w/ Radeon 840M")
    assert flop_per_clock(laptop)[Precision.FP32] == 32


def test_low_precision_exists_only_with_its_instructions() -> None:
    assert set(flop_per_clock(facts("avx2 fma"))) == {Precision.FP32}
    amx = flop_per_clock(facts(SERVER_FLAGS))
    assert (amx[Precision.BF16], amx[Precision.INT8], amx[Precision.FP16]) == (1024, 2048, 128)
    pi = facts("fp asimd asimdhp asimddp", machine="aarch64", vendor="arm")
    assert flop_per_clock(pi) == {Precision.FP32: 16, Precision.FP16: 32, Precision.INT8: 64}
    old_pi = facts("fp asimd", machine="aarch64", vendor="arm")
    assert flop_per_clock(old_pi) == {Precision.FP32: 8}
    assert flop_per_clock(facts("", machine="riscv64")) == {Precision.FP32: 2}


@pytest.mark.parametrize(
    ("name", "flags", "clock_hz"),
    [
        ("intel-xeon-8380", "avx2 fma avx512f avx512_vnni", 2.3e9),
        ("intel-xeon-8480-plus", SERVER_FLAGS, 2.0e9),
        ("intel-i9-10940x", "avx2 fma avx512f avx512_vnni", 3.3e9),
    ],
)
def test_derived_rates_equal_the_catalogs(name: str, flags: str, clock_hz: float) -> None:
    entry = load_builtin()[name]
    model = next(alias for alias in entry.aliases if alias.startswith("Intel(R)"))
    derived = derive_cpu(
        facts(flags, model, usable_cores=float(entry.compute_units or 0), clock_hz=clock_hz)
    )

    assert derived is not None
    for precision, rate in entry.peak_flops_per_s.items():
        assert derived.peak_flops_per_s[precision] == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize("missing", ["usable_cores", "clock_hz", "memory_bytes"])
def test_a_cpu_without_a_known_clock_has_no_derived_rates(missing: str) -> None:
    known = facts("avx2 fma")

    assert derive_cpu(known) is not None
    assert derive_cpu(replace(known, **{missing: None})) is None  # type: ignore[arg-type]


def test_more_cores_never_have_less_bandwidth() -> None:
    rates = []
    for cores in (1, 2, 8, 56):
        device = derive_cpu(facts(SERVER_FLAGS, usable_cores=float(cores)))
        assert device is not None
        rates.append(device.bandwidth_bytes_per_s)

    assert rates == sorted(rates)
    assert rates[-1] == 307.2e9


def test_a_virtual_machine_that_hides_the_name_is_a_local_cpu(tmp_path: Path) -> None:
    cpuinfo = x86_cpuinfo("Intel(R) Xeon(R) Processor", threads=2, cores=2, flags=SERVER_FLAGS)
    (cpu,) = detect(fake_host(write_linux(tmp_path, cpuinfo), {}))

    assert (cpu.name, cpu.platform, cpu.how) == ("local-cpu", Platform.CPU, "/proc/cpuinfo")
    assert cpu.device is not None
    assert cpu.device.origin is Origin.DETECTED
    assert "Intel(R) Xeon(R) Processor" in cpu.device.note
    assert cpu.device.peak_flops_per_s[Precision.FP32] == pytest.approx(2 * 2.6e9 * 64)
    assert cpu.memory_bytes == 65536000 * 1024


def test_a_whole_known_cpu_is_the_catalogs_and_a_part_of_it_is_not(tmp_path: Path) -> None:
    name = "Intel(R) Core(TM) i9-10940X CPU @ 3.30GHz"
    flags = "avx2 fma avx512f avx512_vnni"
    whole = write_linux(tmp_path / "whole", x86_cpuinfo(name, 28, 14, flags))
    part = write_linux(tmp_path / "part", x86_cpuinfo(name, 4, 4, flags))

    assert detect(fake_host(whole, {}))[-1].name == "intel-i9-10940x"
    assert detect(fake_host(part, {}))[-1].name == "local-cpu"


def test_a_control_group_limits_cores_and_memory(tmp_path: Path) -> None:
    root = write_linux(
        tmp_path,
        x86_cpuinfo("Some CPU", 8, 8, "avx2 fma"),
        {"sys/fs/cgroup/cpu.max": "150000 100000\n", "sys/fs/cgroup/memory.max": "1073741824\n"},
    )
    cpu = read_linux(root, "x86_64", None)

    assert cpu.usable_cores == 1.5
    assert cpu.memory_bytes == 2**30
    assert cpu.notes == ("a control group limits this process to 1.5 CPUs",)


def test_the_older_control_groups_are_read_too(tmp_path: Path) -> None:
    root = write_linux(
        tmp_path,
        x86_cpuinfo("Some CPU", 8, 8, "avx2 fma"),
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
        },
    )
    cpu = read_linux(root, "x86_64", None)

    assert (cpu.usable_cores, cpu.memory_bytes) == (2.0, 2**31)


def test_a_limit_of_an_upper_control_group_counts_too(tmp_path: Path) -> None:
    root = write_linux(
        tmp_path,
        x86_cpuinfo("Some CPU", 8, 8, "avx2 fma"),
        {
            "proc/self/cgroup": "0::/user.slice/job.scope\n",
            "sys/fs/cgroup/user.slice/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user.slice/job.scope/memory.max": "2147483648\n",
            "sys/fs/cgroup/user.slice/memory.max": "max\n",
        },
    )
    cpu = read_linux(root, "x86_64", None)

    assert (cpu.usable_cores, cpu.memory_bytes) == (4.0, 2**31)


def test_efficiency_cores_count_half(tmp_path: Path) -> None:
    root = write_linux(
        tmp_path,
        x86_cpuinfo("13th Gen Intel(R) Core(TM) i5-1340P", 12, 12, "avx2 fma"),
        {"sys/devices/cpu_atom/cpus": "4-11\n"},
    )
    cpu = read_linux(root, "x86_64", None)
    device = derive_cpu(cpu)

    assert (cpu.usable_cores, cpu.efficiency_cores) == (12.0, 8)
    assert device is not None
    assert device.peak_flops_per_s[Precision.FP32] == pytest.approx((4 + 8 / 2) * 2.6e9 * 32)
    assert device.compute_units == 12
    assert parse_cpu_list("0-1,4\n") == {0, 1, 4}
    assert parse_cpu_list("") == frozenset()


def test_gpus_come_first_with_the_catalogs_rates(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    a100, rtx, cpu = detect(fake_host(root, {"nvidia-smi": NVIDIA_SMI}))

    assert (a100.name, a100.count) == ("nvidia-a100-sxm-40gb", 2)
    assert rtx.device == load_builtin()["nvidia-rtx-4090"]
    assert cpu.platform is Platform.CPU


def test_one_die_of_a_module_is_not_the_module(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    mi250, _ = detect(fake_host(root, {"rocm-smi": ROCM_SMI}))

    assert (mi250.name, mi250.count) == ("amd-mi250-gcd", 2)


def test_a_gpu_is_not_counted_by_both_amd_tools(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    found = detect(fake_host(root, {"amd-smi": AMD_SMI, "rocm-smi": ROCM_SMI}))

    assert [(d.name, d.count) for d in found[:-1]] == [("amd-mi300x", 8)]


def test_an_unknown_gpu_is_reported_without_rates(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    gpu, _ = detect(fake_host(root, {"nvidia-smi": "NVIDIA X9000, 1024, 999.1\n"}))

    assert (gpu.name, gpu.device, gpu.memory_bytes) == ("NVIDIA X9000", None, 2**30)
    assert "no catalog entry for 'NVIDIA X9000'" in gpu.notes[0]


def test_a_card_with_other_memory_keeps_its_own(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    gpu, _ = detect(fake_host(root, {"nvidia-smi": "NVIDIA GeForce RTX 3080, 12288, 550.1\n"}))

    assert gpu.device is not None
    assert (gpu.name, gpu.device.memory_bytes) == ("nvidia-rtx-3080", 12288 * 2**20)
    assert gpu.device.origin is Origin.DETECTED


def test_a_tool_that_fails_is_told(tmp_path: Path) -> None:
    root = write_linux(tmp_path, x86_cpuinfo("Some CPU", 4, 4, "avx2 fma"))
    failed = ToolOutput(command="nvidia-smi", text="", failure="exit 9: couldn't communicate")
    found = survey(fake_host(root, {"nvidia-smi": failed, "amd-smi": "not json"}))

    assert len(found.devices) == 1
    assert "nvidia-smi is installed but failed: exit 9" in found.notes[0]
    assert "amd-smi printed what cannot be read" in found.notes[1]
    assert any("nvidia-smi" in note for note in found.devices[-1].notes)


def test_a_mac_has_its_gpu_scaled_to_its_cores(tmp_path: Path) -> None:
    tools = {"system_profiler": SYSTEM_PROFILER, "sysctl": SYSCTL_M1_MAX}
    gpu, cpu = detect(fake_host(tmp_path, tools, "Darwin", "arm64"))
    entry = load_builtin()["apple-m1-max-32gpu"]

    assert gpu.device is not None
    assert gpu.device.name == "local-apple-m1-max-32gpu"
    peak = gpu.device.peak_flops_per_s[Precision.FP32]
    assert peak == pytest.approx(entry.peak_flops_per_s[Precision.FP32] * 24 / 32)
    assert gpu.device.memory_bytes == 2**35
    assert cpu.device is not None
    assert cpu.device.peak_flops_per_s[Precision.FP32] == pytest.approx(8 * 3.2e9 * 32)


def test_an_intel_mac_is_read_from_sysctl() -> None:
    text = (
        "machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz\nhw.physicalcpu: 6\n"
        "machdep.cpu.features: FPU SSE FMA\nmachdep.cpu.leaf7_features: AVX2\n"
        "hw.cpufrequency: 2600000000\nhw.memsize: 17179869184\n"
    )
    cpu = macos_facts(parse_sysctl(text), "x86_64")

    assert (cpu.usable_cores, cpu.clock_hz, cpu.memory_bytes) == (6.0, 2.6e9, 2**34)
    assert flop_per_clock(cpu)[Precision.FP32] == 32


def test_windows_has_a_cpu_whose_rates_only_a_probe_can_tell(tmp_path: Path) -> None:
    host = fake_host(tmp_path, {"powershell": "17179869184\r\n"}, "Windows", "amd64")
    (cpu,) = detect(host)

    assert (cpu.name, cpu.memory_bytes, cpu.device) == ("local-cpu", 2**34, None)
    assert any("hardware probe" in note for note in cpu.notes)


def test_this_machine_has_a_cpu() -> None:
    cpu = detect()[-1]

    assert cpu.platform is Platform.CPU
    assert cpu.memory_bytes


def test_an_absent_tool_is_no_answer_and_a_failing_one_is_a_failure() -> None:
    assert run_tool(("no-such-tool-of-anyone",)) is None
    failed = run_tool(("sh", "-c", "echo broken >&2; exit 3"))
    assert failed is not None
    assert failed.failure == "exit 3: broken"
    said = run_tool(("sh", "-c", "echo fine"))
    assert said is not None
    assert (said.text, said.failure) == ("fine\n", None)


def a_probe() -> ProbeResult:
    return ProbeResult(
        fp32_flops_per_s=2e11,
        flops_per_s_by_size={1024: 2e11},
        copy_bytes_per_s=2e10,
        stream_bytes_per_s=3e10,
        array_bytes=2**26,
        threads="2 usable",
        library="numpy",
        how="products",
        notes=("a note",),
    )


def test_a_probed_device_has_measured_rates_and_scaled_precisions() -> None:
    derived = derive_cpu(facts(SERVER_FLAGS))
    device = probed_device(facts(SERVER_FLAGS), a_probe(), derived)

    assert device.is_probed
    assert (device.name, device.origin) == ("local-cpu", Origin.DETECTED)
    assert device.bandwidth_bytes_per_s == 3e10
    assert device.peak_flops_per_s[Precision.FP32] == pytest.approx(2e11)
    assert device.peak_flops_per_s[Precision.BF16] == pytest.approx(2e11 * 1024 / 64)
    assert "a note" in device.note


def test_a_probe_never_takes_a_catalog_entrys_name() -> None:
    entry = load_builtin()["intel-i9-10940x"]
    device = probed_device(facts("avx2 fma avx512f"), a_probe(), entry)

    assert device.name == "local-intel-i9-10940x"
    assert device.aliases == ()


def test_a_probe_makes_a_device_where_nothing_could_be_derived() -> None:
    unknown = facts("avx2 fma", clock_hz=None)
    device = probed_device(unknown, a_probe(), None)

    assert dict(device.peak_flops_per_s) == {Precision.FP32: 2e11}
    with pytest.raises(CannotAnswerError):
        probed_device(replace(unknown, memory_bytes=None), a_probe(), None)


def test_variables_that_hold_the_matrix_library_back_are_told() -> None:
    notes = environment_notes({"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1", "HOME": "/"})

    assert len(notes) == 2
    assert notes[0].startswith("OPENBLAS_CORETYPE=Haswell")
    assert environment_notes({}) == ()


@pytest.mark.parametrize(
    ("cache", "memory", "size"),
    [
        (None, None, 64 * 2**20),
        (32 * 2**20, None, 128 * 2**20),
        (480 * 2**20, None, 256 * 2**20),
        (480 * 2**20, 2**30, 64 * 2**20),
    ],
)
def test_arrays_are_larger_than_the_cache_but_leave_the_memory_free(
    cache: int | None, memory: int | None, size: int
) -> None:
    assert array_bytes(cache, memory) == size


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_probe_of_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidInputError, match="seconds must be above 0"):
        probe_cpu(seconds)


def test_a_short_probe_gives_plausible_rates() -> None:
    result = probe_cpu(0.05, memory_bytes=2**28, environment={"OMP_NUM_THREADS": "1"})

    assert 1e8 < result.fp32_flops_per_s < 1e14
    assert 1e8 < result.bandwidth_bytes_per_s < 1e13
    assert result.array_bytes == 2**24
    assert "numpy" in result.library
    assert any("OMP_NUM_THREADS=1" in note for note in result.notes)
