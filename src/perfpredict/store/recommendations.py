"""Writes and reads recommendations: one row per ranking of devices for one workload."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from perfpredict.domain.recommendation import Candidate, Limits, Objective, Recommendation
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.store import row_values as value
from perfpredict.store.feedback import CURRENT_FEEDBACK
from perfpredict.store.filters import Table, condition
from perfpredict.store.frames import TIME, column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.lookup import find_id
from perfpredict.store.workload_columns import WORKLOAD_SCHEMA, workload_from_row, workload_row

RECOMMENDATION_SCHEMA: dict[str, pl.DataType] = {
    "recommendation_id": pl.String(),
    "created_at": TIME,
    "user_name": pl.String(),
    **WORKLOAD_SCHEMA,
    "objective": pl.String(),
    "max_latency_ms": pl.Float64(),
    "min_throughput_per_s": pl.Float64(),
    "max_memory_bytes": pl.Float64(),
    "max_price_per_hour": pl.Float64(),
    "confidence": pl.Float64(),
    "primary_hardware": pl.String(),
    "primary_device": pl.String(),
    "primary_platform": pl.String(),
    "fallback_devices_json": pl.String(),
    "candidates_json": pl.String(),
    "excluded_json": pl.String(),
    "explanation": pl.String(),
    "assumptions_json": pl.String(),
    "cautions_json": pl.String(),
    "is_sample": pl.Boolean(),
}
"""Columns of `recommendation_history`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecommendation:
    """A recommendation as the database knows it, with the feedback that counts now."""

    recommendation_id: str
    created_at: datetime
    user: str | None
    workload: Workload
    objective: Objective
    limits: Limits
    primary_hardware: str | None
    primary_device: str | None
    fallback_devices: tuple[str, ...]
    candidates: tuple[Mapping[str, object], ...]
    """Best first; keys as in `candidates_json`."""
    excluded: tuple[Mapping[str, str], ...]
    """Each with hardware and reason."""
    explanation: str
    assumptions: tuple[str, ...]
    cautions: tuple[str, ...]
    is_sample: bool
    is_accepted: bool | None
    """None while nobody has answered."""
    comment: str | None
    chosen: str | None
    feedback_at: datetime | None


def insert_recommendation(
    store: Store, recommendation: Recommendation, *, is_sample: bool = False
) -> None:
    """Store `recommendation`, which carries its id and time already."""
    row = _row(recommendation, is_sample=is_sample)
    columns = column_list(list(RECOMMENDATION_SCHEMA))
    with store.transaction(), store.incoming(pl.DataFrame([row], schema=RECOMMENDATION_SCHEMA)):
        store.execute(
            f"insert into recommendation_history ({columns}) select {columns} from incoming"
        )


def list_recommendations(
    store: Store, row_filter: RowFilter, accepted: str | None = None
) -> pl.DataFrame:
    """Return the recommendations that fit, newest first, with their current feedback.

    `accepted` is 'yes', 'no', 'pending' or None for all.
    """
    if accepted not in {"yes", "no", "pending", None}:
        raise InvalidInputError(f"accepted must be yes, no or pending, got '{accepted}'")
    where = condition(row_filter, Table.RECOMMENDATIONS)
    return store.frame(
        _SELECT + f" where {where.sql} and {_ACCEPTED}"
        " order by t.created_at desc, t.recommendation_id desc limit $limit",
        where.parameters | {"accepted": accepted},
    )


def get_recommendation(store: Store, id_or_prefix: str) -> StoredRecommendation:
    """Return one recommendation; raises UnknownIdError or AmbiguousIdError."""
    recommendation_id = find_id(store, IdKind.RECOMMENDATION, id_or_prefix)
    row = store.frame(
        _SELECT + " where t.recommendation_id = $recommendation_id",
        {"recommendation_id": recommendation_id},
    ).row(0, named=True)
    return _stored(row)


def rejections(
    store: Store, family: str | None, *, limits: Limits | None = None
) -> Mapping[str, int]:
    """Return how often each device was recommended first and rejected, for one model family.

    With `limits`, only recommendations under the same limits count.
    """
    limited = limits or Limits()
    found = store.rows(
        _REJECTIONS,
        {
            "family": family,
            "any_limits": limits is None,
            "max_latency_ms": limited.max_latency_ms,
            "min_throughput_per_s": limited.min_throughput_per_s,
            "max_memory_bytes": limited.max_memory_bytes,
            "max_price_per_hour": limited.max_price_per_hour,
        },
    )
    return {str(device): int(str(count)) for device, count in found}


def _row(recommendation: Recommendation, *, is_sample: bool) -> dict[str, object]:
    if recommendation.recommendation_id is None or recommendation.created_at is None:
        raise InvalidInputError("a recommendation needs its id and its time before it is stored")
    primary, limits = recommendation.primary, recommendation.limits
    return {
        "recommendation_id": recommendation.recommendation_id,
        "created_at": recommendation.created_at,
        "user_name": recommendation.user,
        **workload_row(recommendation.workload),
        "objective": recommendation.objective.value,
        "max_latency_ms": limits.max_latency_ms,
        "min_throughput_per_s": limits.min_throughput_per_s,
        "max_memory_bytes": limits.max_memory_bytes,
        "max_price_per_hour": limits.max_price_per_hour,
        "confidence": limits.confidence,
        "primary_hardware": primary.hardware.requested if primary else None,
        "primary_device": primary.hardware.device.name if primary else None,
        "primary_platform": primary.hardware.device.platform.value if primary else None,
        "fallback_devices_json": _json([c.hardware.device.name for c in recommendation.fallbacks]),
        "candidates_json": _json([_candidate(c) for c in recommendation.candidates]),
        "excluded_json": _json(
            [{"hardware": e.hardware, "reason": e.reason} for e in recommendation.excluded]
        ),
        "explanation": recommendation.explanation,
        "assumptions_json": _json(list(recommendation.assumptions)),
        "cautions_json": _json(list(recommendation.cautions)),
        "is_sample": is_sample,
    }


def _candidate(candidate: Candidate) -> dict[str, object]:
    prediction = candidate.prediction
    latency, throughput = prediction.latency_ms, prediction.throughput_per_s
    return {
        "rank": candidate.rank,
        "hardware": candidate.hardware.requested,
        "device": candidate.hardware.device.name,
        "meets": candidate.meets.value,
        "score": candidate.score,
        "reason": candidate.reason,
        "throughput_per_s": throughput.value if throughput else None,
        "latency_ms": latency.value if latency else None,
        "memory_bytes": prediction.memory_bytes.value,
        "basis": prediction.basis.value,
        "prediction_id": prediction.prediction_id,
        "price_per_hour": candidate.price_per_hour,
        "currency": candidate.currency,
        "cost_per_million": candidate.cost_per_million,
        "rejections": candidate.rejections,
    }


def _stored(row: value.Row) -> StoredRecommendation:
    accepted = row["is_accepted"]
    return StoredRecommendation(
        recommendation_id=value.text(row, "recommendation_id"),
        created_at=value.time(row, "created_at"),
        user=value.text_or_none(row, "user_name"),
        workload=workload_from_row(row),
        objective=Objective(value.text(row, "objective")),
        limits=Limits(
            max_latency_ms=value.real_or_none(row, "max_latency_ms"),
            min_throughput_per_s=value.real_or_none(row, "min_throughput_per_s"),
            max_memory_bytes=value.real_or_none(row, "max_memory_bytes"),
            max_price_per_hour=value.real_or_none(row, "max_price_per_hour"),
            confidence=value.real(row, "confidence"),
        ),
        primary_hardware=value.text_or_none(row, "primary_hardware"),
        primary_device=value.text_or_none(row, "primary_device"),
        fallback_devices=tuple(json.loads(value.text(row, "fallback_devices_json"))),
        candidates=tuple(json.loads(value.text(row, "candidates_json"))),
        excluded=tuple(json.loads(value.text(row, "excluded_json"))),
        explanation=value.text(row, "explanation"),
        assumptions=tuple(json.loads(value.text(row, "assumptions_json"))),
        cautions=tuple(json.loads(value.text(row, "cautions_json"))),
        is_sample=bool(row["is_sample"]),
        is_accepted=None if accepted is None else bool(accepted),
        comment=value.text_or_none(row, "comment"),
        chosen=value.text_or_none(row, "chosen"),
        feedback_at=value.time_or_none(row, "feedback_at"),
    )


def _json(items: object) -> str:
    return json.dumps(items, ensure_ascii=False)


_SELECT = f"""
with current as ({CURRENT_FEEDBACK})
select
    {column_list(list(RECOMMENDATION_SCHEMA), prefix="t.")},
    f.is_accepted, f.comment, f.chosen, f.recorded_at as feedback_at
from recommendation_history as t
left join current as f on f.recommendation_id = t.recommendation_id
"""

_ACCEPTED = """
    ($accepted is null
     or coalesce(case when f.is_accepted then 'yes' when not f.is_accepted then 'no' end,
                 'pending') = $accepted)
"""

_REJECTIONS = f"""
with current as ({CURRENT_FEEDBACK})
select t.primary_device, count(*) as rejected
from recommendation_history as t
join current as f on f.recommendation_id = t.recommendation_id
where not f.is_accepted
    and t.primary_device is not null
    and t.model_family is not distinct from $family
    and not t.is_sample
    and ($any_limits or (
        t.max_latency_ms is not distinct from $max_latency_ms::double
        and t.min_throughput_per_s is not distinct from $min_throughput_per_s::double
        and t.max_memory_bytes is not distinct from $max_memory_bytes::double
        and t.max_price_per_hour is not distinct from $max_price_per_hour::double))
group by t.primary_device
order by t.primary_device
"""
