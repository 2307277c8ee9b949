"""Resident memory of this process and of others, and limits on it; Linux tells the most."""

import contextlib
import os
import sys
from pathlib import Path

from perfpredict.measuring.outcome import Memory

_KIB = 1024.0


class MemoryProbe:
    """Peak of this process since it was marked."""

    def __init__(self) -> None:
        self._baseline_bytes: float | None = None

    def mark_baseline(self) -> None:
        """Remember what is resident now; what comes on top belongs to the workload."""
        self._baseline_bytes = resident_bytes()

    def forget_peak(self) -> None:
        """Start the peak anew, so that what building the model took for a moment is left out."""
        with contextlib.suppress(OSError):  # not on this system: the peak stays that of all
            Path("/proc/self/clear_refs").write_text("5")

    def read(self) -> Memory:
        return Memory(baseline_bytes=self._baseline_bytes, peak_bytes=peak_bytes())


def resident_bytes(pid: int | str = "self") -> float | None:
    """Return what a process holds in memory now, None where the system does not tell."""
    return _status(pid, "VmRSS:")


def peak_bytes(pid: int | str = "self") -> float | None:
    """Return the most that a process held; outside of Linux only of this process.

    `getrusage` is not asked on Linux: a started process inherits its parent's peak there.
    """
    found = _status(pid, "VmHWM:")
    if found is not None or pid != "self":
        return found
    return _rusage_bytes(children=False)


def children_peak_bytes() -> float | None:
    """Return the highest peak among the ended children of this process."""
    return _rusage_bytes(children=True)


def available_bytes() -> int | None:
    """Return the memory that could be allocated without swapping, None where nothing tells."""
    found = _field(Path("/proc/meminfo"), "MemAvailable:")
    return None if found is None else int(found)


def limit_memory(limit_bytes: int | None) -> None:
    """Let allocations of this process beyond the limit fail, and be the first to be killed."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if limit_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit_bytes = min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))


def memory_kills() -> int | None:
    """Return how many processes the kernel has killed for memory, None where it does not count."""
    text = _text(Path("/proc/vmstat"))
    for line in text.splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return None


def _rusage_bytes(*, children: bool) -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    whose = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    unit = 1.0 if sys.platform == "darwin" else _KIB
    return resource.getrusage(whose).ru_maxrss * unit


def _status(pid: int | str, name: str) -> float | None:
    if os.name != "posix":
        return None
    return _field(Path(f"/proc/{pid}/status"), name)


def _field(path: Path, name: str) -> float | None:
    for line in _text(path).splitlines():
        if line.startswith(name):
            return float(line.split()[1]) * _KIB
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
