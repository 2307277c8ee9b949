"""Files that a command was asked to write: whole or not at all, and never over others unasked."""

from pathlib import Path

from perfpredict.catalog.written_files import write_atomically
from perfpredict.errors import InvalidInputError


def check_may_write(path: Path, *, force: bool) -> None:
    """Raise InvalidInputError where `path` is there already, unless `force` and it is a file."""
    is_there = path.is_symlink() or path.exists()
    if is_there and (not force or path.is_dir()):
        raise InvalidInputError(f"'{path}' exists already", hint="add --force to replace it")


def write_new(path: Path, data: bytes, *, force: bool) -> None:
    """Write `data` to `path`; an existing file or link needs `force`, a link is replaced."""
    check_may_write(path, force=force)
    write_atomically(path, data)
