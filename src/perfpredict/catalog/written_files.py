"""Writes the files that a user asks for: whole or not at all, whatever ends this process."""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

from perfpredict.errors import InvalidInputError, PerfpredictError, StoreUnusableError

_DISK_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""No mistake in the call: another path or more room is needed."""


def write_atomically(path: Path, data: bytes, *, is_private: bool = False) -> None:
    """Write `data` to `path` so that no reader ever sees half of it.

    A link is replaced and never followed; a folder, a device or a pipe is refused. Nobody but this
    user can read what `is_private`.
    """
    _refuse_special(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o600 if is_private else 0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            # Ctrl-C as well: nobody would know what the file is
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
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


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a loss of power, where folders can be synced at all."""
    # the file is whole under its name by now: there is no failure to tell
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
