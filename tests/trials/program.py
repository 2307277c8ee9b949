"""Runs command lines inside this process as the console script does, away from this user's files.

What is no expected failure comes out as the exception that it is: a traceback fails its trial.
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from perfpredict.program import run

_KEPT = ("PATH", "LANG", "PYTHON", "OMP_", "COVERAGE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one command line left: its exit code and both streams."""

    code: int
    out: str
    err: str
    raw: bytes
    """Standard output as bytes."""

    # Any: whatever JSON the command printed
    def json(self) -> Any:
        """Return standard output as strict JSON."""
        return json.loads(self.out, parse_constant=_refuse_constant)

    @property
    def streams(self) -> tuple[int, str]:
        """Exit code and standard output, which is empty after every failure."""
        return self.code, self.out


class Program:
    """`perfpredict` with a home, a working folder and a database of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.work = home / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.db = self.work / "x.duckdb"

    def __call__(
        self,
        *arguments: object,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        is_terminal: bool = False,
    ) -> Done:
        """Return what this command line does to the database."""
        return run_here(
            arguments, self.environment(env or {}), self.work, stdin=stdin, is_terminal=is_terminal
        )

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment that the command line sees."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
        folders = {
            name: str(self.home / name.lower())
            for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        }
        own = {"HOME": str(self.home), "TMPDIR": str(self.home), "TZ": "UTC"}
        return kept | folders | own | {"PERFPREDICT_DB": str(self.db)} | dict(more)

    def sha256(self) -> str | None:
        """Return the checksum of the database file, None where there is none."""
        return hashlib.sha256(self.db.read_bytes()).hexdigest() if self.db.exists() else None

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has; nothing where there is no database."""
        done = self("db", "info", "--json")
        assert done.code in {0, 3}, done.err
        found = done.json() if done.code == 0 else {}
        return {name: count for name, count in found.items() if name.startswith("rows_")}


def run_here(
    arguments: Iterable[object],
    environment: Mapping[str, str],
    work: Path,
    *,
    stdin: bytes = b"",
    is_terminal: bool = False,
) -> Done:
    """Return what a command line does in this process, with that environment and folder."""
    kind = _Terminal if is_terminal else io.TextIOWrapper
    out, err = _stream(kind), _stream(kind)
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        stack.enter_context(contextlib.chdir(work))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        stack.enter_context(mock.patch("sys.stdin", given))
        code = run([str(argument) for argument in arguments])
    raw = _bytes(out)
    return Done(
        code=code,
        out=raw.decode("utf-8", "backslashreplace"),
        err=_bytes(err).decode("utf-8", "backslashreplace"),
        raw=raw,
    )


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def _stream(kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    return kind(
        io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="", write_through=True
    )


def _bytes(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue()


def _refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")
