"""The reference pages hold everything that there is, and nothing else."""

import importlib.util
import re

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.errors import ExitCode
from perfpredict.reports.schema import OUTPUTS
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store

from .pages import ROOT


@pytest.fixture(scope="module")
def pages():
    path = ROOT / "scripts" / "site_reference.py"
    spec = importlib.util.spec_from_file_location("site_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reference_pages()


def test_every_command_stands_with_its_help(pages):
    text = pages["reference/commands.md"]
    headings = re.findall(r"^### perfpredict (.+)$", text, re.M)

    assert {"perf predict", "hardware price set", "doctor", "perf report"} <= set(headings)
    assert len(headings) == len(set(headings)) > 60
    for name in headings:
        assert f"Usage: perfpredict {name} " in text, name


def test_every_exit_code_and_output_stands(pages):
    for code in ExitCode:
        assert f"| {int(code)} | " in pages["reference/exit-codes.md"]
    headings = re.findall(r"^## (.+)$", pages["reference/json.md"], re.M)
    assert headings == sorted(OUTPUTS)


def test_every_table_and_column_stands_and_has_a_meaning(pages, tmp_path):
    with Store.open(tmp_path / "x.duckdb", Access.WRITE) as store:
        columns = store.rows(
            "select table_name, column_name from duckdb_columns() where not internal"
        )
    text = pages["reference/database.md"]
    for table, column in columns:
        part = text.partition(f"\n## {table}\n")[2].partition("\n## ")[0]
        assert f"| `{column}` |" in part, (table, column)
    assert "| `latency_ms` | double | may be null | median over the runs |" in text


def test_every_device_stands_with_its_source(pages):
    text = pages["reference/devices.md"]
    for device in DeviceCatalog().list():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{device.name}` |")]
        assert not row.rstrip("| ").endswith("|"), device.name
