"""Writes and reads predictions: one row per workload, device, predictor and time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.store import row_values as value
from perfpredict.store.filters import Table, condition
from perfpredict.store.frames import TIME, column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.lookup import find_id
from perfpredict.store.workload_columns import (
    HARDWARE_SCHEMA,
    WORKLOAD_SCHEMA,
    workload_from_row,
    workload_row,
)

_REAL = pl.Float64()

PREDICTION_SCHEMA: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "created_at": TIME,
    **WORKLOAD_SCHEMA,
    **HARDWARE_SCHEMA,
    "resolved_how": pl.String(),
    "throughput_unit": pl.String(),
    "throughput_per_s": _REAL,
    "throughput_lower_per_s": _REAL,
    "throughput_upper_per_s": _REAL,
    "latency_ms": _REAL,
    "latency_lower_ms": _REAL,
    "latency_upper_ms": _REAL,
    "memory_bytes": _REAL,
    "memory_lower_bytes": _REAL,
    "memory_upper_bytes": _REAL,
    "memory_capacity_bytes": _REAL,
    "level": _REAL,
    "fits": pl.Boolean(),
    "basis": pl.String(),
    "predictor": pl.String(),
    "predictor_version": pl.String(),
    "similar_rows": pl.Int32(),
    "is_extrapolated": pl.Boolean(),
    "cautions_json": pl.String(),
    "assumptions_json": pl.String(),
    "time_shares_json": pl.String(),
    "launch_share": _REAL,
    "is_sample": pl.Boolean(),
    "is_retrospective": pl.Boolean(),
    "user_name": pl.String(),
}
"""Columns of `performance_predictions` and of the frames that list it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrediction:
    """A prediction as the database knows it: the device by name, without its rates."""

    prediction_id: str
    created_at: datetime
    workload: Workload
    hardware_platform: str
    device: str
    device_platform: str | None
    resolved_how: str
    latency_ms: Estimate | None
    throughput_per_s: Estimate | None
    throughput_unit: ThroughputUnit
    memory_bytes: Estimate
    memory_capacity_bytes: float
    fits: bool
    basis: Basis
    predictor: str
    predictor_version: str
    similar_rows: int
    is_extrapolated: bool
    cautions: tuple[str, ...]
    assumptions: tuple[str, ...]
    time_shares_json: str
    """List of objects with op_class, share and bound."""
    launch_share: float
    is_sample: bool
    is_retrospective: bool
    user: str | None


def insert_predictions(
    store: Store, predictions: Sequence[Prediction], *, user: str | None
) -> None:
    """Store `predictions`, which carry their ids and times already, all or none of them."""
    if not predictions:
        return
    rows = [_row(prediction, user) for prediction in predictions]
    columns = column_list(list(PREDICTION_SCHEMA))
    with store.transaction(), store.incoming(pl.DataFrame(rows, schema=PREDICTION_SCHEMA)):
        store.execute(
            f"insert into performance_predictions ({columns}) select {columns} from incoming"
        )


def list_predictions(store: Store, row_filter: RowFilter) -> pl.DataFrame:
    """Return the stored predictions that fit, newest first, with the columns of the table."""
    where = condition(row_filter, Table.PREDICTIONS)
    return store.frame(
        f"""
        select {column_list(list(PREDICTION_SCHEMA), prefix="t.")}
        from performance_predictions as t
        where {where.sql}
        order by t.created_at desc, t.prediction_id desc
        limit $limit
        """,
        where.parameters,
    )


def get_prediction(store: Store, id_or_prefix: str) -> StoredPrediction:
    """Return one stored prediction; raises UnknownIdError or AmbiguousIdError."""
    prediction_id = find_id(store, IdKind.PREDICTION, id_or_prefix)
    row = store.frame(
        f"""
        select {column_list(list(PREDICTION_SCHEMA))}
        from performance_predictions where prediction_id = $prediction_id
        """,
        {"prediction_id": prediction_id},
    ).row(0, named=True)
    return stored_prediction(row)


def stored_prediction(row: value.Row) -> StoredPrediction:
    """Return the prediction that one row of `list_predictions` holds."""
    level = value.real(row, "level")
    return StoredPrediction(
        prediction_id=value.text(row, "prediction_id"),
        created_at=value.time(row, "created_at"),
        workload=workload_from_row(row),
        hardware_platform=value.text(row, "hardware_platform"),
        device=value.text(row, "device"),
        device_platform=value.text_or_none(row, "device_platform"),
        resolved_how=value.text(row, "resolved_how"),
        latency_ms=_estimate(row, "latency", "ms", level) if row["fits"] else None,
        throughput_per_s=_estimate(row, "throughput", "per_s", level) if row["fits"] else None,
        throughput_unit=ThroughputUnit(value.text(row, "throughput_unit")),
        memory_bytes=_estimate(row, "memory", "bytes", level),
        memory_capacity_bytes=value.real(row, "memory_capacity_bytes"),
        fits=bool(row["fits"]),
        basis=Basis(value.text(row, "basis")),
        predictor=value.text(row, "predictor"),
        predictor_version=value.text(row, "predictor_version"),
        similar_rows=value.integer(row, "similar_rows"),
        is_extrapolated=bool(row["is_extrapolated"]),
        cautions=tuple(json.loads(value.text(row, "cautions_json"))),
        assumptions=tuple(json.loads(value.text(row, "assumptions_json"))),
        time_shares_json=value.text(row, "time_shares_json"),
        launch_share=value.real(row, "launch_share"),
        is_sample=bool(row["is_sample"]),
        is_retrospective=bool(row["is_retrospective"]),
        user=value.text_or_none(row, "user_name"),
    )


def _estimate(row: value.Row, metric: str, unit: str, level: float) -> Estimate:
    interval = Interval(
        lower=value.real(row, f"{metric}_lower_{unit}"),
        upper=value.real(row, f"{metric}_upper_{unit}"),
        coverage=level,
    )
    return Estimate(value=value.real(row, f"{metric}_{unit}"), interval=interval)


def _row(prediction: Prediction, user: str | None) -> dict[str, object]:
    if prediction.prediction_id is None or prediction.created_at is None:
        raise InvalidInputError("a prediction needs its id and its time before it is stored")
    return {
        "prediction_id": prediction.prediction_id,
        "created_at": prediction.created_at,
        **workload_row(prediction.workload),
        **_hardware(prediction),
        **_estimates(prediction),
        "throughput_unit": prediction.throughput_unit.value,
        "memory_capacity_bytes": prediction.memory_capacity_bytes,
        "fits": prediction.fits,
        "basis": prediction.basis.value,
        "predictor": prediction.predictor,
        "predictor_version": prediction.predictor_version,
        "similar_rows": prediction.similar_rows,
        "is_extrapolated": prediction.is_extrapolated,
        "cautions_json": json.dumps(prediction.cautions, ensure_ascii=False),
        "assumptions_json": json.dumps(prediction.assumptions, ensure_ascii=False),
        "time_shares_json": _time_shares(prediction),
        "launch_share": prediction.launch_share,
        "is_sample": prediction.is_sample,
        "is_retrospective": prediction.is_retrospective,
        "user_name": user,
    }


def _hardware(prediction: Prediction) -> dict[str, object]:
    return {
        "hardware_platform": prediction.hardware.requested,
        "device": prediction.hardware.device.name,
        "device_platform": prediction.hardware.device.platform.value,
        "resolved_how": prediction.hardware.how,
    }


def _estimates(prediction: Prediction) -> dict[str, object]:
    latency, throughput = prediction.latency_ms, prediction.throughput_per_s
    memory = prediction.memory_bytes
    return {
        "throughput_per_s": throughput.value if throughput else None,
        "throughput_lower_per_s": throughput.interval.lower if throughput else None,
        "throughput_upper_per_s": throughput.interval.upper if throughput else None,
        "latency_ms": latency.value if latency else None,
        "latency_lower_ms": latency.interval.lower if latency else None,
        "latency_upper_ms": latency.interval.upper if latency else None,
        "memory_bytes": memory.value,
        "memory_lower_bytes": memory.interval.lower,
        "memory_upper_bytes": memory.interval.upper,
        "level": memory.interval.coverage,
    }


def _time_shares(prediction: Prediction) -> str:
    return json.dumps(
        [
            {"op_class": share.op_class.value, "share": share.share, "bound": share.bound}
            for share in prediction.time_shares
        ]
    )
