"""What makes a measurement doubtful: by name, with what was seen, the likely cause and a remedy."""

import math
from dataclasses import dataclass

from perfpredict.domain.measurement import CONTENDED
from perfpredict.measuring.machine_state import MachineState
from perfpredict.measuring.timing import Limits, Sampled, Summary

UNSTABLE_FROM = 0.1
"""Coefficient of variation."""
BUSY_FROM = 0.25
"""Load average per core before the measurement starts."""
RARE = 0.1
"""Share of the runs up to which slow ones are outliers and not the other half of two modes."""
WAITED_FROM = 0.05
"""Share of their time that threads were ready and no core was free."""
DRIFT_FROM = 0.05
SHORTEST_MS = 0.02
"""Below, the clock's own calls are a few percent of the time."""
WEIGHTS_WITHIN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWarning:
    """One doubt."""

    name: str
    observation: str
    cause: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.name}: {self.observation}; likely cause: {self.cause}; {self.remedy}"


def state_warnings(state: MachineState, cores: float) -> list[RunWarning]:
    """Return the doubts that the machine raises before anything has run."""
    found = []
    if state.load_1m is not None and state.load_1m > BUSY_FROM * cores:
        found.append(
            RunWarning(
                name="busy-machine",
                observation=f"load average {state.load_1m:.1f} on {cores:g} cores",
                cause="other programs run beside it",
                remedy="end them, delete this row and measure again",
            )
        )
    if state.governor not in {None, "performance", "schedutil"}:
        found.append(
            RunWarning(
                name="frequency-scaling",
                observation=f"the clock follows the '{state.governor}' governor",
                cause="the system saves power",
                remedy="set it with 'cpupower frequency-set --governor performance'",
            )
        )
    return found


def run_warnings(
    summary: Summary, sampled: Sampled, limits: Limits, before: MachineState, after: MachineState
) -> list[RunWarning]:
    """Return the doubts that the times themselves raise."""
    found = []
    if summary.variation > UNSTABLE_FROM:
        found.append(_unstable(summary))
    if sampled.is_cut:
        width = summary.half_width
        known = "not known" if width is None else f"known to ±{width:.1%}"
        found.append(
            RunWarning(
                name="wide-median",
                observation=f"the median is {known} after {summary.runs} runs",
                cause="few or scattered runs within --max-time",
                remedy=f"allow more than --max-time {limits.max_time_s:g}",
            )
        )
    if 0 < summary.outliers <= RARE * summary.runs:
        found.append(
            RunWarning(
                name="outliers",
                observation=f"{summary.outliers} of {summary.runs} runs were far slower",
                cause="another program, or memory being taken back",
                remedy="the median stands; measure on a quiet machine for the tail",
            )
        )
    if abs(summary.drift) > DRIFT_FROM:
        found.append(_drifting(summary))
    if summary.median_ms < SHORTEST_MS:
        found.append(
            RunWarning(
                name="too-short",
                observation=f"one run takes {summary.median_ms * 1e3:.3g} µs",
                cause="the clock's own cost is part of it",
                remedy="measure a larger batch",
            )
        )
    if before.throttled is not None and (after.throttled or 0) > before.throttled:
        found.append(_throttled(after.throttled or 0, before.throttled))
    return found


def waiting_warning(waited_share: float) -> RunWarning | None:
    """Return a doubt where the threads of the measurement did not get the cores they asked for."""
    if waited_share <= WAITED_FROM:
        return None
    return RunWarning(
        name=CONTENDED,
        observation=f"its threads waited {waited_share:.0%} of their time for a core",
        cause="other programs keep the cores busy, and threads that need each other stand still",
        remedy="it corrects no prediction; end them and measure again",
    )


def threads_warning(threads: int, cores: float) -> RunWarning | None:
    """Return a doubt where the CPU was not used as its prediction takes it to be."""
    if threads >= math.floor(cores):
        return None
    return RunWarning(
        name="fewer-threads",
        observation=f"{threads} of {cores:g} cores were used, and predictions are for all of them",
        cause="--threads",
        remedy="leave it out to compare with the prediction",
    )


def weights_warning(built: int, expected: int) -> RunWarning | None:
    """Return a doubt where the model that ran is not the one that was predicted."""
    if expected == 0 or abs(built / expected - 1.0) <= WEIGHTS_WITHIN:
        return None
    return RunWarning(
        name="other-weights",
        observation=f"the model that ran has {built:,} weights, the predicted one {expected:,}",
        cause="the libraries' version of it differs from the catalog's",
        remedy="give its own configuration with --config FILE.json",
    )


def _unstable(summary: Summary) -> RunWarning:
    return RunWarning(
        name="unstable",
        observation=f"the times vary by {summary.variation:.0%} (coefficient of variation)",
        cause="other programs, a changing clock, or a virtual machine that shares its cores",
        remedy="quiet the machine, or ask for more --runs",
    )


def _drifting(summary: Summary) -> RunWarning:
    word = "slower" if summary.drift > 0 else "faster"
    cause = "heat lowers the clock" if summary.drift > 0 else "the warm-up was too short"
    remedy = "let it cool down" if summary.drift > 0 else "give a longer --warmup"
    return RunWarning(
        name="drift",
        observation=f"the last runs were {abs(summary.drift):.0%} {word} than the first",
        cause=f"{cause}, or the load of the machine changed",
        remedy=f"{remedy} and measure again",
    )


def _throttled(after: int, before: int) -> RunWarning:
    return RunWarning(
        name="throttled",
        observation=f"the CPU quota stopped this container {after - before} times",
        cause="more threads than the quota has cores",
        remedy="lower --threads to the quota",
    )
