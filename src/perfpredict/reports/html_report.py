"""The page of `perf report`: one file that needs no network and runs no script."""

from importlib import resources
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from perfpredict import __version__
from perfpredict.reports import html_sections as sections
from perfpredict.reports.html_elements import element, write_page
from perfpredict.reports.report_words import scope_words
from perfpredict.reports.text import utc_text

if TYPE_CHECKING:
    from perfpredict.services.accuracy_report import AccuracyReport

_SECTIONS = (
    ("accuracy", "Accuracy", sections.accuracy_section),
    ("calibration", "Calibration", sections.calibration_section),
    ("pairs", "Predicted against measured", sections.pairs_section),
    ("worst", "Furthest off", sections.worst_section),
    ("time", "Error over time", sections.over_time_section),
    ("roofline", "Rooflines", sections.roofline_section),
    ("recommendations", "Recommendations", sections.recommendation_section),
)


def html_report(report: "AccuracyReport") -> str:
    """Return the page."""
    style = resources.files("perfpredict.reports").joinpath("report.css").read_text("utf-8")
    bodies = [
        element("section", {"id": key}, element("h2", None, title), *section(report))
        for key, title, section in _SECTIONS
    ]
    links = [element("a", {"href": f"#{key}"}, title) for key, title, _ in _SECTIONS]
    return write_page(
        f"perfpredict: {report.database}",
        style,
        _header(report),
        element("nav", None, *links),
        element("main", None, *bodies),
        element("footer", None, f"perfpredict {__version__}, {utc_text(report.now)}"),
    )


def _header(report: "AccuracyReport") -> Element:
    warning = element("p", {"class": "warning"}, "Sample data: these rows are made up.")
    return element(
        "header",
        None,
        element("h1", None, "Predictions beside measurements"),
        warning if report.is_sample else None,
        element("p", {"class": "lead"}, scope_words(report)),
    )
