"""Report of `perf evaluate`: accuracy by group, the whole first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.evaluate import EvaluatedGroup, Evaluation

_MEASURES = (
    Column("median_ape", "median APE", ColumnKind.PERCENT, 0),
    Column("mape", "MAPE", ColumnKind.PERCENT, 3),
    Column("within_10", "in 10 %", ColumnKind.PERCENT, 4),
    Column("within_20", "in 20 %", ColumnKind.PERCENT, 2),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 1),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 2),
    Column("spearman", "rank corr.", ColumnKind.NUMBER, 4),
    Column("coverage", "coverage", ColumnKind.PERCENT, 1),
    Column("coverage_lo", "from", ColumnKind.PERCENT, 5),
    Column("coverage_hi", "to", ColumnKind.PERCENT, 5),
    Column("median_interval_ratio", "upper/lower", ColumnKind.NUMBER, 3),
)


def evaluation_columns(by: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of an evaluation grouped by `by`."""
    return (
        Column("group", "group", ColumnKind.ID, 0),
        *(Column(key, key, ColumnKind.ID, 8) for key in by),
        Column("metric", "metric", ColumnKind.TEXT, 7),
        Column("rows", "rows", ColumnKind.COUNT, 1),
        Column("answered", "answered", ColumnKind.COUNT, 0),
        Column("unanswered", "unanswered", ColumnKind.COUNT, 3),
        Column("unanswered_by_reason", "why", ColumnKind.TEXT, 8),
        *_MEASURES,
        Column("level", "level", ColumnKind.PERCENT, 6),
        Column("predictor", "predictor", ColumnKind.ID, 7),
    )


def evaluation_report(evaluation: "Evaluation", by: Sequence[str]) -> Report:
    """Return one row a group; the first, `all`, is every row."""
    notes = suspect_note(evaluation.suspect_rows)
    if evaluation.calibration_rows:
        notes.append(
            f"{evaluation.calibration_rows:,} rows were given to the predictor and are not scored"
        )
    return Report(
        "perf-evaluate",
        evaluation_columns(by),
        [_row(group, evaluation) for group in evaluation.groups],
        notes=(*notes, *_reason_notes(evaluation.groups[0])),
    )


def suspect_note(count: int) -> list[str]:
    """Return what is said of rows that contradict themselves, nothing where there are none."""
    if not count:
        return []
    return [f"{count:,} suspect rows are left out (--include-suspect scores them)"]


def _row(group: "EvaluatedGroup", evaluation: "Evaluation") -> Row:
    measures: Mapping[str, float | None] = {}
    if group.accuracy is not None:
        measures = asdict(group.accuracy)
    return {
        "group": group.group,
        **group.values,
        "metric": evaluation.metric.value,
        "rows": group.rows,
        "answered": group.answered,
        "unanswered": group.unanswered,
        "unanswered_by_reason": dict(group.unanswered_by_reason),
        **measures,
        "level": evaluation.level,
        "predictor": evaluation.predictor,
    }


def _reason_notes(whole: "EvaluatedGroup") -> list[str]:
    if not whole.unanswered:
        return []
    told = "; ".join(f"{reason} {count:,}" for reason, count in whole.unanswered_by_reason.items())
    return [f"not answered: {told}"]
