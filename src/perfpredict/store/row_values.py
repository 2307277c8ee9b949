"""Reads typed values out of one row of a frame."""

from collections.abc import Mapping
from datetime import datetime

Row = Mapping[str, object]


def text(row: Row, name: str) -> str:
    """Return the text in a column that is never null."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {value!r}")
    return value


def text_or_none(row: Row, name: str) -> str | None:
    """Return the text in a column that may be null."""
    return None if row[name] is None else text(row, name)


def integer(row: Row, name: str) -> int:
    """Return the whole number in a column that is never null."""
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    return value


def integer_or_none(row: Row, name: str) -> int | None:
    """Return the whole number in a column that may be null."""
    return None if row[name] is None else integer(row, name)


def real(row: Row, name: str) -> float:
    """Return the number in a column that is never null."""
    value = row[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def real_or_none(row: Row, name: str) -> float | None:
    """Return the number in a column that may be null."""
    return None if row[name] is None else real(row, name)


def time(row: Row, name: str) -> datetime:
    """Return the aware time in a column that is never null."""
    value = row[name]
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be a time, got {value!r}")
    return value


def time_or_none(row: Row, name: str) -> datetime | None:
    """Return the aware time in a column that may be null."""
    return None if row[name] is None else time(row, name)
