"""The report as Markdown for a pull request: the same facts as the page, without its charts."""

from typing import TYPE_CHECKING

from perfpredict.reports.accuracy import ERROR_COLUMNS
from perfpredict.reports.render import markdown_text, render
from perfpredict.reports.report import Column, ColumnKind, OutputFormat, Report
from perfpredict.reports.report_words import (
    absence,
    counted,
    cut_words,
    feedback_words,
    scope_words,
)
from perfpredict.reports.text import visible

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.accuracy_report import AccuracyReport

_STATISTICS = (
    Column("metric", kind=ColumnKind.ID),
    Column("unit", kind=ColumnKind.TEXT),
    Column("n", "pairs", ColumnKind.COUNT),
    Column("median_abs_rel_error", "median APE", ColumnKind.PERCENT),
    Column("median_lo", "from", ColumnKind.PERCENT),
    Column("median_hi", "to", ColumnKind.PERCENT),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER),
    Column("coverage", kind=ColumnKind.PERCENT),
    Column("coverage_lo", "from", ColumnKind.PERCENT),
    Column("coverage_hi", "to", ColumnKind.PERCENT),
    Column("level", "asked for", ColumnKind.PERCENT),
)
_WORST = ("model_name", "device", "batch_size", "metric", "unit", "predicted", "actual",
          "lower", "upper", "rel_error", "measurement_id")  # fmt: skip


def markdown_report(report: "AccuracyReport") -> str:
    """Return the report; tables by group are folded."""
    parts = [
        f"## Predictions beside measurements\n\n{markdown_text(visible(scope_words(report)))}\n"
    ]
    if report.is_sample:
        parts.append("**Sample data: these rows are made up.**\n")
    if not report.pair_count:
        parts.append(f"{absence(report)}\n")
    else:
        parts.append(_table(report.overall.statistics, ""))
        parts += [_folded_group(report, place) for place in range(len(report.groups))]
        parts.append(_folded("Furthest off", _worst(report)))
    if report.recommendation_count:
        parts.append(f"{feedback_words(report.feedback)}\n")
    return "\n".join(parts)


def _folded_group(report: "AccuracyReport", place: int) -> str:
    group = report.groups[place]
    shown = group.statistics[group.by].n_unique()
    cut = cut_words(shown, group.group_count, "groups, those with the most pairs") or ""
    title = f"By {group.by.replace('_', ' ')} ({counted(group.group_count, 'group')})"
    return _folded(title, _table(group.statistics, group.by) + cut)


def _table(statistics: "pl.DataFrame", by: str) -> str:
    own = (Column(by, kind=ColumnKind.ID),) if by else ()
    made = Report("perf-report", (*own, *_STATISTICS), statistics.to_dicts())
    return render(made, OutputFormat.MARKDOWN)


def _worst(report: "AccuracyReport") -> str:
    columns = {column.key: column for column in ERROR_COLUMNS}
    renamed = report.worst.rename({"model": "model_name"})
    made = Report("perf-report", [columns[key] for key in _WORST], renamed.to_dicts())
    return render(made, OutputFormat.MARKDOWN)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"
