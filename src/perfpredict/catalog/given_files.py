"""Reads files that a user named: never more than is allowed, and every failure is told."""

from pathlib import Path

from perfpredict.errors import InvalidInputError

_MIB = 2**20


def read_given(path: Path, *, most_bytes: int) -> bytes:
    """Return the bytes of `path`.

    Raises InvalidInputError where it cannot be read, or goes on beyond `most_bytes` as a device
    may, whose size is 0.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInputError(f"cannot read '{path}': {reason}") from exc
    except ValueError as exc:
        raise InvalidInputError(f"cannot read {str(path)!a}: no file has such a name") from exc
    if len(data) > most_bytes:
        raise InvalidInputError(f"'{path}': larger than {most_bytes / _MIB:.0f} MiB")
    return data
