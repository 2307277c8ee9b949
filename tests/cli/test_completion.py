"""Completion of values: from the catalog, from the database, and never slow or loud about it."""

import os
import subprocess
import sys
import textwrap

import pytest
import typer

from perfpredict.catalog.devices import load_builtin
from perfpredict.catalog.models import model_names
from perfpredict.catalog.name_index import builtin_device_names, indexed_model_names
from perfpredict.commands import values
from perfpredict.commands.completing import ARGUMENTS, OPTIONS, add_values
from perfpredict.commands.root import COMMANDS, GROUPS, build_app
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store


def parameters():
    for group in (*GROUPS, *COMMANDS):
        command = typer.main.get_command(build_app([group]))
        add_values(command)
        todo = [(group, command.commands[group])]
        while todo:
            name, found = todo.pop()
            todo += [(name, child) for child in getattr(found, "commands", {}).values()]
            yield from ((name, one) for one in found.params)


def test_every_entry_of_the_tables_is_for_a_parameter_that_exists():
    options = {name for _, one in parameters() for name in one.opts}
    shown = {
        text for group, one in parameters() for text in (one.metavar, f"{group} {one.metavar}")
    }

    assert set(OPTIONS) <= options
    assert set(ARGUMENTS) <= shown


def complete(environment, line):
    words = line.split(" ")
    env = environment | {
        "_PERFPREDICT_COMPLETE": "complete_bash", "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "perfpredict"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.stderr, "Traceback" in done.stdout) == ("", False)
    return done.stdout.split()


def test_a_shell_is_given_models_devices_and_ids(run, environment):
    db = environment["HOME"] + "/x.duckdb"
    made = run("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "-q", "--db", db)
    assert complete(environment, f"perfpredict --db {db} perf show pred-") == [made.stdout.strip()]
    line = "perfpredict perf predict resnet18 --hardware nvidia-l4,nvidia-l40"
    assert complete(environment, line) == ["nvidia-l4,nvidia-l40", "nvidia-l4,nvidia-l40s"]


@pytest.mark.parametrize(
    ("completer", "incomplete", "expected"),
    [
        (values.models, "bert-base-un", ["bert-base-uncased"]),
        (values.models, "resnet1", None),
        (values.model_list, "gpt2,distilg", ["gpt2,distilgpt2"]),
        (values.objectives, "la", ["latency"]),
        (values.groups, "device,ba", ["device,batch_size", "device,basis"]),
        (values.frameworks, "tensorrt", ["tensorrt", "tensorrt-llm"]),
        (values.schemas, "perf-pre", ["perf-predict"]),
        (values.precisions, "FP1", ["fp16"]),
    ],
)
def test_names_begin_as_what_was_typed(completer, incomplete, expected):
    found = completer(incomplete)

    assert found == expected if expected is not None else "resnet101" in found


def test_a_busy_or_missing_database_completes_nothing_at_once(tmp_path, monkeypatch):
    path = tmp_path / "x.duckdb"
    monkeypatch.setitem(os.environ, "COMP_WORDS", f"perfpredict --db {path} perf show pred-")
    assert values.predictions("pred-") == []
    assert not path.exists()
    with Store.open(path, Access.WRITE):
        assert values.predictions("pred-") == []
    monkeypatch.setitem(os.environ, "COMP_WORDS", "perfpredict --db postgresql://h/d perf show ")
    assert values.predictions("") == []


def test_the_newest_ids_come_first_and_only_those_of_their_kind(run, environment, monkeypatch):
    db = environment["HOME"] + "/x.duckdb"
    ask = ("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "-q", "--db", db)
    first, second = (run(*ask).stdout.strip() for _ in range(2))
    monkeypatch.setitem(os.environ, "COMP_WORDS", f"perfpredict --db {db} perf show pred-")
    assert values.predictions("pre") == [second, first]
    assert values.predictions(second.lower()) == [second]
    assert values.predictions("meas-") == values.measurements("") == []
    assert values.predictors("ro") == ["roofline"]


def test_the_index_of_names_is_the_catalog():
    why = "run: python scripts/write_model_names.py"
    assert indexed_model_names() == model_names(), why
    assert builtin_device_names() == sorted(load_builtin())


QUICK = """
    import sys
    from perfpredict.commands import values
    assert "resnet18" in values.models("resnet") and "nvidia-l4" in values.hardware("nvidia")
    assert len(values.predictions("pred-")) == 1
    slow = {"polars", "numpy", "pandas", "lightgbm", "rich", "perfpredict.catalog.models"}
    assert not slow & set(sys.modules), slow & set(sys.modules)
"""


def test_no_completion_loads_what_takes_long(run, environment):
    db = environment["HOME"] + "/x.duckdb"
    run("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "-q", "--db", db)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(QUICK)],
        env=environment | {"COMP_WORDS": f"perfpredict --db {db} perf show pred-"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_what_no_id_holds_completes_nothing(run, environment, monkeypatch):
    db = environment["HOME"] + "/x.duckdb"
    run("perf", "predict", "resnet18", "--hardware", "nvidia-l4", "-q", "--db", db)
    monkeypatch.setitem(os.environ, "COMP_WORDS", f"perfpredict --db {db} perf show pred-")
    assert values.predictions("pred-' or true --") == []
