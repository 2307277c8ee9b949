"""When measuring ends and what the times say, without any clock."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.errors import InvalidInputError
from perfpredict.measuring.timing import (
    Limits,
    is_settled,
    median_interval,
    quantile,
    sample,
    summarize,
)

times = st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=1, max_size=300)


class FakeMachine:
    """Runs whose lengths are given in ms, and a clock that they move."""

    def __init__(self, lengths_ms):
        self.lengths_ms = iter(lengths_ms)
        self.now_s = 0.0
        self.runs = 0

    def run(self):
        taken = next(self.lengths_ms)
        self.runs += 1
        self.now_s += taken / 1e3
        return taken

    def clock(self):
        return self.now_s


def noisy(seed, sigma):
    source = random.Random(seed)
    while True:
        yield 10.0 * math.exp(source.gauss(0.0, sigma))


@given(times)
def test_quantiles_and_median_agree_with_the_standard_library(values):
    found = summarize(values)
    ordered = sorted(values)

    assert found.median_ms == statistics.median(values)
    assert found.p10_ms <= found.median_ms <= found.p90_ms
    if len(values) > 1:
        inclusive = statistics.quantiles(values, n=10, method="inclusive")
        assert quantile(ordered, 0.9) == pytest.approx(inclusive[8])


@given(times)
def test_the_order_of_the_runs_changes_nothing_but_the_drift(values):
    one, other = summarize(values), summarize(sorted(values))

    assert one.median_ms == other.median_ms
    assert one.variation == pytest.approx(other.variation)


@given(times, st.floats(min_value=0.01, max_value=100))
def test_another_unit_scales_times_and_leaves_shares(values, factor):
    one, other = summarize(values), summarize([value * factor for value in values])

    assert other.median_ms == pytest.approx(one.median_ms * factor)
    assert other.variation == pytest.approx(one.variation, abs=1e-9)
    assert (other.half_width is None) == (one.half_width is None)


@given(times)
def test_the_interval_holds_the_median_of_its_own_sample(values):
    interval = median_interval(sorted(values))

    if len(values) < 6:
        assert interval is None
    else:
        assert interval[0] <= statistics.median(values) <= interval[1]


@pytest.mark.parametrize("runs", [6, 10, 25, 100, 1001])
def test_the_interval_covers_the_true_median_as_often_as_it_says(runs):
    source = random.Random(runs)
    trials, held = 400, 0
    for _ in range(trials):
        drawn = sorted(source.lognormvariate(0.0, 0.5) for _ in range(runs))
        lower, upper = median_interval(drawn)
        held += lower <= 1.0 <= upper

    # 95 % less three standard errors of 400 trials
    assert held / trials >= 0.917


def test_a_99th_percentile_needs_a_hundred_runs():
    assert summarize([1.0] * 99).p99_ms is None
    assert summarize([1.0] * 100).p99_ms == 1.0


def test_one_far_slower_run_is_an_outlier_and_moves_no_median():
    found = summarize([10.0, 10.1, 9.9] * 10 + [100.0])

    assert found.outliers == 1
    assert found.median_ms == pytest.approx(10.0)


def test_a_rising_time_is_a_drift():
    found = summarize([10.0 + 0.1 * place for place in range(40)])

    assert found.drift > 0.2


@pytest.mark.parametrize("bad", [[], [0.0], [-1.0], [math.inf], [math.nan]])
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(InvalidInputError):
        summarize(bad)


def test_steady_times_end_as_soon_as_the_shortest_time_is_over():
    machine = FakeMachine(noisy(1, 0.001))
    found = sample(machine.run, Limits(min_time_s=1, max_time_s=60), clock=machine.clock)

    assert not found.is_cut
    assert 100 <= len(found.times_ms) <= 110
    assert found.cold_ms not in found.times_ms


def test_scattered_times_go_on_until_the_median_is_known():
    machine = FakeMachine(noisy(2, 0.1))
    found = sample(machine.run, Limits(min_time_s=0.1, max_time_s=60), clock=machine.clock)

    assert not found.is_cut
    assert len(found.times_ms) > 200
    assert summarize(found.times_ms).half_width <= 0.01


def test_the_longest_time_ends_hopeless_runs_and_says_so():
    machine = FakeMachine(noisy(3, 1.0))
    found = sample(machine.run, Limits(min_time_s=0.1, max_time_s=1), clock=machine.clock)

    assert found.is_cut
    assert sum(found.times_ms) < 1200


def test_very_slow_runs_are_made_three_times():
    machine = FakeMachine(iter([50_000.0] * 10))
    found = sample(machine.run, Limits(min_time_s=1, max_time_s=2), clock=machine.clock)

    assert len(found.times_ms) == 3
    assert found.is_cut


def test_numbers_of_runs_that_are_given_are_kept():
    machine = FakeMachine(noisy(4, 0.5))
    found = sample(machine.run, Limits(warmup_runs=4, runs=7), clock=machine.clock)

    assert (found.warmup_runs, len(found.times_ms), machine.runs) == (4, 7, 11)
    assert not found.is_cut


def test_a_falling_time_has_not_settled():
    falling = [100.0, 80, 60, 50, 40, 30, 25, 20, 18, 16]

    assert not is_settled(falling)
    assert is_settled([*falling, *[15.0] * 10])
    assert not is_settled([15.0] * 9)
