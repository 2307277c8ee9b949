"""Runs the examples of the guide away from this user's files."""

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from ..trials.program import run_here

Run = Callable[..., subprocess.CompletedProcess[str]]


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
def work(tmp_path: Path) -> Path:
    """Return an empty folder to run programs in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def run(work: Path, environment: dict[str, str]) -> Run:
    """Return a function that runs a command line, and more arguments, in this process."""

    def call(line: str, *more: str) -> subprocess.CompletedProcess[str]:
        words = [*shlex.split(line), *more]
        done = run_here(words, environment, work)
        return subprocess.CompletedProcess(words, done.code, done.out, done.err)

    return call


@pytest.fixture
def execute(work: Path, environment: dict[str, str]) -> Callable[[str], str]:
    """Return a function that executes a program in this process and returns what it printed."""

    def call(program: str) -> str:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            contextlib.chdir(work),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            exec(compile(program, "example", "exec"), {"__name__": "__main__"})
        assert err.getvalue() == ""
        return out.getvalue()

    return call


@pytest.fixture
def run_python(work: Path, environment: dict[str, str]) -> Run:
    """Return a function that runs Python with these arguments in an empty folder."""

    def call(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=work,
            input=stdin,
            env=environment,
            timeout=300,
        )

    return call
