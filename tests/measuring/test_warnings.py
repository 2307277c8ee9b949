"""Each doubt is raised by what it names, and a quiet, steady run raises none."""

from dataclasses import replace

import pytest

from perfpredict.measuring.machine_state import MachineState, Scheduled
from perfpredict.measuring.timing import Limits, Sampled, summarize
from perfpredict.measuring.warnings import (
    run_warnings,
    state_warnings,
    threads_warning,
    waiting_warning,
    weights_warning,
)

QUIET = MachineState(
    load_1m=0.1, governor="performance", clock_mhz=3000.0, highest_clock_mhz=3000.0, throttled=4
)
STEADY = [10.0, 10.05, 9.95, 10.02] * 10


def names(times, *, is_cut=False, after=QUIET):
    sampled = Sampled(cold_ms=20.0, warmup_runs=5, times_ms=tuple(times), is_cut=is_cut)
    found = run_warnings(summarize(times), sampled, Limits(), QUIET, after)
    assert all(one.observation and one.cause and one.remedy for one in found)
    return [one.name for one in found]


def test_a_steady_run_on_a_quiet_machine_raises_no_doubt():
    assert names(STEADY) == []
    assert state_warnings(QUIET, cores=4) == []


@pytest.mark.parametrize(
    ("times", "name"),
    [
        ([5.0, 15.0] * 20, "unstable"),
        ([*STEADY, 30.0], "outliers"),
        ([10.0 + 0.05 * place for place in range(40)], "drift"),
        ([0.004] * 40, "too-short"),
    ],
)
def test_doubtful_times_are_named(times, name):
    assert name in names(times)


def test_a_median_that_is_not_known_and_a_quota_that_stopped_the_run_are_named():
    assert names(STEADY, is_cut=True) == ["wide-median"]
    assert names(STEADY, after=replace(QUIET, throttled=9)) == ["throttled"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"load_1m": 3.0}, "busy-machine"), ({"governor": "powersave"}, "frequency-scaling")],
)
def test_a_machine_that_disturbs_is_named(changes, name):
    (found,) = state_warnings(replace(QUIET, **changes), cores=4)

    assert found.name == name
    assert found.text.startswith(f"{name}: ")


def test_threads_that_wait_for_a_core_are_a_doubt():
    began = Scheduled(ran_ns=100, waited_ns=10)
    share = began.waited_share_until(Scheduled(ran_ns=190, waited_ns=20))

    assert share == pytest.approx(0.1)
    assert waiting_warning(share).name == "contended"
    assert waiting_warning(0.01) is None


def test_other_weights_and_fewer_threads_are_not_what_was_predicted():
    assert weights_warning(1_000, 1_005) is None
    assert "1,000" in weights_warning(1_000, 1_100).observation
    assert threads_warning(4, 4.5) is None
    assert threads_warning(1, 4.0).name == "fewer-threads"
