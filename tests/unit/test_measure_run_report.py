"""The report of `measure run`: rows can be told apart at any width, and each doubt is said once."""

from types import SimpleNamespace

import pytest

from perfpredict.domain.workload import Phase, Workload
from perfpredict.measuring.warnings import RunWarning
from perfpredict.reports.measure_run import sweep_report, warning_lines
from perfpredict.reports.table import fitting_columns


def finished(*warnings, **shape):
    planned = SimpleNamespace(
        workload=Workload(model="gpt2", **shape),
        hardware=SimpleNamespace(device=SimpleNamespace(name="local-cpu")),
        request=SimpleNamespace(threads=2),
        prediction=None,
    )
    return SimpleNamespace(
        planned=planned, warnings=warnings, summary=None, outcome=None, measurement=None,
        recorded=None,
    )  # fmt: skip


def busy(load):
    return RunWarning(
        name="busy-machine", observation=f"load {load}", cause="others", remedy="end them"
    )


def test_a_doubt_of_many_measurements_is_said_once_with_what_was_first_seen():
    other = RunWarning(name="drift", observation="slower", cause="heat", remedy="cool down")
    runs = [finished(busy(3)), finished(busy(4), other, batch_size=2), finished(busy(5))]

    assert warning_lines(runs) == [
        "gpt2 batch 1 and 2 more: busy-machine: load 3; likely cause: others; end them",
        "gpt2 batch 2: drift: slower; likely cause: heat; cool down",
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_models_and_phases_are_shown_at_any_width(width):
    runs = tuple(finished(phase=phase) for phase in (Phase.PREFILL, Phase.DECODE))
    report = sweep_report(SimpleNamespace(finished=runs, planned=2, is_interrupted=False))

    shown = {column.key for column in fitting_columns(report, width)}

    assert {"model", "batch_size", "phase", "latency_ms"} <= shown


def test_without_phases_their_column_makes_room_for_others():
    report = sweep_report(SimpleNamespace(finished=(finished(),), planned=1, is_interrupted=False))

    assert "phase" not in {column.key for column in fitting_columns(report, 80)}
