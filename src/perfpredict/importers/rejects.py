"""Writes the rows that were refused, so that they can be mended and imported again."""

import os
import tempfile
from pathlib import Path

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.importers.raw import TEXT


def write_rejects(path: Path, bad: pl.DataFrame) -> None:
    """Write the bad rows as CSV: their own cells, and file, row and reason in `_` columns.

    The file appears whole or not at all.
    """
    texts = bad if bad[TEXT].null_count() < bad.height else bad.drop(TEXT)
    write_atomically(path, texts.write_csv().encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that no reader ever sees half of it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInputError(f"'{path}': cannot be written: {reason}") from exc


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
