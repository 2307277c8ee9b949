"""Reports of the `feedback` group: answers to recommendations, and their rates."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, Row

if TYPE_CHECKING:
    import polars as pl

RECORD_COLUMNS = (
    Column("recommendation_id", kind=ColumnKind.ID),
    Column("accepted", kind=ColumnKind.ID),
    Column("previous", kind=ColumnKind.ID),
    Column("recorded_at", kind=ColumnKind.TIME),
)


def recorded(
    recommendation_id: str, *, is_accepted: bool, previous: bool | None, recorded_at: datetime
) -> Report:
    """Return what was stored, and what counted before."""
    row: Row = {
        "recommendation_id": recommendation_id,
        "accepted": _answer(is_accepted),
        "previous": None if previous is None else _answer(previous),
        "recorded_at": recorded_at,
    }
    return Report("feedback-record", RECORD_COLUMNS, [row], is_single=True)


LIST_COLUMNS = (
    Column("recommendation_id", "id", ColumnKind.ID, 0),
    Column("recorded_at", "recorded", ColumnKind.TIME, 2),
    Column("user", kind=ColumnKind.ID, priority=4),
    Column("model", kind=ColumnKind.ID, priority=3),
    Column("hardware", "recommended", ColumnKind.ID, 3),
    Column("accepted", kind=ColumnKind.ID, priority=0),
    Column("chosen", kind=ColumnKind.ID, priority=2),
    Column("comment", priority=1),
    Column("current", "counts", ColumnKind.FLAG, 5),
)


def answers(frame: "pl.DataFrame") -> Report:
    """Return one row for each answer; `current` tells the one that counts."""
    return Report("feedback-list", LIST_COLUMNS, [_answer_row(row) for row in frame.to_dicts()])


def _answer_row(row: Mapping[str, JsonValue]) -> Row:
    return {
        **row,
        "user": row["user_name"],
        "model": row["model_name"],
        "hardware": row["primary_device"],
        "accepted": _answer(bool(row["is_accepted"])),
        "comment": row["comment"] or None,
        "current": row["is_current"],
    }


def _answer(is_accepted: bool) -> str:
    return "yes" if is_accepted else "no"


SUMMARY_COLUMNS = (
    Column("group", kind=ColumnKind.ID, priority=0),
    Column("recommendations", "all", ColumnKind.COUNT, 1),
    Column("answered", kind=ColumnKind.COUNT, priority=1),
    Column("accepted", kind=ColumnKind.COUNT, priority=1),
    Column("rejected", kind=ColumnKind.COUNT, priority=2),
    Column("pending", kind=ColumnKind.COUNT, priority=2),
    Column("response_rate", "response", ColumnKind.PERCENT, 3),
    Column("acceptance_rate", "acceptance", ColumnKind.PERCENT, 0),
    Column("acceptance_lo", "from", ColumnKind.PERCENT, 2),
    Column("acceptance_hi", "to", ColumnKind.PERCENT, 2),
)


def summary(frame: "pl.DataFrame") -> Report:
    """Return acceptance by group: accepted of answered, with its 95 % Wilson interval."""
    rows = frame.rename({"group_name": "group"}).to_dicts()
    return Report("feedback-summary", SUMMARY_COLUMNS, rows)
