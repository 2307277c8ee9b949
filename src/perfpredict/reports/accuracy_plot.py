"""Plots of accuracy in the terminal: predicted against measured, errors, and coverage by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from perfpredict.reports.canvas import Canvas, Scale, wide_range
from perfpredict.reports.report import Figure, Style
from perfpredict.reports.text import percent, visible
from perfpredict.reports.tones import Tone, tone_of, toned

if TYPE_CHECKING:
    import polars as pl

_HEIGHT = 16
_MARGIN = 10
_LEAST_LABEL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measured value and what was predicted of it."""

    predicted: float
    actual: float
    is_inside: bool | None
    """Whether the interval held it; None where there was none."""

    @property
    def relative_error(self) -> float:
        return (self.predicted - self.actual) / self.actual


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterFigure:
    """Predicted against measured, on logarithmic axes, with the line of equality."""

    metric: str
    unit: str
    pairs: Sequence[Pair]

    def draw(self, style: Style) -> str:
        """Return the plot and its legend as lines of text."""
        lower, upper = wide_range([v for one in self.pairs for v in (one.predicted, one.actual)])
        cells = max(style.width - _MARGIN, 20)
        canvas = Canvas(Scale(lower, upper, cells), Scale(lower, upper, _HEIGHT), style)
        for cell in range(cells):
            value = canvas.x.value(cell)
            canvas.put(value, value, style.sign("·", "."), Tone.ABSENT)
        inside, outside = style.sign("•", "o"), style.sign("×", "x")
        for one in sorted(self.pairs, key=lambda pair: pair.is_inside is False):
            is_out = one.is_inside is False
            sign, tone = (outside, Tone.BAD) if is_out else (inside, Tone.GOOD)
            canvas.put(one.actual, one.predicted, sign, tone)
        plot = canvas.draw(
            x_title=f"measured {self.metric}, {self.unit}",
            y_title=f"predicted {self.metric}, {self.unit}",
        )
        count = sum(one.is_inside is False for one in self.pairs)
        legend = (
            f"  {toned(style, inside, Tone.GOOD)} within its interval: "
            f"{len(self.pairs) - count}   {toned(style, outside, Tone.BAD)} outside: {count}   "
            f"{style.sign('·', '.')} predicted = measured\n"
        )
        return plot + legend


_EDGES = (-0.5, -0.25, -0.1, -0.05, 0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFigure:
    """How many predictions are off by how much, signed: above 0 % the prediction is too high."""

    metric: str
    pairs: Sequence[Pair]

    def draw(self, style: Style) -> str:
        """Return a bar a bin, the empty bins at both ends left out."""
        errors = [one.relative_error for one in self.pairs]
        rows = [
            (text, middle, sum(low < error <= high for error in errors))
            for text, middle, low, high in _bins()
        ]
        filled = [place for place, (_, _, count) in enumerate(rows) if count]
        rows = rows[filled[0] : filled[-1] + 1]
        most = max(count for _, _, count in rows)
        room = max(style.width - 28, 10)
        lines = [f"relative errors of {self.metric}: (predicted - measured) / measured"]
        for text, middle, count in rows:
            length = max(round(count / most * room), 1) if count else 0
            bar = toned(style, style.sign("█", "#") * length, tone_of("rel_error", middle))
            lines.append(f"  {text:>15} {bar}{' ' if count else ''}{count}")
        return "".join(f"{line}\n" for line in lines)


def _bins() -> list[tuple[str, float, float, float]]:
    """Return label, an error within, and both ends of each bin."""
    infinity = float("inf")
    found = [(f"up to {_EDGES[0]:.0%}", _EDGES[0] * 1.1, -infinity, _EDGES[0])]
    for low, high in pairwise(_EDGES):
        found.append((f"{low:.0%} to {high:.0%}", (low + high) / 2.0, low, high))
    return [*found, (f"above {_EDGES[-1]:.0%}", _EDGES[-1] * 1.1, _EDGES[-1], infinity)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCoverage:
    """Which share of measurements the intervals of one group held."""

    label: str
    n: int
    coverage: float
    lower: float
    upper: float
    level: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageFigure:
    """Coverage of each group with its own interval, beside the level that was asked for."""

    groups: Sequence[GroupCoverage]

    def draw(self, style: Style) -> str:
        """Return a line a group on a scale from 0 to 100 %."""
        widest = max([_LEAST_LABEL, *(len(one.label) for one in self.groups)])
        widest = min(widest, style.width // 3)
        scale = Scale(0.0, 1.0, max(style.width - widest - 22, 10), is_log=False)
        lines = [
            f"coverage by group, with its 95 % interval; {style.sign('┊', ':')} is the level asked"
        ]
        for one in self.groups:
            label = f"{one.label[:widest]:<{widest}}"
            lines.append(f"  {label} {_coverage_bar(one, scale, style)} "
                         f"{percent(one.coverage)} of {one.n}")  # fmt: skip
        return "".join(f"{line}\n" for line in lines)


def _coverage_bar(group: GroupCoverage, scale: Scale, style: Style) -> str:
    signs: dict[int, str] = {}
    low, high = scale.cell(group.lower) or 0, scale.cell(group.upper) or 0
    signs.update(dict.fromkeys(range(low, high + 1), style.sign("─", "-")))
    signs[low], signs[high] = style.sign("├", "|"), style.sign("┤", "|")
    tone = Tone.PLAIN
    if group.level is not None:
        tone = Tone.GOOD if group.lower <= group.level <= group.upper else Tone.BAD
        if group.coverage > group.level:
            tone = Tone.GOOD  # held more often than promised
        place = scale.cell(group.level)
        if place is not None:
            signs[place] = style.sign("┊", ":")
    signs[scale.cell(group.coverage) or 0] = style.sign("●", "o")
    text = "".join(signs.get(cell, " ") for cell in range(scale.cells))
    return toned(style, text, tone)


def groups_from(rows: Sequence[Mapping[str, object]], by: Sequence[str]) -> list[GroupCoverage]:
    """Return the groups of accuracy statistics whose coverage is known."""
    return [
        GroupCoverage(
            label=visible(" ".join(str(row[key]) for key in (*by, "metric"))),
            n=int(str(row["n"])),
            coverage=float(str(row["coverage"])),
            lower=float(str(row["coverage_lo"])),
            upper=float(str(row["coverage_hi"])),
            level=None if row["level"] is None else float(str(row["level"])),
        )
        for row in rows
        if row["coverage"] is not None and row["coverage_lo"] is not None
    ]


def accuracy_figures(
    pairs: "pl.DataFrame", metric: str, statistics: "pl.DataFrame", by: Sequence[str]
) -> tuple[Figure, ...]:
    """Return the plots of one metric's pairs, in the unit that most of them have, and coverage."""
    unit = pairs["unit"].mode().sort().first()
    own = [
        Pair(predicted=row["predicted"], actual=row["actual"], is_inside=row["inside_interval"])
        for row in pairs.filter(pairs["unit"] == unit).to_dicts()
    ]
    groups = groups_from(statistics.to_dicts(), by)
    figures: list[Figure] = [
        ScatterFigure(metric=metric, unit=str(unit), pairs=own),
        HistogramFigure(metric=metric, pairs=own),
    ]
    return (*figures, CoverageFigure(groups=groups)) if groups else tuple(figures)
