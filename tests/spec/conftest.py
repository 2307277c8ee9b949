"""Runs programs in a process of their own, away from this user's files."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Return a function that runs Python with these arguments in an empty folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PERFPREDICT_", "XDG_", "COLUMNS", "NO_COLOR", "FORCE_COLOR"))
    }
    folders = {name: str(tmp_path / name.lower()) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    environment = kept | folders | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "TZ": "UTC"}
    work = tmp_path / "work"
    work.mkdir()

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
