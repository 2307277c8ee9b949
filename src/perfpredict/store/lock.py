"""The lock file beside a database: one process at a time, readers as well as writers.

DuckDB's own lock is not enough: a process may read the file header before it holds the lock and
then overwrite what another one committed in between. This lock is taken before the file is touched.
"""

import errno
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from perfpredict.domain.secrets import hide_passwords
from perfpredict.errors import StoreBusyError, StoreUnusableError

FIRST_NOTE_AFTER_S = 1.0
_SHORTEST_PAUSE_S = 0.004
_LONGEST_PAUSE_S = 0.05
_CONTENT_BYTES = 400

if sys.platform == "win32":
    import msvcrt

    _WINDOWS_LOCKED_BYTE = 0x40000000  # beyond the content, which stays readable to others

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class LockFile:
    """Exclusive lock on `<database>.lock`; the operating system frees it when a holder dies."""

    def __init__(self, database: Path, descriptor: int) -> None:
        self._database = database
        self._descriptor = descriptor
        self._is_open = True

    @classmethod
    def acquire(
        cls, database: Path, *, timeout_s: float, on_wait: Callable[[str], None] | None = None
    ) -> "LockFile | None":
        """Return the held lock, or None where the folder lets nobody create the lock file.

        Raises StoreBusyError, naming the holder, after `timeout_s` seconds.
        """
        descriptor = _open_lock_file(lock_path(database))
        if descriptor is None:
            return None
        try:
            _wait_for_lock(database, descriptor, timeout_s, on_wait)
            _write_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(database, descriptor)

    def release(self) -> None:
        """Let the next process in; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            try:
                # a lock file without content means nobody holds it
                with suppress(OSError, MemoryError):
                    os.ftruncate(self._descriptor, 0)
            finally:
                os.close(self._descriptor)


def lock_path(database: Path) -> Path:
    """Return where the lock of `database` lies; the file stays there between commands."""
    return database.with_name(database.name + ".lock")


def read_holder(database: Path) -> str:
    """Return 'pid 123 (perfpredict …)' as the holder wrote it, or 'another process'."""
    try:
        text = lock_path(database).read_text(encoding="utf-8", errors="replace")[:_CONTENT_BYTES]
    except OSError:
        return "another process"
    pid, _, command = text.strip().partition("\n")
    if not pid.isdigit():
        return "another process"
    return f"pid {pid} ({command})" if command else f"pid {pid}"


def _open_lock_file(path: Path) -> int | None:
    no_follow = getattr(os, "O_NOFOLLOW", 0)  # nobody redirects the lock through a link
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | no_follow, 0o666)
    except PermissionError:
        pass
    except OSError as exc:
        if exc.errno == errno.EROFS:
            return _open_existing(path, no_follow)
        raise StoreUnusableError(f"cannot open the lock file '{path}': {exc.strerror}") from exc
    return _open_existing(path, no_follow)


def _open_existing(path: Path, no_follow: int) -> int | None:
    # another user's lock file can be locked without the right to write into it
    try:
        return os.open(path, os.O_RDONLY | no_follow)
    except OSError:
        return None


def _wait_for_lock(
    database: Path, descriptor: int, timeout_s: float, on_wait: Callable[[str], None] | None
) -> None:
    start = time.monotonic()
    pause_s = _SHORTEST_PAUSE_S
    is_said = False
    while not _try_lock(descriptor):
        waited_s = time.monotonic() - start
        if waited_s >= timeout_s:
            raise busy_error(database, waited_s)
        if on_wait is not None and not is_said and waited_s >= FIRST_NOTE_AFTER_S:
            is_said = True
            on_wait(f"waiting for the database, in use by {read_holder(database)}")
        # a random pause, so that those who wait long are not always beaten by newcomers
        time.sleep(min(random.uniform(0.5, 1.0) * pause_s, max(timeout_s - waited_s, 0.0)))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def busy_error(database: Path, waited_s: float) -> StoreBusyError:
    """Return the error that names who holds `database`."""
    return StoreBusyError(
        f"the database '{database}' is in use by {read_holder(database)}; "
        f"waited {waited_s:.1f} s, nothing was changed",
        hint="try again, or wait longer with '--lock-timeout SECONDS'",
    )


def _write_holder(descriptor: int) -> None:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]) if sys.argv else "python"
    printable = "".join(c if c.isprintable() else "?" for c in hide_passwords(command))
    content = f"{os.getpid()}\n{printable}".encode(errors="replace")[:_CONTENT_BYTES]
    # who holds the lock is a courtesy: on a full or foreign-owned file the lock still holds
    with suppress(OSError, MemoryError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, content)
