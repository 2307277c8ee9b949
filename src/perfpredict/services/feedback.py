"""Whether recommendations were taken: answers, their history and the rates they add up to."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import polars as pl

from perfpredict.domain.names import clean_name, clean_text
from perfpredict.domain.row_filter import RowFilter
from perfpredict.services.hardware import device_catalog
from perfpredict.store import feedback as feedback_rows
from perfpredict.store import recommendations as recommendation_rows
from perfpredict.store.feedback import FeedbackGroup, FeedbackRecorded
from perfpredict.store.gateway import Store

__all__ = [
    "Answer", "FeedbackGroup", "list_feedback", "recommendations", "record", "summary",
]  # fmt: skip


class Answer(StrEnum):
    """What is known of a recommendation's fate."""

    YES = "yes"
    NO = "no"
    PENDING = "pending"


def record(
    store: Store,
    recommendation_id: str,
    *,
    is_accepted: bool,
    comment: str,
    chosen: str | None,
    user: str | None,
    now: datetime,
) -> FeedbackRecorded:
    """Store one answer; the last one counts, earlier ones are kept.

    Raises UnknownIdError for no such recommendation, UnknownDeviceError for a chosen device that
    is none, InvalidInputError for a comment that cannot be stored.
    """
    device = None if chosen is None else device_catalog(store).resolve(chosen).device.name
    return feedback_rows.record_feedback(
        store,
        recommendation_id,
        accepted=is_accepted,
        comment=clean_text("comment", comment),
        chosen=device,
        user=None if user is None else clean_name("user", user),
        now=now,
    )


def list_feedback(store: Store, row_filter: RowFilter) -> pl.DataFrame:
    """Return the answers to the recommendations that fit, newest first."""
    return feedback_rows.list_feedback(store, row_filter)


def summary(store: Store, row_filter: RowFilter, by: FeedbackGroup | None) -> pl.DataFrame:
    """Return, per group, how many recommendations were answered and how many of those accepted."""
    return feedback_rows.feedback_summary(store, row_filter, None if by is None else by.value)


def recommendations(
    store: Store,
    row_filter: RowFilter,
    *,
    accepted: Answer | None = None,
    primary: str | None = None,
) -> pl.DataFrame:
    """Return the recommendations that fit, newest first, with the answer that counts now.

    `primary` keeps those in which this device, or what was asked for by this name, came first.
    """
    answer = None if accepted is None else accepted.value
    if primary is None:
        return recommendation_rows.list_recommendations(store, row_filter, answer)
    every = recommendation_rows.list_recommendations(store, replace(row_filter, limit=None), answer)
    names = [primary, device_catalog(store).resolve(primary).device.name]
    found = every.filter(
        pl.col("primary_hardware").is_in(names) | pl.col("primary_device").is_in(names)
    )
    return found if row_filter.limit is None else found.head(row_filter.limit)
