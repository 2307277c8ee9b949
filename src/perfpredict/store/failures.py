"""The one place where an error of DuckDB becomes an error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from perfpredict.errors import (
    InvalidInputError,
    PerfpredictError,
    StoreBusyError,
    StoreUnusableError,
)

_FULL = ("no space left", "disk quota", "could not write", "file too large")
_DENIED = ("permission denied", "read-only file system", "read-only mode")
_CORRUPT = ("corrupt", "checksum", "replaying wal", "not a valid duckdb", "could not read")
_LOCKED = ("could not set lock", "conflicting lock", "being used by another process")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what goes wrong inside, as far as a user can cause it, as a PerfpredictError."""
    try:
        yield
    except duckdb.Error as exc:
        translation = translate(exc, path)
        if translation is None:
            raise
        raise translation from exc


def translate(error: duckdb.Error, path: Path) -> PerfpredictError | None:
    """Return our error for `error`, None where it is a bug of ours and must crash."""
    text = str(error)
    lower = text.lower()
    if any(mark in lower for mark in _LOCKED):
        return StoreBusyError(
            f"the database '{path}' is open in another program: {_first_line(text)}",
            hint="close that program, or give it a copy made by 'perfpredict db backup'",
        )
    if any(mark in lower for mark in _FULL):
        return StoreUnusableError(
            f"no space for the database '{path}', not saved: {_first_line(text)}",
            hint="make room on the disk and repeat the command; what was saved before is intact",
        )
    if any(mark in lower for mark in _DENIED):
        return StoreUnusableError(f"no permission to write '{path}': {_first_line(text)}")
    if isinstance(error, duckdb.ConstraintException):
        return InvalidInputError(f"the database refused a value: {_first_line(text)}")
    return _unusable(error, path, lower)


def _unusable(error: duckdb.Error, path: Path, lower: str) -> PerfpredictError | None:
    text = _first_line(str(error))
    restore = "restore a backup with 'perfpredict db restore FILE'"
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreUnusableError(f"not enough memory for this question: {text}")
    if any(mark in lower for mark in _CORRUPT):
        return StoreUnusableError(f"the database '{path}' is damaged: {text}", hint=restore)
    broken = (
        duckdb.IOException, duckdb.FatalException,
        duckdb.InternalException, duckdb.SerializationException,
    )  # fmt: skip
    if isinstance(error, broken) or type(error) is duckdb.Error:
        return StoreUnusableError(f"the database '{path}' cannot be used: {text}", hint=restore)
    return None


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
