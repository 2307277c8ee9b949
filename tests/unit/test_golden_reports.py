"""What people see, kept in files: 80 and 120 columns, colours, ASCII, and a pipe.

`REWRITE_GOLDEN=1 pytest tests/unit/test_golden_reports.py` writes the files anew; look at the
difference before keeping it.
"""

import os
from pathlib import Path

import pytest

from perfpredict.reports.render import render
from perfpredict.reports.report import OutputFormat

from .golden_reports import REPORTS

FOLDER = Path(__file__).parent.parent / "data" / "golden" / "reports"
VIEWS = {
    "80": {"output_format": OutputFormat.TABLE, "width": 80},
    "120": {"output_format": OutputFormat.TABLE, "width": 120},
    "ascii": {"output_format": OutputFormat.TABLE, "width": 80, "ascii_only": True},
    "color": {"output_format": OutputFormat.TABLE, "width": 120, "color": True},
    "pipe": {"output_format": OutputFormat.PLAIN},
    "json": {"output_format": OutputFormat.JSON},
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_looks_as_it_did(name, view):
    shown = render(REPORTS[name](), **VIEWS[view]).replace("\x1b", "ESC")
    path = FOLDER / f"{name}.{view}.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown, encoding="utf-8")

    assert shown == path.read_text(encoding="utf-8")
    if view == "ascii":
        assert shown.isascii()
