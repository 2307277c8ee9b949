"""Reports of the `sample` group: how many made-up rows there are, made or cleared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, Report

if TYPE_CHECKING:
    import polars as pl

STATUS_COLUMNS = (
    Column("table", kind=ColumnKind.ID, priority=0),
    Column("sample", kind=ColumnKind.COUNT, priority=0),
    Column("real", kind=ColumnKind.COUNT, priority=0),
)
CLEAR_COLUMNS = (
    Column("table", kind=ColumnKind.ID, priority=0),
    Column("deleted", kind=ColumnKind.COUNT, priority=0),
    Column("kept", kind=ColumnKind.COUNT, priority=0),
)
TABLES = (
    "performance_predictions",
    "performance_measurements",
    "recommendation_history",
    "hardware_model_mappings",
    "feedback_events",
    "prediction_models",
    "feature_importance",
)
GENERATE_COLUMNS = tuple(Column(name, kind=ColumnKind.COUNT, priority=0) for name in TABLES)


def generated(counts: Mapping[str, int], *, is_dry_run: bool) -> Report:
    """Return how many rows each table got, or would get."""
    notes = ["dry run: nothing was stored"] if is_dry_run else []
    if not counts["prediction_models"]:
        notes.append("no predictor: that takes three models and 30 measurements")
    return Report("sample-generate", GENERATE_COLUMNS, [counts], is_single=True, notes=notes)


def status(frame: "pl.DataFrame") -> Report:
    """Return how many sample and real rows each table has."""
    rows = frame.rename({"table_name": "table"}).to_dicts()
    return Report("sample-status", STATUS_COLUMNS, rows)


def cleared(frame: "pl.DataFrame") -> Report:
    """Return how many rows were deleted from each table, and how many were kept."""
    renamed = frame.rename({"table_name": "table", "sample": "deleted", "real": "kept"})
    return Report("sample-clear", CLEAR_COLUMNS, renamed.to_dicts())
