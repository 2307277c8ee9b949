"""The page of the trials is what its script writes, and one trial can be run again alone."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "write_reliability", ROOT / "scripts" / "write_reliability.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_page_is_what_its_script_writes(script):
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = script.read_page(text)

    assert len(rows) == sum(
        line.startswith("| ") and "`tests/" in line for line in text.split("\n")
    )
    assert script.page(rows) == text


def test_a_trial_that_was_run_again_replaces_its_row_and_no_other(script, tmp_path, monkeypatch):
    target, results = tmp_path / "reliability.md", tmp_path / "results.jsonl"
    monkeypatch.setattr(script, "TARGET", target)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    (tmp_path / "t.py").write_text("def F10(): ...\ndef F9(): ...\ndef M1(): ...\n")
    monkeypatch.setattr(sys, "argv", ["write_reliability.py", str(results)])
    told = {"case": "", "what": "a | b", "count": "3 kills", "result": "passed", "seconds": 1,
            "date": "2026-01-01"}  # fmt: skip
    first = [told | {"trial": name, "test": f"t.py::{name}"} for name in ("F10", "F9", "F8", "M1")]
    again = told | {"trial": "F9", "test": "t.py::F9", "result": "failed", "count": "50 kills"}

    target.write_text("")
    for lines in (first, [again]):
        results.write_text("\n".join(map(json.dumps, lines)))
        script.main()

    rows = script.read_page(target.read_text())
    assert [(row.trial, row.counts, row.result) for row in rows] == [
        ("F9", ("50 kills",), "**failed** (1 of 1)"),
        ("F10", ("3 kills",), "held"),
        ("M1", ("3 kills",), "held"),
    ]
    assert {row.what for row in rows} == {"a | b"}
