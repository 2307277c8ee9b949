"""What kind of file a path is, found out before DuckDB opens it."""

import os
import stat
from enum import StrEnum
from pathlib import Path

from perfpredict.errors import InvalidInputError, StoreUnusableError

STORAGE_VERSION_NAME = "v1.5.0"
STORAGE_VERSION = 68
"""Number that files of storage version v1.5.0 carry in their header."""

HEADER_BYTES = 3 * 4096
"""Before the first block: the main header and two database headers, of which one is current."""

_MAGIC_OFFSET = 8
_MAGIC = b"DUCK"
_VERSION_END = 20
_SQLITE_MAGIC = b"SQLite format 3\x00"


class FileState(StrEnum):
    """What there is at the path of a database."""

    MISSING = "missing"
    EMPTY = "empty"
    """0 bytes, as `mktemp` makes it: treated as new."""
    DATABASE = "database"


def resolve_path(path: Path) -> Path:
    """Return `path` absolute and without links, so that all its names share one lock."""
    expanded = path.expanduser()
    if "\x00" in str(expanded):
        raise InvalidInputError("the database path must not hold a NUL character")
    try:
        if expanded.is_symlink() and not expanded.exists():
            raise InvalidInputError(f"the database path '{path}' is a link to nothing")
        return expanded.resolve()
    except (OSError, RuntimeError) as exc:
        raise InvalidInputError(f"the database path '{path}' cannot be followed: {exc}") from exc


def inspect(path: Path) -> FileState:
    """Return the state of the file at `path`; raises for what is no database file.

    It opens the file, so it must run before DuckDB does and under the lock: closing a second
    descriptor would drop the lock that DuckDB holds on the first.
    """
    state = look_at(path)
    if state is FileState.DATABASE:
        _check_header(path, _read_header(path))
    return state


def look_at(path: Path) -> FileState:
    """Return the state of the file at `path` by its type and size alone, without opening it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return FileState.MISSING
    except OSError as exc:
        raise StoreUnusableError(f"cannot look at '{path}': {exc.strerror}") from exc
    if stat.S_ISDIR(status.st_mode):
        raise InvalidInputError(f"the database path '{path}' is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError(f"the database path '{path}' is not a regular file")
    return FileState.EMPTY if status.st_size == 0 else FileState.DATABASE


def wal_path(path: Path) -> Path:
    """Return where DuckDB keeps what is not yet in the database file at `path`."""
    return path.with_name(path.name + ".wal")


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` last through a power failure."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_VERSION_END)
    except OSError as exc:
        raise StoreUnusableError(f"cannot read '{path}': {exc.strerror}") from exc


def _check_header(path: Path, header: bytes) -> None:
    if header.startswith(_SQLITE_MAGIC[:16]):
        raise StoreUnusableError(
            f"'{path}' is an SQLite database, not a DuckDB one",
            hint="choose another file with '--db'",
        )
    if header[_MAGIC_OFFSET : _MAGIC_OFFSET + len(_MAGIC)] != _MAGIC or len(header) < _VERSION_END:
        raise StoreUnusableError(
            f"'{path}' is not a DuckDB database", hint="choose another file with '--db'"
        )
    version = int.from_bytes(header[_MAGIC_OFFSET + len(_MAGIC) : _VERSION_END], "little")
    if version > STORAGE_VERSION:
        raise StoreUnusableError(
            f"'{path}' has storage version {version}; this perfpredict reads up to "
            f"{STORAGE_VERSION} ({STORAGE_VERSION_NAME})",
            hint="export it with the newer DuckDB, or install a newer perfpredict",
        )
