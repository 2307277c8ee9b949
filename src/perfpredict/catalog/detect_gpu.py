"""Reads the vendors' tools for GPUs; the parsers are pure functions of what the tools print."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from perfpredict.catalog.tools import RunTool, ToolOutput
from perfpredict.domain.device import Platform

_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "mib": 2**20, "gb": 2**30, "gib": 2**30}
"""Driver tools mean powers of two whatever they write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReport:
    """GPUs of one kind as a tool reports them."""

    name: str
    platform: Platform
    count: int = 1
    memory_bytes: int | None = None
    """Of one GPU; None where the tool does not say, as on chips with shared memory."""
    driver: str = ""
    cores: int | None = None
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    command: tuple[str, ...]
    parse: Callable[[str], list[GpuReport]]


def parse_nvidia_smi(text: str) -> list[GpuReport]:
    """Return the GPUs of `nvidia-smi --query-gpu=name,memory.total,driver_version` as CSV."""
    reports = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, memory, driver = (field.strip() for field in line.rsplit(",", 2))
        reports.append(
            GpuReport(
                name=name,
                platform=Platform.CUDA,
                memory_bytes=int(memory) * 2**20 if memory.isdigit() else None,
                driver=driver,
                how="nvidia-smi",
            )
        )
    return _group(reports)


def parse_amd_smi(text: str) -> list[GpuReport]:
    """Return the GPUs of `amd-smi static --asic --vram --driver --json`, old and new layout."""
    content = json.loads(text)
    entries = content.get("gpu_data", []) if isinstance(content, dict) else content
    reports = []
    for entry in entries:
        size = entry.get("vram", {}).get("size")
        reports.append(
            GpuReport(
                name=str(entry["asic"]["market_name"]),
                platform=Platform.ROCM,
                memory_bytes=_sized(size),
                driver=str(entry.get("driver", {}).get("version", "")),
                how="amd-smi",
            )
        )
    return _group(reports)


def parse_rocm_smi(text: str) -> list[GpuReport]:
    """Return the GPUs of `rocm-smi --showproductname --showmeminfo vram … --json`."""
    content: dict[str, dict[str, str]] = json.loads(text)
    driver = content.get("system", {}).get("Driver version", "")
    reports = []
    for card, fields in content.items():
        if not card.startswith("card"):
            continue
        lower = {key.lower(): value for key, value in fields.items()}
        memory = lower.get("vram total memory (b)", "")
        reports.append(
            GpuReport(
                name=lower.get("card series") or lower.get("card model") or card,
                platform=Platform.ROCM,
                memory_bytes=int(memory) if memory.isdigit() else None,
                driver=driver,
                how="rocm-smi",
            )
        )
    return _group(reports)


def parse_system_profiler(text: str) -> list[GpuReport]:
    """Return Apple's GPU of `system_profiler SPDisplaysDataType -json`; others have no MPS."""
    content: dict[str, list[dict[str, str]]] = json.loads(text)
    reports = []
    for entry in content.get("SPDisplaysDataType", []):
        name = entry.get("sppci_model", entry.get("_name", ""))
        if name.startswith("Apple"):
            cores = entry.get("sppci_cores", "")
            reports.append(
                GpuReport(
                    name=name,
                    platform=Platform.MPS,
                    cores=int(cores) if cores.isdigit() else None,
                    how="system_profiler",
                )
            )
    return _group(reports)


_NVIDIA = _Tool(
    command=(
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader,nounits",
    ),
    parse=parse_nvidia_smi,
)
_AMD = (
    _Tool(
        command=("amd-smi", "static", "--asic", "--vram", "--driver", "--json"),
        parse=parse_amd_smi,
    ),
    _Tool(
        command=(
            "rocm-smi",
            "--showproductname",
            "--showmeminfo",
            "vram",
            "--showdriverversion",
            "--json",
        ),
        parse=parse_rocm_smi,
    ),
)
_APPLE = _Tool(
    command=("system_profiler", "SPDisplaysDataType", "-json"), parse=parse_system_profiler
)


def read_gpus(run: RunTool) -> tuple[list[GpuReport], list[str], list[ToolOutput]]:
    """Return the GPUs, a note for each tool that failed, and what the tools printed.

    `rocm-smi` is asked only where `amd-smi` finds nothing, so that no GPU is counted twice.
    """
    reports: list[GpuReport] = []
    notes: list[str] = []
    outputs: list[ToolOutput] = []
    for tools in ((_NVIDIA,), _AMD, (_APPLE,)):
        for tool in tools:
            found = _ask(tool, run, notes, outputs)
            reports += found
            if found:
                break
    return reports, notes, outputs


def _ask(tool: _Tool, run: RunTool, notes: list[str], outputs: list[ToolOutput]) -> list[GpuReport]:
    output = run(tool.command)
    if output is None:
        return []
    outputs.append(output)
    if output.failure is not None:
        notes.append(f"{tool.command[0]} is installed but failed: {output.failure}")
        return []
    try:
        return tool.parse(output.text)
    except (ValueError, KeyError, AttributeError, TypeError) as exc:
        notes.append(f"{tool.command[0]} printed what cannot be read: {exc!r}")
        return []


def _sized(size: object) -> int | None:
    """Return bytes of amd-smi's size, `{"value": 196592, "unit": "MB"}` or `196592 MB`."""
    if isinstance(size, Mapping):
        size = f"{size.get('value')} {size.get('unit')}"
    number, _, unit = str(size).partition(" ")
    known = number.isdigit() and unit.strip().lower() in _UNITS
    return int(number) * _UNITS[unit.strip().lower()] if known else None


def _group(reports: list[GpuReport]) -> list[GpuReport]:
    """Return equal reports once, with their count."""
    return [
        GpuReport(
            name=report.name,
            platform=report.platform,
            count=count,
            memory_bytes=report.memory_bytes,
            driver=report.driver,
            cores=report.cores,
            how=report.how,
        )
        for report, count in Counter(reports).items()
    ]
