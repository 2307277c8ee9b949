"""The page of the benchmarks says what was measured, and whether it is enough."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    """The benchmark's own modules, which are in no package."""
    monkeypatch.syspath_prepend(FOLDER)
    loaded = {}
    for name in ("timing", "page", "plot"):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        loaded[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, loaded[name])
        spec.loader.exec_module(loaded[name])
    return loaded


def a_row(modules, **changes):
    values = {
        "name": "import", "size": 1000, "floor": "insert", "mark": 3.0, "unit": "s", "ours": 2.0,
        "ours_elapsed_s": 4.0, "floor_cost": 1.0, "floor_elapsed_s": 2.0, "runs": 3,
    }  # fmt: skip
    return modules["timing"].Row(**(values | changes))


def test_a_mark_that_is_missed_is_said_to_be(modules):
    rows = [a_row(modules), a_row(modules, name="training", ours=3.1)]

    text = modules["page"].page(rows, ["a machine"], "## What was changed")

    verdicts = {line.split("|")[1].strip(): line.split("|")[8].strip()
                for line in text.splitlines() if "| insert |" in line}  # fmt: skip
    assert verdicts == {"import": "met", "training": "**missed**"}


def test_growth_is_the_exponent_between_two_sizes(modules):
    rows = [a_row(modules), a_row(modules, size=10_000, ours=200.0, floor_cost=10.0)]

    text = modules["page"].page(rows, ["a machine"], "")

    assert "| import | 1,000 | 10,000 | 2 to 200 s | 2.00 | 1.00 |" in text


def test_the_plot_has_a_line_for_each_task_of_several_sizes(modules):
    rows = [a_row(modules), a_row(modules, size=10_000, ours=20.0), a_row(modules, name="once")]

    drawn = modules["plot"].plot(modules["page"].grown(rows))

    assert drawn.count("<polyline") == 1
    assert "once" not in drawn


def test_the_cost_of_a_command_is_that_of_its_process(modules):
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"

    cost = modules["timing"].command([sys.executable, "-c", burn])()

    assert 0.3 <= cost.value < 3.0


def test_a_command_that_fails_is_no_measurement(modules):
    with pytest.raises(RuntimeError, match="ended with 3"):
        modules["timing"].command([sys.executable, "-c", "raise SystemExit(3)"])()
