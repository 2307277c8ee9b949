"""Runs the real program, in this process or in one of its own, away from this user's files."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
    """Return the folder that command lines are run in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def run(work: Path, environment: dict[str, str]) -> Run:
    """Return a function that runs a command line in this process; keywords: env, stdin.

    What is no expected failure comes out as the exception that it is.
    """

    def call(
        *arguments: str, env: dict[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = run_here(arguments, environment | (env or {}), work, stdin=stdin.encode())
        out, err = (text.replace("\r\n", "\n") for text in (done.out, done.err))
        return subprocess.CompletedProcess(arguments, done.code, out, err)

    return call


@pytest.fixture
def run_apart(work: Path, environment: dict[str, str]) -> Run:
    """Return a function that runs a command line as `run` does, in a process of its own."""

    def call(
        *arguments: str, env: dict[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "perfpredict", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=work,
            input=stdin,
            env=environment | (env or {}),
            timeout=120,
        )

    return call
