"""This machine's hardware: its GPUs as the vendors' tools report them, and always its CPU."""

import os
import platform as host
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from perfpredict.catalog.cpu_rates import CpuFacts, derive_cpu
from perfpredict.catalog.detect_cpu import read_elsewhere, read_linux, read_macos
from perfpredict.catalog.detect_gpu import GpuReport, read_gpus
from perfpredict.catalog.devices import DeviceCatalog, load_builtin
from perfpredict.catalog.tools import RunTool, ToolOutput, run_tool
from perfpredict.domain.device import Device, DeviceKind, Origin, Platform
from perfpredict.errors import UnknownDeviceError

_SAME_MEMORY = 0.12
"""Reported memory this close to an entry's is the same card; reserved memory and ECC take 6 %."""
_VARIANT = re.compile(r"\d+gb|gcd")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedDevice:
    """One kind of device in this machine."""

    name: str
    """The catalog's name where there is an entry, else as the tool reports it."""
    platform: Platform
    count: int
    memory_bytes: int | None
    """Of one device, as reported here; None where nothing reports it."""
    driver: str
    how: str
    """Where it was read: `nvidia-smi`, `/proc/cpuinfo` …"""
    device: Device | None
    """Its rates, or None where neither the catalog nor the machine tells them."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Everything that was found, and what the tools said."""

    devices: tuple[DetectedDevice, ...]
    """Accelerators first, the CPU last."""
    cpu: CpuFacts
    notes: tuple[str, ...]
    outputs: tuple[ToolOutput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine to look at; the tests pass a directory and recorded tool outputs instead."""

    system: str
    machine: str
    root: Path
    run: RunTool
    usable_cpus: frozenset[int] | None
    environment: Mapping[str, str]


def this_host() -> Host:
    """Return the machine that this process runs on."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return Host(
        system=host.system(),
        machine=host.machine().lower(),
        root=Path("/"),
        run=run_tool,
        usable_cpus=frozenset(os.sched_getaffinity(0)) if has_affinity else None,
        environment=os.environ,
    )


def detect(machine: Host | None = None) -> tuple[DetectedDevice, ...]:
    """Return the devices of this machine, accelerators first, the CPU last and always there.

    A tool that is installed but fails is told in the CPU's notes (and in `survey`'s).
    """
    return survey(machine).devices


def survey(machine: Host | None = None) -> Survey:
    """Return the devices of this machine with the tools' own words."""
    where = machine or this_host()
    cpu, cpu_outputs = _read_cpu(where)
    reports, notes, gpu_outputs = read_gpus(where.run)
    found = [_detected_gpu(report, cpu) for report in reports]
    return Survey(
        devices=(*found, _detected_cpu(cpu, where, tuple(notes))),
        cpu=cpu,
        notes=tuple(notes) + cpu.notes,
        outputs=(*gpu_outputs, *cpu_outputs),
    )


def _read_cpu(where: Host) -> tuple[CpuFacts, list[ToolOutput]]:
    if where.system == "Linux":
        return read_linux(where.root, where.machine, where.usable_cpus), []
    if where.system == "Darwin":
        return read_macos(where.run, where.machine)
    return read_elsewhere(where.environment, where.machine, where.run)


def _detected_cpu(cpu: CpuFacts, where: Host, notes: tuple[str, ...]) -> DetectedDevice:
    device = _whole_catalog_cpu(cpu) or derive_cpu(cpu)
    if device is None:
        notes += ("its rates are unknown here; 'perfpredict hardware probe' measures them",)
    sources = {"Linux": "/proc/cpuinfo", "Darwin": "sysctl"}
    return DetectedDevice(
        name="local-cpu" if device is None else device.name,
        platform=Platform.CPU,
        count=1,
        memory_bytes=cpu.memory_bytes,
        driver="",
        how=sources.get(where.system, "environment"),
        device=device,
        notes=(cpu.model_name, *cpu.notes, *notes),
    )


def _whole_catalog_cpu(cpu: CpuFacts) -> Device | None:
    """Return the catalog's CPU of this name, but only where all of its cores are usable here.

    A virtual machine with 2 of 40 cores is not that CPU.
    """
    device = _look_up(cpu.model_name)
    if device is None or device.kind is not DeviceKind.CPU:
        return None
    if device.compute_units != cpu.usable_cores:
        return None
    if cpu.memory_bytes is None:
        return device
    return replace(device, memory_bytes=cpu.memory_bytes, origin=Origin.DETECTED)


def _detected_gpu(report: GpuReport, cpu: CpuFacts) -> DetectedDevice:
    entry = _look_up(report.name)
    notes: tuple[str, ...] = ()
    memory = report.memory_bytes
    if entry is None:
        notes = (f"no catalog entry for '{report.name}'; 'perfpredict hardware add' makes one",)
    else:
        if memory is None and entry.kind is DeviceKind.SOC:
            memory = cpu.memory_bytes
        entry, notes = _fit(entry, memory, report.cores)
    return DetectedDevice(
        name=report.name if entry is None else entry.name,
        platform=report.platform,
        count=report.count,
        memory_bytes=memory,
        driver=report.driver,
        how=report.how,
        device=entry,
        notes=notes,
    )


def _fit(entry: Device, memory: int | None, cores: int | None) -> tuple[Device, tuple[str, ...]]:
    """Return the variant of `entry` with this memory and core count, and notes on what differs."""
    notes: tuple[str, ...] = ()
    variants = [entry, *(d for n, d in load_builtin().items() if _is_variant(n, entry.name))]
    if memory is not None:
        near = [v for v in variants if abs(v.memory_bytes / memory - 1) <= _SAME_MEMORY]
        if near:
            entry = near[0]
        elif not _differ_in_cores(entry, cores):
            entry = replace(entry, memory_bytes=memory, origin=Origin.DETECTED)
            notes = ("memory is as reported here, not as in the catalog",)
    if cores is not None and _differ_in_cores(entry, cores):
        return _scaled(entry, cores, memory), (
            f"{cores} GPU cores here; rates scaled from the {entry.compute_units} of the catalog",
        )
    return entry, notes


def _is_variant(name: str, of: str) -> bool:
    """Return whether `name` is `of` with another memory size, or one die of it."""
    return name.startswith(f"{of}-") and _VARIANT.fullmatch(name.removeprefix(f"{of}-")) is not None


def _differ_in_cores(entry: Device, cores: int | None) -> bool:
    return cores is not None and entry.compute_units is not None and entry.compute_units != cores


def _scaled(entry: Device, cores: int, memory: int | None) -> Device:
    share = cores / (entry.compute_units or cores)
    return replace(
        entry,
        name=f"local-{entry.name}",
        compute_units=cores,
        peak_flops_per_s={p: rate * share for p, rate in entry.peak_flops_per_s.items()},
        memory_bytes=memory or entry.memory_bytes,
        aliases=(),
        origin=Origin.DETECTED,
    )


def _look_up(name: str) -> Device | None:
    try:
        return DeviceCatalog().find(name)
    except UnknownDeviceError:
        return None
