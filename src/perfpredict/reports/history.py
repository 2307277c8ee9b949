"""Reports of stored recommendations, and of how models last stood on devices."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, Row, report_from_frame

if TYPE_CHECKING:
    import polars as pl

COMPAT_COLUMNS = (
    Column("model", kind=ColumnKind.ID, priority=0),
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("fits", kind=ColumnKind.FLAG, priority=1),
    Column("compatibility_score", "score", ColumnKind.NUMBER, 1),
    Column("rank", kind=ColumnKind.COUNT, priority=1),
    Column("primary", kind=ColumnKind.FLAG, priority=2),
    Column("batch_size", "batch", ColumnKind.COUNT, 4),
    Column("precision", kind=ColumnKind.ID, priority=4),
    Column("reason", priority=5),
    Column("updated_at", "updated", ColumnKind.TIME, 6),
)


def compatibility(frame: "pl.DataFrame") -> Report:
    """Return how models last stood on devices, from the stored mappings."""
    renamed = frame.rename({"model_name": "model", "device": "hardware", "is_primary": "primary"})
    return report_from_frame("hardware-compat", renamed, COMPAT_COLUMNS)


HISTORY_COLUMNS = (
    Column("recommendation_id", "id", ColumnKind.ID, 0),
    Column("created_at", "created", ColumnKind.TIME, 3),
    Column("user", kind=ColumnKind.ID, priority=6),
    Column("model", kind=ColumnKind.ID, priority=1),
    Column("family", kind=ColumnKind.ID, priority=7),
    Column("batch_size", "batch", ColumnKind.COUNT, 4),
    Column("precision", kind=ColumnKind.ID, priority=4),
    Column("mode", kind=ColumnKind.ID, priority=8),
    Column("primary", kind=ColumnKind.ID, priority=1),
    Column("fallbacks", priority=5),
    Column("accepted", kind=ColumnKind.ID, priority=2),
    Column("comment", priority=6),
)


def history(frame: "pl.DataFrame") -> Report:
    """Return stored recommendations, with the answer that counts now."""
    return Report("hardware-history", HISTORY_COLUMNS, [_past(row) for row in frame.to_dicts()])


def _past(row: Mapping[str, JsonValue]) -> Row:
    accepted = row["is_accepted"]
    return {
        **row,
        "user": row["user_name"],
        "model": row["model_name"],
        "family": row["model_family"],
        "primary": row["primary_device"],
        "fallbacks": json.loads(str(row["fallback_devices_json"])),
        "accepted": "pending" if accepted is None else "yes" if accepted else "no",
        "comment": row["comment"] or None,
    }
