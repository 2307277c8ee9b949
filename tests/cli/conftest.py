"""Runs the real program in a process of its own, away from this user's files."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Return a function that runs `perfpredict` with these arguments; keywords: env, stdin."""
    work = tmp_path / "work"
    work.mkdir()

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
