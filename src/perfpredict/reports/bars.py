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


_UNICODE = _Signs("├", "─", "┤", "●")
_ASCII = _Signs("|", "-", "|", "o")


def bars(rows: Sequence[Row], drawing: Drawing, *, width: int, ascii_only: bool) -> list[str]:
    """Return one bar a row, `width` wide at most; empty where the value is absent."""
    if drawing.lower_key:
        return _intervals(rows, drawing, width, _ASCII if ascii_only else _UNICODE)
    values = [_number(row.get(drawing.value_key)) for row in rows]
    full = drawing.full or max((value for value in values if value is not None), default=0.0)
    return [_amount(value, full, width, ascii_only=ascii_only) for value in values]


def _intervals(rows: Sequence[Row], drawing: Drawing, width: int, signs: _Signs) -> list[str]:
    keys = (drawing.lower_key, drawing.value_key, drawing.upper_key)
    found = [_positive([_number(row.get(key)) for key in keys]) for row in rows]
    ends = [log(value) for triple in found if triple for value in triple]
    if not ends:
        return ["" for _ in rows]
    lowest, highest = min(ends), max(ends)
    scale = (width - 1) / (highest - lowest) if highest > lowest else 0.0

    def draw(triple: tuple[float, ...] | None) -> str:
        if triple is None:
            return ""
        left, middle, right = (round((log(value) - lowest) * scale) for value in triple)
        cells = [" "] * (right + 1)
        cells[left:] = signs.line * (right + 1 - left)
        cells[left], cells[right] = signs.left, signs.right
        cells[middle] = signs.value
        return "".join(cells)

    return [draw(triple) for triple in found]


def _positive(values: list[float | None]) -> tuple[float, ...] | None:
    given = tuple(value for value in values if value is not None and value > 0)
    return given if len(given) == len(values) else None


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
