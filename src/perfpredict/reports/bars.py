"""Bars drawn in tables: intervals on a scale that all rows share, and amounts from zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log

from perfpredict.reports.report import Drawing, JsonValue, Row

LEAST_WIDTH, MOST_WIDTH = 12, 24
"""Terminal columns of one bar."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class _Signs:
    left: str
    line: str
    right: str
    value: str
    measured: str


_UNICODE = _Signs("├", "─", "┤", "●", "◆")
_ASCII = _Signs("|", "-", "|", "o", "x")


def bars(rows: Sequence[Row], drawing: Drawing, *, width: int, ascii_only: bool) -> list[str]:
    """Return one bar a row, `width` wide at most; empty where the value is absent."""
    if drawing.lower_key:
        return _intervals(rows, drawing, width, _ASCII if ascii_only else _UNICODE)
    values = [_number(row.get(drawing.value_key)) for row in rows]
    full = drawing.full or max((value for value in values if value is not None), default=0.0)
    return [_amount(value, full, width, ascii_only=ascii_only) for value in values]


def is_drawn(rows: Sequence[Row], drawing: Drawing) -> bool:
    """Return whether any row has what a bar is made of."""
    needed = [key for key in (drawing.value_key, drawing.lower_key, drawing.upper_key) if key]
    return any(all(row.get(key) is not None for key in needed) for row in rows)


def _intervals(rows: Sequence[Row], drawing: Drawing, width: int, signs: _Signs) -> list[str]:
    found = [_values(row, drawing) for row in rows]
    logarithms = [log(value) for own in found if own for value in own]
    if not logarithms:
        return ["" for _ in rows]
    lowest, highest = min(logarithms), max(logarithms)
    scale = (width - 1) / (highest - lowest) if highest > lowest else 0.0

    def draw(own: tuple[float, ...] | None) -> str:
        if own is None:
            return ""
        left, middle, right, *measured = (round((log(value) - lowest) * scale) for value in own)
        cells = [" "] * (max(right, *measured, 0) + 1)
        cells[left : right + 1] = signs.line * (right + 1 - left)
        cells[left], cells[right] = signs.left, signs.right
        cells[middle] = signs.value
        for place in measured:
            cells[place] = signs.measured
        return "".join(cells)

    return [draw(own) for own in found]


def _values(row: Row, drawing: Drawing) -> tuple[float, ...] | None:
    """Return lower bound, value, upper bound, and what was measured where it is known."""
    keys = (drawing.lower_key, drawing.value_key, drawing.upper_key)
    bounds = [_positive(row.get(key)) for key in keys]
    given = [value for value in bounds if value is not None]
    if len(given) < len(bounds):
        return None
    measured = _positive(row.get(drawing.measured_key)) if drawing.measured_key else None
    own = given if measured is None else [*given, measured]
    return tuple(value / given[1] for value in own) if drawing.is_relative else tuple(own)


def _positive(value: JsonValue) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _amount(value: float | None, full: float, width: int, *, ascii_only: bool) -> str:
    if value is None or value <= 0 or full <= 0:
        return ""
    eighths = max(round(min(value / full, 1.0) * width * 8), 1)
    if ascii_only:
        return "#" * max(round(eighths / 8), 1)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _number(value: JsonValue) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None  # type: ignore[arg-type]
