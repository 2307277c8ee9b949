"""The report's charts of accuracy: predicted against measured, intervals, and error over time."""

import math
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from perfpredict.domain.accuracy import wilson_interval
from perfpredict.reports.report_words import (
    Quantity,
    counted,
    day,
    number,
    pair_words,
    share_range,
)
from perfpredict.reports.svg_chart import Axis, Chart
from perfpredict.reports.svg_scale import day_label, log_range
from perfpredict.reports.text import percent

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.pair_charts import CoverageGroup, PairCharts


def predicted_against_measured(pairs: "PairCharts") -> Element:
    """Return every pair as a dot; the diagonal is a right prediction, dashes a factor of two."""
    low, high = log_range(pairs.bounds)
    chart = Chart(
        f"predicted against measured {pairs.metric}",
        Axis(title=f"measured {pairs.metric} [{pairs.unit}]", low=low, high=high, is_log=True),
        Axis(title=f"predicted {pairs.metric} [{pairs.unit}]", low=low, high=high, is_log=True),
    )
    for ratio in (0.5, 2.0):
        ends = (max(low, low / ratio), min(high, high / ratio))
        chart.line([(end, end * ratio) for end in ends], "dashed")
    chart.line([(low, low), (high, high)], "reference")
    for row in pairs.spots.iter_rows(named=True):
        count = row["count"]
        more = f"\nand {count - 1:,} more here" if count > 1 else ""
        chart.dot(
            (row["actual"], row["predicted"]),
            pair_words(row) + more,
            "inside" if row["is_inside"] else "outside",
            min(2.5 + 0.5 * math.log2(count), 6.0),
        )
    return chart.draw()


def interval_positions(pairs: "PairCharts") -> Element | None:
    """Return where measurements fell in their intervals; None where no pair has an interval."""
    total = sum(pairs.position_counts)
    if not total:
        return None
    edges = pairs.position_edges
    top = max(pairs.position_counts) / total * 1.12
    chart = Chart(
        f"where the measured {pairs.metric} fell in its interval",
        Axis(title="position: -1 lower bound, 0 predicted, 1 upper bound", low=edges[0],
             high=edges[-1], label=_signed),
        Axis(title="share of pairs", low=0.0, high=top, label=percent),
    )  # fmt: skip
    chart.area([(-1, 0), (-1, top), (1, top), (1, 0)], "band")
    for left, right, count in zip(edges, edges[1:], pairs.position_counts, strict=False):
        kind = "inside" if abs(left + right) < 2 else "outside"
        if count:
            name = f"{counted(count, 'pair')}, {percent(count / total)}"
            chart.bar(left, right, count / total, name, kind)
    return chart.draw()


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"


def coverage_by_width(pairs: "PairCharts") -> Element | None:
    """Return how many measurements narrow and wide intervals hold; None for too few pairs."""
    groups = pairs.by_width
    if not groups:
        return None
    low, high = log_range([w for one in groups for w in (one.narrowest, one.widest)])
    chart = Chart(
        f"coverage by the width of the interval of {pairs.metric}",
        Axis(title="width: upper / lower bound", low=low, high=high, is_log=True),
        Axis(title="measured inside the interval", low=0.0, high=1.0, label=percent),
    )
    for level in (one.level for one in pairs.by_level if one.level is not None):
        chart.line([(low, level), (high, level)], "reference")
        chart.text((high, level), f"asked for: {percent(level)}", lift=-14.0)
    for group in groups:
        name = f"intervals {number(group.narrowest)} to {number(group.widest)} wide"
        _coverage_mark(chart, group, math.sqrt(group.narrowest * group.widest), name)
    return chart.draw()


def coverage_by_level(pairs: "PairCharts") -> Element | None:
    """Return how many measurements intervals hold against what they claim.

    None where all claim the same.
    """
    if len(pairs.by_level) < 2:
        return None
    chart = Chart(
        f"claimed and observed coverage of {pairs.metric}",
        Axis(title="coverage asked for", low=0.0, high=1.0, label=percent),
        Axis(title="measured inside the interval", low=0.0, high=1.0, label=percent),
    )
    chart.line([(0, 0), (1, 1)], "reference")
    for group in pairs.by_level:
        if group.level is not None:
            _coverage_mark(chart, group, group.level, f"asked for {percent(group.level)}")
    return chart.draw()


def _coverage_mark(chart: Chart, group: "CoverageGroup", x: float, name: str) -> None:
    low, high = wilson_interval(group.inside, group.n)
    observed = group.inside / group.n
    chart.line([(x, low), (x, high)], "whisker")
    words = f"{percent(observed)} inside ({share_range(low, high)})"
    chart.dot((x, observed), f"{name}\n{counted(group.n, 'pair')}, {words}", "inside", 4.0)


def error_over_time(periods: "pl.DataFrame", quantity: Quantity, period: str) -> Element:
    """Return the median APE of each period, with its quartiles as a band."""
    rows = periods.to_dicts()
    times = [row["period"].timestamp() for row in rows]
    first, last = min(times), max(times)
    room = max((last - first) * 0.04, 1800.0)
    highest = max(row["q3"] for row in rows) * 1.1 or 0.01
    chart = Chart(
        f"error of {quantity[0]} over time",
        Axis(title=f"measured in the {period} of (UTC)", low=first - room, high=last + room,
             label=lambda value: day_label(value, last - first + 2 * room)),
        Axis(title="median APE, and quartiles", low=0.0, high=highest, label=percent),
    )  # fmt: skip
    at = list(zip(times, rows, strict=True))
    chart.area(
        [(t, row["q3"]) for t, row in at] + [(t, row["q1"]) for t, row in reversed(at)], "band"
    )
    chart.line([(t, row["median"]) for t, row in at], "trend")
    for t, row in at:
        name = (
            f"{day(row['period'])}: median {percent(row['median'])} of {counted(row['n'], 'pair')}"
            f"\nhalf of them {percent(row['q1'])} to {percent(row['q3'])}"
        )
        chart.dot((t, row["median"]), name, "inside", 3.5)
    return chart.draw()
