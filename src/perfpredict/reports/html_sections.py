"""The sections of the report's page, each a list of elements; what is missing is said."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from perfpredict.reports import html_charts as charts
from perfpredict.reports.html_elements import Child, element
from perfpredict.reports.html_groups import Cell, accuracy_table, table
from perfpredict.reports.html_roofline import roofline_chart
from perfpredict.reports.report_words import (
    Fields,
    absence,
    counted,
    cut_words,
    day,
    factor,
    feedback_words,
    is_accepted_words,
    joined,
    number,
    of_quantity,
    quantities,
    quantity_title,
    workload_words,
)

if TYPE_CHECKING:
    from perfpredict.services.accuracy_report import AccuracyReport, GroupAccuracy
    from perfpredict.services.pair_charts import PairCharts
    from perfpredict.services.roofline_points import DeviceRoofline


def accuracy_section(report: "AccuracyReport") -> list[Element]:
    """Return accuracy of everything and by group."""
    if not report.pair_count:
        return [_missing(absence(report))]
    said = (
        "APE is |predicted - measured| / measured. A bias above 1 is a prediction too high. "
        "Coverage is the share of measurements inside their interval; the stroke is what was "
        "asked for. The 95 % intervals are of the median and of the coverage themselves; a "
        "median has one from six pairs on."
    )
    parts = [_caption(said), accuracy_table(report.overall.statistics, "")]
    for group in report.groups:
        parts += _group(group)
    return parts


def _group(group: "GroupAccuracy") -> list[Element]:
    shown = group.statistics[group.by].n_unique()
    parts = [element("h3", None, f"By {group.by.replace('_', ' ')}")]
    for index, quantity in enumerate(quantities(group.statistics)):
        is_open: dict[str, str | float] = {"open": "open"} if index == 0 else {}
        rows = of_quantity(group.statistics, quantity)
        summary = element("summary", None, quantity_title(quantity))
        parts.append(element("details", is_open, summary, accuracy_table(rows, group.by)))
    return [*parts, *_cut(shown, group.group_count, "groups, those with the most pairs")]


def calibration_section(report: "AccuracyReport") -> list[Element]:
    """Return how well intervals keep what they promise."""
    said = (
        "Where each measurement fell, from the lower to the upper bound of its interval "
        "(shaded): much outside on one side is bias, everything near 0 an interval wider than it "
        "has to be. Then whether narrow intervals hold as many measurements as wide ones: each "
        "dot is a group of pairs with its 95 % interval, the line is what was asked for."
    )
    parts = [_caption(said)]
    for pairs in report.charts:
        drawn = [
            _figure(chart, caption)
            for draw, caption in _CALIBRATION
            if (chart := draw(pairs)) is not None
        ]
        if drawn:
            title = quantity_title((pairs.metric, pairs.unit))
            parts += [element("h3", None, title), _grid(drawn)]
    return parts if len(parts) > 1 else [_missing("No pair has an interval.")]


_CALIBRATION: "tuple[tuple[Callable[[PairCharts], Element | None], str], ...]" = (
    (charts.interval_positions, "Where measurements fell in their intervals"),
    (charts.coverage_by_width, "Coverage by the width of the interval"),
    (charts.coverage_by_level, "Coverage observed against coverage asked for"),
)


def pairs_section(report: "AccuracyReport") -> list[Element]:
    """Return every pair as a dot."""
    if not report.pair_count:
        return [_missing(absence(report))]
    said = (
        "Solid is a right prediction, dashed a factor of two. Rows that would lie on each other "
        "share a larger dot, named after the one furthest off. Point at a dot to see its row."
    )
    drawn = [
        _figure(
            charts.predicted_against_measured(pairs), quantity_title((pairs.metric, pairs.unit))
        )
        for pairs in report.charts
    ]
    return [_legend(("inside", "inside its interval"), ("outside", "outside or without")),
            _caption(said), _grid(drawn)]  # fmt: skip


def worst_section(report: "AccuracyReport") -> list[Element]:
    """Return the measurements that are furthest from their predictions."""
    if report.worst.is_empty():
        return [_missing(absence(report))]
    headings = ["workload", "device", "metric", "predicted", "interval", "measured", "off by",
                "on", "measurement"]  # fmt: skip
    return [
        _caption("One row a measurement: its metric that is off by the largest factor."),
        table(headings, [_worst_row(row) for row in report.worst.to_dicts()]),
    ]


def _worst_row(row: Fields) -> list[Cell]:
    interval = "-"
    if row["lower"] is not None and row["upper"] is not None:
        interval = f"{number(row['lower'])} to {number(row['upper'])}"
    return [
        ("name", workload_words(row)),
        ("name", row["device"]),
        ("", row["metric"]),
        ("number", number(row["predicted"], row["unit"])),
        ("range", interval),
        ("number", number(row["actual"], row["unit"])),
        ("number", factor(row["ln_ratio"])),
        ("range", day(row["measured_at"])),
        ("id", row["measurement_id"]),
    ]


def over_time_section(report: "AccuracyReport") -> list[Element]:
    """Return the error by the time of the measurement."""
    if not report.pair_count:
        return [_missing(absence(report))]
    shown = [(one.metric, one.unit) for one in report.charts]
    drawn = [
        _figure(
            charts.error_over_time(
                of_quantity(report.over_time, quantity), quantity, report.period
            ),
            quantity_title(quantity),
        )
        for quantity in shown
    ]
    return [_grid(drawn)]


def roofline_section(report: "AccuracyReport") -> list[Element]:
    """Return measured workloads below the limits of their devices."""
    if not report.rooflines:
        return [_missing("No closed-loop latency was measured.")]
    said = (
        "The sloped line is the memory bandwidth, flat lines are the peak arithmetic of each "
        "precision, as data sheets have them; each dot is the newest measurement of a workload. "
        "How far it stays below the line is what efficiency, launches and the framework cost. "
        "GPUs with tf32 run fp32 convolutions in it, so their dots may stand above the fp32 line."
    )
    drawn: list[Element] = []
    parts = [_caption(said)]
    for one in report.rooflines:
        chart = roofline_chart(one)
        if chart is None:
            parts.append(_missing(f"{one.device}: {_why_unplaced(one)}"))
        else:
            drawn.append(_figure(chart, f"{one.device}: {_placed(one)}"))
    return [*parts, _grid(drawn)]


def _placed(roofline: "DeviceRoofline") -> str:
    looked_at = len(roofline.points) + roofline.unplaced_count
    unplaced = (
        f"{roofline.unplaced_count:,} that the catalog does not know or several devices share"
    )
    return joined(
        (
            counted(len(roofline.points), "workload"),
            f"not {unplaced}" if roofline.unplaced_count else None,
            f"the newest of {roofline.workload_count:,}"
            if looked_at < roofline.workload_count
            else None,
        )
    )


def _why_unplaced(roofline: "DeviceRoofline") -> str:
    if roofline.bandwidth_bytes_per_s is None:
        return "not drawn, the device is not in the catalog."
    return "not drawn, the operations of what was measured are not known."


def recommendation_section(report: "AccuracyReport") -> list[Element]:
    """Return what was recommended, and whether it was taken."""
    if report.recommendations.is_empty():
        return [_missing("No recommendation fits.")]
    headings = ["asked on", "workload", "objective", "recommended", "then", "accepted", "comment",
                "recommendation"]  # fmt: skip
    rows = [_recommendation_row(row) for row in report.recommendations.to_dicts()]
    cut = _cut(len(rows), report.recommendation_count, "recommendations, the newest")
    return [_caption(feedback_words(report.feedback)), table(headings, rows), *cut]


def _recommendation_row(row: Fields) -> list[Cell]:
    answer = is_accepted_words(row["is_accepted"])
    chosen = f"{answer}, {row['chosen']} instead" if row["chosen"] else answer
    return [
        ("range", day(row["created_at"])),
        ("name", workload_words({**row, "model": row["model_name"]})),
        ("", row["objective"]),
        ("name", row["primary_device"] or "none meets the limits"),
        ("name", joined(json.loads(row["fallback_devices_json"])[:3]) or "-"),
        (f"answer {answer}", chosen),
        ("comment", row["comment"] or ""),
        ("id", row["recommendation_id"]),
    ]


def _caption(text: str) -> Element:
    return element("p", {"class": "caption"}, text)


def _missing(text: str) -> Element:
    return element("p", {"class": "missing"}, text)


def _cut(shown: int, total: int, many: str) -> list[Element]:
    words = cut_words(shown, total, many)
    return [_caption(words)] if words else []


def _figure(chart: Element, caption: str) -> Element:
    return element("figure", None, element("figcaption", None, caption), chart)


def _grid(figures: list[Element]) -> Element:
    return element("div", {"class": "grid-of-figures"}, *figures)


def _legend(*entries: tuple[str, str]) -> Element:
    items: list[Child] = []
    for kind, words in entries:
        dot = element("circle", {"cx": 6.0, "cy": 6.0, "r": 4.0, "class": f"dot {kind}"})
        items.append(element("svg", {"viewBox": "0 0 12 12", "class": "key"}, dot))
        items.append(f" {words}  ")
    return element("p", {"class": "caption"}, *items)
