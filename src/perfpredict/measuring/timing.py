"""How long to measure and what the times say: plain arithmetic, in ms, without any framework."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from perfpredict.errors import InvalidInputError

FEWEST_RUNS = 3
"""Runs that are made even where `max_time_s` is over."""
RUNS_FOR_P99 = 100
"""Fewer runs put the 99th percentile too low: at a log standard deviation of 0.3 the estimate is
0.77 of the true one from 10 runs, 0.94 from 100 (simulated)."""
MOST_RUNS = 100_000
INTERVAL_COVERAGE = 0.95
SETTLED_WITHIN = 0.03
"""Medians of two successive windows this close to each other end the warm-up."""
WARMUP_WINDOW = 5
WARMUP_SHARE = 0.1
"""Of `min_time_s`: the shortest warm-up, so that clocks have risen; of `max_time_s` a quarter is
the longest."""
OUTLIER_DEVIATIONS = 14.826
"""Of median absolute deviations above the median: ten standard deviations of a normal sample."""
_EXACT_RUNS = 1000
_NORMAL_975 = 1.959963984540054

RunOnce = Callable[[], float]
"""Executes once and returns how long it took, in ms."""
OnRun = Callable[[int, float], None]
"""Told how many runs are done and the median so far, in ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When the warm-up and the timed runs end."""

    warmup_runs: int | None = None
    """None: until two windows of runs agree."""
    runs: int | None = None
    """None: until the interval of the median is narrow enough."""
    min_time_s: float = 2.0
    max_time_s: float = 60.0
    half_width: float = 0.01
    """Half of the median's interval, as a share of the median, that ends the timed runs."""

    def __post_init__(self) -> None:
        if not 0 < self.min_time_s <= self.max_time_s:
            raise InvalidInputError(
                f"max_time_s ({self.max_time_s:g}) must be at least min_time_s "
                f"({self.min_time_s:g}), and both above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Times of single runs in ms, in the order of the runs."""

    cold_ms: float
    """The very first run."""
    warmup_runs: int
    """Discarded runs, the cold one among them."""
    times_ms: tuple[float, ...]
    is_cut: bool
    """Whether `max_time_s` ended the runs before the median was known well enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a sample of times says; None where there are too few runs to say it."""

    runs: int
    median_ms: float
    median_lower_ms: float | None
    median_upper_ms: float | None
    """Bounds of the median's interval at INTERVAL_COVERAGE, from order statistics."""
    p10_ms: float
    p90_ms: float
    p99_ms: float | None
    mean_ms: float
    variation: float
    """Coefficient of variation: standard deviation over mean."""
    outliers: int
    drift: float
    """Median of the last quarter of the runs over that of the first, minus 1."""

    @property
    def half_width(self) -> float | None:
        """Half of the median's interval as a share of the median."""
        if self.median_lower_ms is None or self.median_upper_ms is None:
            return None
        return (self.median_upper_ms - self.median_lower_ms) / 2 / self.median_ms


def sample(
    run: RunOnce, limits: Limits, *, clock: Callable[[], float] = time.monotonic,
    on_run: OnRun | None = None,
) -> Sampled:  # fmt: skip
    """Return the times of `run`, taken until `limits` are met; the cold run is kept apart."""
    cold_ms = run()
    warmup_runs = 1 + _warm_up(run, limits, clock)
    times: list[float] = []
    started = clock()
    while not _is_enough(times, limits, clock() - started):
        times.append(run())
        if on_run is not None:
            on_run(len(times), statistics.median(times[-WARMUP_WINDOW:]))
    found = summarize(times)
    is_wide = found.half_width is None or found.half_width > limits.half_width
    return Sampled(
        cold_ms=cold_ms,
        warmup_runs=warmup_runs,
        times_ms=tuple(times),
        is_cut=limits.runs is None and is_wide,
    )


def summarize(times_ms: Sequence[float]) -> Summary:
    """Return the summary of at least one time; all must be above 0."""
    if not times_ms or min(times_ms) <= 0 or not all(map(math.isfinite, times_ms)):
        raise InvalidInputError("times must be finite numbers above 0, and at least one")
    ordered = sorted(times_ms)
    median = statistics.median(ordered)
    interval = median_interval(ordered)
    mean = math.fsum(ordered) / len(ordered)
    deviation = statistics.stdev(ordered, mean) if len(ordered) > 1 else 0.0
    return Summary(
        runs=len(ordered),
        median_ms=median,
        median_lower_ms=interval[0] if interval else None,
        median_upper_ms=interval[1] if interval else None,
        p10_ms=quantile(ordered, 0.1),
        p90_ms=quantile(ordered, 0.9),
        p99_ms=quantile(ordered, 0.99) if len(ordered) >= RUNS_FOR_P99 else None,
        mean_ms=mean,
        variation=deviation / mean,
        outliers=_outliers(ordered, median),
        drift=_drift(times_ms),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the quantile of an ascending sequence, linear between neighbours."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """Return bounds that hold the median with at least INTERVAL_COVERAGE, None for under 6 runs.

    They are the k-th smallest and k-th largest time, where k is the largest number for which a
    binomial(n, 1/2) count stays below it with at most half of what the coverage leaves.
    """
    rank = _rank(len(ordered))
    return None if rank == 0 else (ordered[rank - 1], ordered[-rank])


@cache
def _rank(runs: int) -> int:
    if runs > _EXACT_RUNS:
        return math.floor((runs - _NORMAL_975 * math.sqrt(runs)) / 2)
    # (1 - INTERVAL_COVERAGE) / 2 is one fortieth, counted in outcomes of `runs` coin tosses
    allowed = 2**runs // 40
    tail, rank = 0, 0
    while tail + math.comb(runs, rank) <= allowed:
        tail += math.comb(runs, rank)
        rank += 1
    return rank


def _warm_up(run: RunOnce, limits: Limits, clock: Callable[[], float]) -> int:
    """Run until the times have settled, and return how often."""
    if limits.warmup_runs is not None:
        for _ in range(limits.warmup_runs - 1):
            run()
        return max(limits.warmup_runs - 1, 0)
    times: list[float] = []
    started = clock()
    while clock() - started < limits.max_time_s / 4 and len(times) < MOST_RUNS:
        if clock() - started >= WARMUP_SHARE * limits.min_time_s and is_settled(times):
            break
        times.append(run())
    return len(times)


def is_settled(times_ms: Sequence[float]) -> bool:
    """Return whether the last two windows of runs have about the same median."""
    if len(times_ms) < 2 * WARMUP_WINDOW:
        return False
    last = statistics.median(times_ms[-WARMUP_WINDOW:])
    before = statistics.median(times_ms[-2 * WARMUP_WINDOW : -WARMUP_WINDOW])
    return abs(last / before - 1.0) <= SETTLED_WITHIN


def _is_enough(times: Sequence[float], limits: Limits, elapsed_s: float) -> bool:
    runs = len(times)
    if limits.runs is not None:
        return runs >= limits.runs
    if runs < FEWEST_RUNS:
        return False
    if elapsed_s >= limits.max_time_s or runs >= MOST_RUNS:
        return True
    # looked at now and then: sorting after every run of a microsecond would be the measurement
    is_due = runs % max(1, 2 ** (runs.bit_length() - 5)) == 0
    if elapsed_s < limits.min_time_s or not is_due:
        return False
    width = summarize(times).half_width
    return width is not None and width <= limits.half_width


def _outliers(ordered: Sequence[float], median: float) -> int:
    spread = statistics.median(abs(value - median) for value in ordered)
    limit = median + OUTLIER_DEVIATIONS * max(spread, 1e-3 * median)
    return sum(value > limit for value in ordered)


def _drift(times_ms: Sequence[float]) -> float:
    quarter = len(times_ms) // 4
    if quarter < FEWEST_RUNS:
        return 0.0
    return statistics.median(times_ms[-quarter:]) / statistics.median(times_ms[:quarter]) - 1.0
