"""`perfpredict measure suggest` through the real program."""

import json
import shlex
from importlib.util import find_spec

import pytest

from .conftest import Run

ASKED = ["resnet18,resnet50", "--hardware", "nvidia-l4,nvidia-a10", "--batch-size", "1,8"]


def test_suggestions_say_what_each_brings_and_the_line_that_records_it(run: Run) -> None:
    done = run("measure", "suggest", *ASKED, "--budget", "3", "--json")

    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    schema = json.loads(run("schema", "measure-suggest").stdout)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert set(rows[0]) == set(schema["items"]["required"])
    assert all(row["width_after"] < row["width_before"] for row in rows)
    assert "over 8 asked" in done.stderr
    *line, latency = shlex.split(rows[0]["command"])
    assert latency == "MS" and line[1:3] == ["measure", "record"]
    recorded = run(*line[1:], "9ms")
    assert recorded.returncode == 0, recorded.stderr
    again = json.loads(run("measure", "suggest", *ASKED, "--budget", "1", "--json").stdout)
    assert again[0]["hardware"] != rows[0]["hardware"]


def test_suggestions_need_hardware_and_a_known_model(run: Run) -> None:
    missing = run("measure", "suggest", "resnet18")
    unknown = run("measure", "suggest", "resnet18,rsnet", "--hardware", "nvidia-l4")
    no_budget = run("measure", "suggest", *ASKED, "--budget", "0")

    assert (missing.returncode, missing.stdout) == (2, "")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert (no_budget.returncode, no_budget.stdout) == (2, "")


def test_suggestions_for_other_machines_or_other_runs_are_not_carried_out(run: Run) -> None:
    elsewhere = run("measure", "suggest", *ASKED, "--run")
    without_phase = run("measure", "suggest", "gpt2", "--hardware", "cpu", "--run")
    not_built = run("measure", "suggest", "whisper-small", "--hardware", "cpu", "--run")

    refused = (elsewhere, without_phase, not_built)
    assert [(one.returncode, one.stdout) for one in refused] == [(2, "")] * 3
    assert "not a device of this machine" in elsewhere.stderr
    assert "--phase prefill" in without_phase.stderr
    assert "leave --run out" in not_built.stderr
    assert run("perf", "list").returncode == 3, "nothing was stored"


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_carrying_them_out_names_the_extra_that_is_missing(run: Run) -> None:
    done = run("measure", "suggest", "bert-mini", "--hardware", "cpu", "--run")

    assert (done.returncode, done.stdout) == (3, "")
    assert "perfpredict[measure]" in done.stderr


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra 'measure'")
def test_suggestions_are_measured_here_and_narrow_the_intervals(run: Run) -> None:
    asked = ("bert-mini,bert-tiny", "--hardware", "cpu", "--batch-size", "1,2", "--budget", "2")
    expected = json.loads(run("measure", "suggest", *asked, "--json").stdout)

    done = run("measure", "suggest", *asked, "--run", "--max-time", "0.5", "--json")

    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert [(row["model"], row["batch_size"]) for row in measured] == [
        (row["model"], row["batch_size"]) for row in expected
    ]
    assert all(row["measurement_id"] and row["prediction_id"] for row in measured)
    assert "expected" in done.stderr
