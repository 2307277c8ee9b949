"""What else goes on on this machine while something is measured, as far as it tells."""

import os
from dataclasses import dataclass
from pathlib import Path

_CPU0 = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_THROTTLES = (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/cpu/cpu.stat"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """At one moment; None where the system does not tell."""

    load_1m: float | None
    """Processes that want a CPU, averaged over the last minute."""
    governor: str | None
    """Linux' rule for the clock, e.g. `performance` or `powersave`."""
    clock_mhz: float | None
    highest_clock_mhz: float | None
    throttled: int | None
    """Periods in which this container's CPU quota stopped it, since it started."""


def machine_state() -> MachineState:
    """Return the state of this machine now."""
    return MachineState(
        load_1m=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        governor=_text(_CPU0 / "scaling_governor") or None,
        clock_mhz=_mhz("scaling_cur_freq"),
        highest_clock_mhz=_mhz("cpuinfo_max_freq"),
        throttled=_throttled(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """What the threads of this process got of the CPUs so far, in ns."""

    ran_ns: int
    waited_ns: int
    """Ready to run, with no CPU free for them."""

    def waited_share_until(self, later: "Scheduled") -> float:
        """Return the share of their time that the threads waited for a CPU since."""
        ran, waited = later.ran_ns - self.ran_ns, later.waited_ns - self.waited_ns
        return max(waited, 0) / (ran + waited) if ran + waited > 0 else 0.0


def scheduled() -> Scheduled | None:
    """Return what Linux counts for the threads of this process, None where it does not."""
    counts = [_text(path).split() for path in Path("/proc/self/task").glob("*/schedstat")]
    pairs = [(int(one[0]), int(one[1])) for one in counts if len(one) == 3]
    if not pairs:
        return None
    return Scheduled(ran_ns=sum(ran for ran, _ in pairs), waited_ns=sum(wait for _, wait in pairs))


def _mhz(name: str) -> float | None:
    text = _text(_CPU0 / name)
    return float(text) / 1e3 if text.isdecimal() else None


def _throttled() -> int | None:
    for path in _THROTTLES:
        for line in _text(path).splitlines():
            name, _, count = line.partition(" ")
            if name == "nr_throttled":
                return int(count)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
