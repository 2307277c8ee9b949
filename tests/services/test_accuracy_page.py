"""docs/accuracy.md: every variant that was scored is listed, and marks are told truly."""

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from perfpredict.services.protocols import ProtocolName, SplitOptions, run_protocols
from perfpredict.services.protocols_rows import GatheredRows
from perfpredict.services.protocols_runs import ProtocolPlan, run_plan
from perfpredict.services.protocols_variants import VariantName, built_in

from .made_rows import DEVICES, made_rows

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("accuracy_tables", SCRIPTS / "accuracy_tables.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["accuracy_tables"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["accuracy_tables"]


@pytest.fixture(scope="module")
def documents():
    """Return what two runs leave behind: two variants of ours, and one of somebody's."""
    rows = made_rows(batch_sizes=tuple(range(1, 11)), factors={DEVICES[2]: 1.2})
    gathered = GatheredRows(rows=tuple(rows), left_out={"unknown model": 1})
    plan = ProtocolPlan(
        protocols=(ProtocolName.UNSEEN_DEVICE, ProtocolName.FEW_SHOT),
        variants=(VariantName.ROOFLINE_SUM, VariantName.ROOFLINE_CONSTANT),
        splits=SplitOptions(shots=(1, 10)),
    )
    ours = run_plan(gathered, plan).document()
    theirs = run_protocols(
        [ProtocolName.UNSEEN_DEVICE], rows, built_in(VariantName.ROOFLINE_SUM),
        options=SplitOptions(),
    )  # fmt: skip
    other = {"results": [asdict(result) | {"variant": "somebody's"} for result in theirs]}
    # as they come back from files
    return json.loads(json.dumps([ours, other]))


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_every_variant_has_a_column_of_marks_and_a_row_a_slice(tables, documents):
    results = tables.Results.of(documents)

    head = cells(tables.marks_table(results).splitlines()[0])
    assert head[2:] == ["roofline-sum", "roofline-constant", "somebody's"]
    rows = [cells(line) for line in tables.protocol_table(results, "unseen-device").splitlines()]
    assert [row[1] for row in rows if row[0] == "all"] == head[2:]


def test_a_reached_mark_is_bold_and_one_that_was_not_run_is_a_dash(tables, documents):
    results = tables.Results.of(documents)

    rows = {row[0]: row[2] for row in map(cells, tables.marks_table(results).splitlines()[2:])}
    assert rows["vision, GPU left out"] == "**0.0%**"
    assert rows["coverage of 90 % intervals, unseen device"] == "**100.0%**"
    assert rows["vision, unseen model"] == "–"


def test_devices_and_given_rows_have_coverage_with_width(tables, documents):
    results = tables.Results.of(documents)

    device = next(
        cells(line) for line in tables.device_table(results).splitlines() if DEVICES[2] in line
    )
    assert device[1] == "60"
    assert device[2].startswith("16.7%; 100.0% (")
    shots = cells(tables.few_shot_table(results, "error").splitlines()[0])
    assert shots == ["rows", "variant", "0", "1", "10"]
    assert "(" in tables.few_shot_table(results, "coverage")


def test_a_mark_without_a_run_on_all_rows_is_taken_from_some_of_them_and_says_so(tables, documents):
    some = tables.Results.of(documents[:1])
    few_shot = [one for one in documents[0]["results"] if one["protocol"] == "few-shot"]
    every = tables.Results.of([documents[0] | {"results": few_shot}])

    table = tables.marks_table(every, [some])

    rows = {row[0]: row[2] for row in map(cells, table.splitlines()[2:])}
    assert rows["vision, GPU left out"] == "**0.0%** (some rows)"
    assert rows["coverage of 90 % intervals, unseen device"] == "–"
