"""Writes and reads what users say of recommendations; the last word counts, all are kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError
from perfpredict.store.filters import Table, condition
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.lookup import find_id
from perfpredict.store.wilson import Z_95, wilson_bounds

MOST_COMMENT_CHARACTERS = 10_000

CURRENT_FEEDBACK = """
    select recommendation_id, recorded_at, user_name, is_accepted, comment, chosen
    from feedback_events
    qualify row_number() over (
        partition by recommendation_id order by recorded_at desc, feedback_id desc
    ) = 1
"""
"""One row per answered recommendation: the feedback that counts now."""


class FeedbackGroup(StrEnum):
    """What feedback can be summed up by."""

    HARDWARE = "hardware"
    DEVICE = "device"
    MODEL = "model"
    FAMILY = "family"
    USER = "user"
    WEEK = "week"


_GROUP_COLUMNS = {
    FeedbackGroup.HARDWARE: "t.primary_hardware",
    FeedbackGroup.DEVICE: "t.primary_device",
    FeedbackGroup.MODEL: "t.model_name",
    FeedbackGroup.FAMILY: "t.model_family",
    FeedbackGroup.USER: "t.user_name",
    FeedbackGroup.WEEK: "strftime(date_trunc('week', t.created_at), '%Y-%m-%d')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecorded:
    """What was just stored, and what counted before."""

    recommendation_id: str
    feedback_id: str
    is_accepted: bool
    previous: bool | None
    recorded_at: datetime


def record_feedback(
    store: Store,
    rec_id: str,
    *,
    accepted: bool,
    comment: str = "",
    chosen: str | None = None,
    user: str | None = None,
    now: datetime,
) -> FeedbackRecorded:
    """Store one answer to a recommendation given by id or prefix; earlier answers are kept."""
    if len(comment) > MOST_COMMENT_CHARACTERS:
        raise InvalidInputError(
            f"comment must have at most {MOST_COMMENT_CHARACTERS} characters, got {len(comment)}"
        )
    with store.transaction():
        recommendation_id = find_id(store, IdKind.RECOMMENDATION, rec_id)
        previous = _current(store, recommendation_id)
        feedback_id = new_id(IdKind.FEEDBACK, now)
        store.execute(
            """
            insert into feedback_events (
                feedback_id, recommendation_id, recorded_at, user_name, is_accepted, comment, chosen
            ) values (
                $feedback_id, $recommendation_id, $recorded_at, $user, $accepted, $comment, $chosen
            )
            """,
            {
                "feedback_id": feedback_id,
                "recommendation_id": recommendation_id,
                "recorded_at": now,
                "user": user,
                "accepted": accepted,
                "comment": comment,
                "chosen": chosen,
            },
        )
    return FeedbackRecorded(
        recommendation_id=recommendation_id,
        feedback_id=feedback_id,
        is_accepted=accepted,
        previous=previous,
        recorded_at=now,
    )


def list_feedback(store: Store, row_filter: RowFilter) -> pl.DataFrame:
    """Return every answer to the recommendations that fit, newest first, with `is_current`."""
    where = condition(row_filter, Table.RECOMMENDATIONS)
    return store.frame(
        f"""
        with current as (
            select max_by(feedback_id, (recorded_at, feedback_id)) as feedback_id
            from feedback_events group by recommendation_id
        )
        select
            e.feedback_id, e.recommendation_id, e.recorded_at, e.user_name, e.is_accepted,
            e.comment, e.chosen, t.model_name, t.primary_hardware, t.primary_device,
            c.feedback_id is not null as is_current
        from feedback_events as e
        join recommendation_history as t on t.recommendation_id = e.recommendation_id
        left join current as c on c.feedback_id = e.feedback_id
        where {where.sql}
        order by e.recorded_at desc, e.feedback_id desc
        limit $limit
        """,
        where.parameters,
    )


def feedback_summary(store: Store, row_filter: RowFilter, by: str | None = None) -> pl.DataFrame:
    """Return acceptance per group, or of everything where `by` is None.

    acceptance_rate = accepted / (accepted + rejected) with its 95 % Wilson interval: silence is
    not a rejection. Rates without an answer are null.
    """
    where = condition(row_filter, Table.RECOMMENDATIONS)
    column = _GROUP_COLUMNS[_group(by)] if by is not None else "'all'"
    low, high = wilson_bounds("rate", "answered")
    statement = _SUMMARY.format(group=column, condition=where.sql, low=low, high=high)
    return store.frame(statement, where.parameters | {"z": Z_95})


def _current(store: Store, recommendation_id: str) -> bool | None:
    found = store.rows(
        f"""
        select is_accepted from ({CURRENT_FEEDBACK}) as current
        where recommendation_id = $recommendation_id
        """,
        {"recommendation_id": recommendation_id},
    )
    return bool(found[0][0]) if found else None


def _group(name: str) -> FeedbackGroup:
    try:
        return FeedbackGroup(name)
    except ValueError:
        raise InvalidInputError(
            f"feedback cannot be summed up by '{name}'",
            hint=f"it can be summed up by {', '.join(FeedbackGroup)}",
        ) from None


_SUMMARY = f"""
with current as ({CURRENT_FEEDBACK}),
counted as (
    select
        {{group}} as group_name,
        count(*) as recommendations,
        count(f.is_accepted) as answered,
        count(*) filter (f.is_accepted) as accepted,
        count(*) filter (not f.is_accepted) as rejected,
        count(*) - count(f.is_accepted) as pending
    from recommendation_history as t
    left join current as f on f.recommendation_id = t.recommendation_id
    where {{condition}}
    group by group_name
),
rated as (
    select *, accepted / nullif(answered, 0) as rate from counted
)
select
    group_name, recommendations, answered, accepted, rejected, pending,
    answered / nullif(recommendations, 0) as response_rate,
    rate as acceptance_rate,
    {{low}} as acceptance_lo,
    {{high}} as acceptance_hi
from rated
order by group_name
"""
