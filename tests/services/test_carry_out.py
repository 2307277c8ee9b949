"""Ctrl-C ends a sweep between measurements, and what was stored by then is told."""

import os
import signal
from datetime import UTC, datetime

import pytest

from perfpredict.measuring.outcome import Failed
from perfpredict.services.measure_run import carry_out
from perfpredict.services.uninterrupted import uninterrupted

FAILED = Failed(message="made up", hint=None, kind="crash")


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def carried_out(*, keep=lambda finished: finished, execute=lambda _request, _follow: FAILED):
    class Planned:
        request = None

    def clock():
        return datetime(2026, 1, 1, tzinfo=UTC)

    return carry_out([Planned(), Planned(), Planned()], keep=keep, clock=clock, execute=execute)


def test_a_sweep_that_nobody_stops_is_whole():
    sweep = carried_out()

    assert (len(sweep.finished), sweep.is_interrupted) == (3, False)


def test_ctrl_c_while_a_result_is_stored_leaves_it_stored_and_told():
    stored = []

    def keep(finished):
        press_ctrl_c()
        stored.append(finished)
        return finished

    sweep = carried_out(keep=keep)

    assert sweep.is_interrupted
    assert list(sweep.finished) == stored
    assert len(stored) == 1


def test_ctrl_c_while_it_measures_loses_that_measurement_alone():
    calls = []

    def execute(_request, _follow):
        calls.append(None)
        if len(calls) == 2:
            press_ctrl_c()
        return FAILED

    sweep = carried_out(execute=execute)

    assert (len(sweep.finished), sweep.is_interrupted) == (1, True)


def test_a_second_ctrl_c_comes_through_at_once():
    reached = []

    with pytest.raises(KeyboardInterrupt), uninterrupted():
        press_ctrl_c()
        reached.append("after the first")
        press_ctrl_c()
        reached.append("after the second")

    assert reached == ["after the first"]


def test_the_handler_from_before_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)

    with uninterrupted():
        pass

    assert signal.getsignal(signal.SIGINT) is before
