"""Tables of accuracy by group, each number with its interval drawn beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from perfpredict.reports.html_elements import Attributes, Child, element
from perfpredict.reports.report_words import Fields, number, quantity_title, share, share_range
from perfpredict.reports.svg_scale import Scale

if TYPE_CHECKING:
    import polars as pl

_CELL_WIDTH, _CELL_HEIGHT = 140.0, 16.0

Cell = tuple[str, Child]
"""Class of a cell, and what stands in it."""


def table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Element:
    """Return a table that scrolls sideways where the screen is narrow."""
    kinds = (
        [kind if kind == "number" else "" for kind, _ in rows[0]] if rows else [""] * len(headings)
    )
    head = element(
        "tr",
        None,
        *[
            element("th", {"scope": "col", "class": kind}, text)
            for kind, text in zip(kinds, headings, strict=True)
        ],
    )
    body = [
        element("tr", None, *[element("td", {"class": kind}, child) for kind, child in row])
        for row in rows
    ]
    return element(
        "div",
        {"class": "scroll", "tabindex": "0"},
        element("table", None, element("thead", None, head), element("tbody", None, *body)),
    )


def accuracy_table(statistics: "pl.DataFrame", by: str) -> Element:
    """Return a row a group; without `by`, a row a metric."""
    rows = statistics.to_dicts()
    highest = max((row["median_hi"] or row["median_abs_rel_error"] or 0.0) for row in rows) or 1.0
    headings = [
        by or "metric", "pairs", "median APE", "95 % interval", f"0 to {share(highest)}", "bias",
        "coverage", "95 % interval", "0 to 100 %", "asked for",
    ]  # fmt: skip
    return table(headings, [_accuracy_row(row, by, highest) for row in rows])


def _accuracy_row(row: Fields, by: str, highest: float) -> list[Cell]:
    error = Scale(low=0.0, high=highest, start=4.0, end=_CELL_WIDTH - 4.0)
    whole = Scale(low=0.0, high=1.0, start=4.0, end=_CELL_WIDTH - 4.0)
    name = quantity_title((row["metric"], row["unit"])) if not by else _group_name(row[by])
    median, coverage = row["median_abs_rel_error"], row["coverage"]
    bias = row["bias_factor"]
    return [
        ("name", name),
        ("number", f"{row['n']:,}"),
        ("number", share(median)),
        ("range", share_range(row["median_lo"], row["median_hi"])),
        ("plot", _whisker(error, row["median_lo"], median, row["median_hi"], None)),
        ("number", "-" if bias is None else f"× {number(bias)}"),
        ("number", share(coverage)),
        ("range", share_range(row["coverage_lo"], row["coverage_hi"])),
        ("plot", _whisker(whole, row["coverage_lo"], coverage, row["coverage_hi"], row["level"])),
        ("number", share(row["level"])),
    ]


def _group_name(value: object) -> str:
    return "(none)" if value is None else str(value)


def _whisker(
    scale: Scale, low: float | None, value: float | None, high: float | None, mark: float | None
) -> Element | None:
    """Return a dot with its interval on a line, and a stroke at `mark`."""
    if value is None:
        return None
    middle = _CELL_HEIGHT / 2
    base: Attributes = {
        "x1": scale.start,
        "x2": scale.end,
        "y1": middle,
        "y2": middle,
        "class": "grid",
    }
    parts = [element("line", base)]
    if mark is not None:
        at = scale.at(mark)
        stroke: Attributes = {
            "x1": at,
            "x2": at,
            "y1": 1.0,
            "y2": _CELL_HEIGHT - 1,
            "class": "reference",
        }
        parts.append(element("line", stroke))
    if low is not None and high is not None:
        span: Attributes = {
            "x1": scale.at(low), "x2": scale.at(high), "y1": middle, "y2": middle,
            "class": "whisker",
        }  # fmt: skip
        parts.append(element("line", span))
    dot: Attributes = {"cx": scale.at(value), "cy": middle, "r": 3.5, "class": "dot inside"}
    parts.append(element("circle", dot))
    view = f"0 0 {_CELL_WIDTH:.0f} {_CELL_HEIGHT:.0f}"
    return element("svg", {"viewBox": view, "class": "cell", "aria-hidden": "true"}, *parts)
