"""Trials: each is one test named by its id, repeats itself as asked, and can be put on record."""

import contextlib
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perfpredict.program import run

from .processes import Children, Done
from .usual_calls import Furnished, furnished

_NAME = re.compile(r"test_([fimu])0*(\d+)_(\w+)")
_REPEATS = "trial repeats"

Repeats = Callable[..., int]


@pytest.fixture(scope="session")
def furnishing(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Return a program with something of everything, to be copied: it takes seconds to make."""
    return furnished(tmp_path_factory.mktemp("furnishing"))


@pytest.fixture(scope="module")
def rows(furnishing: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Return the same for the trials of one module."""
    return furnishing.copy(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> Repeats:
    """Return a function that gives the number of repetitions to do, and puts it on record.

    `repeats(100, 5, of="kills")` is 100 with `--trials=full`, 20 with `--trials=20%`, else 5; a
    trial whose count is always the same gives one number.
    """

    def count(full: int, reduced: int | None = None, *, of: str = "times") -> int:
        asked = str(request.config.getoption("--trials"))
        if asked == "full" or reduced is None:
            chosen = full
        elif asked == "reduced":
            chosen = reduced
        else:
            chosen = max(full * int(asked.removesuffix("%")) // 100, reduced)
        request.node.user_properties.append((_REPEATS, f"{chosen} {of}"))
        return chosen

    return count


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose home and folders are all below `tmp_path`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PERFPREDICT_", "XDG_", "COLUMNS", "NO_COLOR", "FORCE_COLOR"))
    }
    folders = {name: str(tmp_path / name.lower()) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    return kept | folders | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "TZ": "UTC"}


@pytest.fixture
def children(tmp_path: Path, environment: dict[str, str]) -> Iterator[Children]:
    """Return a starter of processes, each the leader of a group that is gone afterwards."""
    work = tmp_path / "work"
    work.mkdir()
    started = Children(work, environment)
    try:
        yield started
    finally:
        started.end_all()


@pytest.fixture
def call(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Return a function that runs a command line in this process, for trials that run many."""
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def called(*arguments: object) -> Done:
        words = [str(argument) for argument in arguments]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(words)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return called


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return where a trial's database is, or will be."""
    return tmp_path / "x.duckdb"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    target = item.config.getoption("--trial-results")
    is_told = report.when == "call" or report.outcome != "passed"
    named = _NAME.match(item.name)
    if target and named and is_told:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(_record(item, report, named)) + "\n")
    return report


def _record(
    item: pytest.Item, report: pytest.TestReport, named: re.Match[str]
) -> dict[str, str | float]:
    said = getattr(item, "function", None)
    first_line = ((said.__doc__ if said else None) or "").strip().partition("\n")[0]
    return {
        "trial": f"{named[1].upper()}{named[2]}",
        "test": item.nodeid.partition("[")[0],
        "case": item.nodeid.partition("[")[2].removesuffix("]"),
        "what": first_line or named[3].replace("_", " "),
        "count": ", ".join(str(value) for key, value in item.user_properties if key == _REPEATS),
        "counts": str(item.config.getoption("--trials")),
        "result": _result(report),
        "seconds": round(report.duration, 2),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _result(report: pytest.TestReport) -> str:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}"
    return report.outcome if report.when == "call" else f"{report.outcome} in {report.when}"
