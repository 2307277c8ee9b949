"""Writes the rows that were refused, so that they can be mended and imported again."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import polars as pl

from perfpredict.errors import InvalidInputError, PerfpredictError, StoreUnusableError
from perfpredict.importers.raw import TEXT

_DISK_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""No mistake in the call: another path or more room is needed."""


def write_rejects(path: Path, bad: pl.DataFrame) -> None:
    """Write the bad rows as CSV: their own cells, and file, row and reason in `_` columns.

    The file appears whole or not at all.
    """
    texts = bad if bad[TEXT].null_count() < bad.height else bad.drop(TEXT)
    write_atomically(path, texts.write_csv().encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that no reader ever sees half of it.

    A link is replaced and never followed; a folder, a device or a pipe is refused.
    """
    _refuse_special(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
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
        raise _unwritable(path, exc) from exc


def _refuse_special(path: Path) -> None:
    """Raise InvalidInputError where a rename would put a file in the place of something else."""
    try:
        mode = path.lstat().st_mode
        # /dev/stdout is such a link, and root could replace it
        is_stream = stat.S_ISLNK(mode) and str(path.readlink()).startswith("/proc/")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    if is_stream or not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise InvalidInputError(
            f"'{path}': cannot be written: it is there already and is no file",
            hint="name a file that is new or may be replaced",
        )


def _unwritable(path: Path, exc: OSError) -> PerfpredictError:
    message = f"'{path}': cannot be written: {(exc.strerror or str(exc)).lower()}"
    if exc.errno in _DISK_FAILURES:
        return StoreUnusableError(message, hint="nothing was written; make room on the disk")
    return InvalidInputError(message)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
