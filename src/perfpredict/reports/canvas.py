"""A grid of characters with two axes, for plots in a terminal; ASCII where Unicode cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from perfpredict.reports.report import Style
from perfpredict.reports.text import significant
from perfpredict.reports.tones import Tone, toned


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to cells; logarithmic scales hold positive values only."""

    lower: float
    upper: float
    cells: int
    is_log: bool = True

    def cell(self, value: float) -> int | None:
        """Return the cell of `value`, None outside of the scale."""
        if self.is_log and value <= 0:
            return None
        share = (self._at(value) - self._at(self.lower)) / (
            self._at(self.upper) - self._at(self.lower)
        )
        place = round(share * (self.cells - 1))
        return place if 0 <= place < self.cells else None

    def value(self, cell: int) -> float:
        """Return the value in the middle of a cell."""
        share = cell / (self.cells - 1)
        at = self._at(self.lower) + share * (self._at(self.upper) - self._at(self.lower))
        return 10.0**at if self.is_log else at

    def ticks(self) -> list[float]:
        """Return round values on a logarithmic scale: decades, and 2 and 5 where few fit."""
        decades = range(floor(log10(self.lower)), ceil(log10(self.upper)) + 1)
        steps = (1.0, 2.0, 5.0) if len(decades) <= 4 else (1.0,)
        found = [step * 10.0**decade for decade in decades for step in steps]
        return [value for value in found if self.lower <= value <= self.upper]

    def _at(self, value: float) -> float:
        return log10(value) if self.is_log else value


class Canvas:
    """Signs on a grid; what is put later covers what was put before."""

    def __init__(self, x: Scale, y: Scale, style: Style) -> None:
        self.x = x
        self.y = y
        self._style = style
        self._signs: dict[tuple[int, int], str] = {}
        self._labels: dict[int, str] = {}

    def put(self, x: float, y: float, sign: str, tone: Tone = Tone.PLAIN) -> bool:
        """Put one sign where the values are; return whether they are on the grid."""
        column, row = self.x.cell(x), self.y.cell(y)
        if column is None or row is None:
            return False
        self._signs[row, column] = toned(self._style, sign, tone)
        return True

    def label(self, y: float, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Write `text` to the right of the grid, at the height of `y`."""
        row = self.y.cell(y)
        if row is not None:
            own = toned(self._style, text, tone)
            self._labels[row] = f"{self._labels[row]}, {own}" if row in self._labels else own

    def draw(self, *, x_title: str, y_title: str, y_label: str = "") -> str:
        """Return the grid with its axes; `y_label` is a unit that values of y are divided into."""
        labels = {
            row: si_text(value, y_label)
            for value in self.y.ticks()
            if (row := self.y.cell(value)) is not None
        }
        margin = max((len(text) for text in labels.values()), default=0)
        sign = self._style.sign
        lines = [y_title]
        for row in reversed(range(self.y.cells)):
            axis = sign("┤", "+") if row in labels else sign("│", "|")
            cells = "".join(self._signs.get((row, column), " ") for column in range(self.x.cells))
            right = f" {self._labels[row]}" if row in self._labels else ""
            lines.append(f"{labels.get(row, ''):>{margin}} {axis}{cells}{right}".rstrip())
        return "\n".join([*lines, *self._x_axis(margin), f"{'':{margin + 2}}{x_title}"]) + "\n"

    def _x_axis(self, margin: int) -> list[str]:
        sign = self._style.sign
        axis = [sign("─", "-")] * self.x.cells
        numbers = [" "] * (self.x.cells + 8)
        free_from = 0
        for value in self.x.ticks():
            cell, text = self.x.cell(value), si_text(value, "")
            if cell is None or cell < free_from or cell + len(text) > self.x.cells + 6:
                continue
            axis[cell] = sign("┬", "+")
            numbers[cell : cell + len(text)] = text
            free_from = cell + len(text) + 1
        corner = sign("└", "+")
        return [
            f"{'':{margin}} {corner}{''.join(axis)}",
            f"{'':{margin + 2}}{''.join(numbers)}".rstrip(),
        ]


_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def si_text(value: float, unit: str) -> str:
    """Return `value` to three digits with an SI prefix from thousands on."""
    factor, prefix = next(((f, p) for f, p in _PREFIXES if value >= f * 0.9995), (1.0, ""))
    number = significant(value / factor, 3)
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {prefix}{unit}" if unit else f"{number}{prefix}"


def wide_range(values: Sequence[float], *, margin: float = 1.25) -> tuple[float, float]:
    """Return bounds around positive values, with room on both sides and at least a factor of 2."""
    lower, upper = min(values) / margin, max(values) * margin
    if upper / lower < 2.0:
        middle = (upper * lower) ** 0.5
        return middle / 2.0**0.5, middle * 2.0**0.5
    return lower, upper
