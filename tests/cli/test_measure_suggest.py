"""`perfpredict measure suggest` through the real program."""

import json
import shlex

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
