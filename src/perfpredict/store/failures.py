"""The one place where an error of DuckDB or of the disk becomes an error of ours."""

import errno
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
from perfpredict.store.places import Location
from perfpredict.store.postgres_failures import translate_postgres

_FULL = ("no space left", "disk quota", "could not write", "file too large")
_DENIED = ("permission denied", "read-only file system", "read-only mode")
_CORRUPT = ("corrupt", "checksum", "replaying wal", "not a valid duckdb", "could not read")
_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED_NUMBERS = {errno.EACCES, errno.EPERM, errno.EROFS}
_LOCKED = ("could not set lock", "conflicting lock", "being used by another process")
_REPEAT = "what was saved before is intact: repeat the command"


@contextmanager
def translated(path: Location) -> Iterator[None]:
    """Raise what goes wrong inside, as far as a user can cause it, as a PerfpredictError."""
    try:
        yield
    except duckdb.Error as exc:
        translation = translate(exc, path)
        if translation is None:
            raise
        # a server's own words may repeat the whole URL, and a cause is shown by '--debug'
        raise translation from (exc if isinstance(path, Path) else None)
    except OSError as exc:
        raise _of_the_system(exc, path) from exc
    except MemoryError as exc:
        raise StoreUnusableError(
            f"not enough memory for the database '{path}', not saved", hint=_REPEAT
        ) from exc


def translate(error: duckdb.Error, path: Location) -> PerfpredictError | None:
    """Return our error for `error`, None where it is a bug of ours and must crash."""
    if not isinstance(path, Path):
        return translate_postgres(error, path)
    text = str(error)
    lower = text.lower()
    if any(mark in lower for mark in _LOCKED):
        return StoreBusyError(
            f"the database '{path}' is open in another program: {_first_line(text)}",
            hint="close that program, or give it a copy made by 'perfpredict db backup'",
        )
    if any(mark in lower for mark in _FULL):
        return _no_space(path, _first_line(text))
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


def _of_the_system(error: OSError, path: Location) -> StoreUnusableError:
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL_NUMBERS:
        return _no_space(path, reason)
    if error.errno in _DENIED_NUMBERS:
        return StoreUnusableError(f"no permission to write '{path}': {reason}")
    return StoreUnusableError(
        f"the database '{path}' cannot be used, not saved: {reason}", hint=_REPEAT
    )


def _no_space(path: Location, reason: str) -> StoreUnusableError:
    return StoreUnusableError(
        f"no space for the database '{path}', not saved: {reason}",
        hint="make room on the disk and repeat the command; what was saved before is intact",
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
