"""Which prediction a measurement belongs to, and the errors that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from perfpredict.domain.metrics import Metric
from perfpredict.errors import InvalidInputError
from perfpredict.store import row_values as value
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.key_lookup import narrowed
from perfpredict.store.workload_columns import COMPARED_COLUMNS

_PREDICTIONS = "performance_predictions"

LINK_WINDOW_DAYS = 90
"""A prediction older than this is not taken for the expectation behind a measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionErrorRow:
    """One metric of one measurement against its prediction, in the unit the row names."""

    measurement_id: str
    prediction_id: str
    metric: Metric
    unit: str
    predicted: float
    actual: float
    lower: float | None
    upper: float | None
    level: float | None
    error: float
    """predicted - actual."""
    rel_error: float | None
    """error / actual: above 0 is predicted too high; None where actual is 0."""
    ln_ratio: float | None
    inside_interval: bool | None
    in_sample: bool
    is_retrospective: bool


def fitting_predictions(store: Store, measurements: pl.DataFrame) -> pl.DataFrame:
    """Return the prediction that each unlinked measurement belongs to, where there is one.

    It is the latest one of the same workload key and device that was made at or before the
    measurement and at most 90 days earlier; real rows never meet sample rows. One made
    retrospectively for another measurement comes last, the highest id first.
    """
    keys = measurements["workload_key"]
    with (
        narrowed(store, _PREDICTIONS, "workload_key", keys) as predictions,
        store.incoming(measurements.select(_FITTED_BY)),
    ):
        sql = _FITTING.format(predictions=predictions)
        return store.frame(sql, {"window_days": LINK_WINDOW_DAYS})


def has_later_prediction(store: Store, workload_key: str, measurement_id: str) -> bool:
    """Return whether a prediction would fit the one row, had it not been made after it."""
    with narrowed(store, _PREDICTIONS, "workload_key", [workload_key]) as predictions:
        return bool(
            store.rows(_LATER.format(predictions=predictions), {"measurement_id": measurement_id})
        )


def differing_fields(store: Store, measurements: pl.DataFrame) -> pl.DataFrame:
    """Return measurement_id, prediction_id, found and the fields in which linked rows differ."""
    linked = measurements.filter(pl.col("prediction_id").is_not_null())
    if linked.is_empty():
        return pl.DataFrame(schema=_DIFFERENCES)
    with (
        narrowed(store, _PREDICTIONS, "prediction_id", linked["prediction_id"]) as predictions,
        store.incoming(linked),
    ):
        return store.frame(_DIFFERING.format(predictions=predictions))


def check_links(differences: pl.DataFrame) -> None:
    """Raise InvalidInputError where a measurement is to be linked to another workload's row."""
    for row in differences.filter(pl.col("fields").list.len() > 0).iter_rows(named=True):
        fields = ", ".join(str(field) for field in row["fields"])
        raise InvalidInputError(
            f"prediction '{row['prediction_id']}' is of another workload: {fields} differ",
            hint="give the id of a prediction of the same workload, or '--force' to link anyway",
        )


def insert_errors(store: Store, links: pl.DataFrame) -> None:
    """Compute and store the errors of the rows of `links`: measurement_id and prediction_id."""
    ids = links["measurement_id"]
    with (
        narrowed(store, "performance_measurements", "measurement_id", ids) as measurements,
        narrowed(store, _PREDICTIONS, "prediction_id", links["prediction_id"]) as predictions,
        narrowed(store, "prediction_model_rows", "measurement_id", ids) as model_rows,
        store.incoming(links.select("measurement_id")),
    ):
        store.execute(
            _INSERT_ERRORS.format(
                measurements=measurements, predictions=predictions, model_rows=model_rows
            )
        )


def errors_of(store: Store, measurement_id: str) -> tuple[PredictionErrorRow, ...]:
    """Return the stored errors of one measurement, by metric."""
    frame = store.frame(
        f"""
        select {column_list(_ERROR_COLUMNS)}
        from prediction_errors where measurement_id = $measurement_id order by metric
        """,
        {"measurement_id": measurement_id},
    )
    return tuple(_error_row(row) for row in frame.iter_rows(named=True))


def _error_row(row: value.Row) -> PredictionErrorRow:
    inside = row["inside_interval"]
    return PredictionErrorRow(
        measurement_id=value.text(row, "measurement_id"),
        prediction_id=value.text(row, "prediction_id"),
        metric=Metric(value.text(row, "metric")),
        unit=value.text(row, "unit"),
        predicted=value.real(row, "predicted"),
        actual=value.real(row, "actual"),
        lower=value.real_or_none(row, "lower"),
        upper=value.real_or_none(row, "upper"),
        level=value.real_or_none(row, "level"),
        error=value.real(row, "error"),
        rel_error=value.real_or_none(row, "rel_error"),
        ln_ratio=value.real_or_none(row, "ln_ratio"),
        inside_interval=None if inside is None else bool(inside),
        in_sample=bool(row["in_sample"]),
        is_retrospective=bool(row["is_retrospective"]),
    )


def _differences(columns: Sequence[str]) -> str:
    return ", ".join(f"case when m.{c} is distinct from p.{c} then '{c}' end" for c in columns)


_ERROR_COLUMNS = (
    "measurement_id", "prediction_id", "metric", "unit", "predicted", "actual", "lower",
    "upper", "level", "error", "rel_error", "ln_ratio", "inside_interval", "in_sample",
    "is_retrospective",
)  # fmt: skip

_DIFFERENCES = {
    "measurement_id": pl.String(),
    "prediction_id": pl.String(),
    "found": pl.Boolean(),
    "predicted_platform": pl.String(),
    "fields": pl.List(pl.String()),
}

_FITTED_BY = (
    "measurement_id", "prediction_id", "workload_key", "device", "is_sample", "measured_at",
)  # fmt: skip
"""Columns of a measurement that decide which prediction fits."""

_FITTING = """
select
    m.measurement_id,
    arg_max(
        p.prediction_id, (not p.is_retrospective, p.created_at, p.prediction_id)
    ) as prediction_id,
    any_value(p.device_platform) as predicted_platform
from incoming as m
join {predictions} as p
    on p.workload_key = m.workload_key and p.device = m.device and p.is_sample = m.is_sample
where m.prediction_id is null
    and p.created_at <= m.measured_at
    and p.created_at >= m.measured_at - to_days($window_days)
group by m.measurement_id
"""

_LATER = """
select 1
from performance_measurements as m
join {predictions} as p
    on p.workload_key = m.workload_key and p.device = m.device and p.is_sample = m.is_sample
where m.measurement_id = $measurement_id and p.created_at > m.measured_at
limit 1
"""

_DIFFERING = f"""
select
    m.measurement_id,
    m.prediction_id,
    p.prediction_id is not null as found,
    p.device_platform as predicted_platform,
    case when p.prediction_id is null then []::varchar[]
         else list_filter(
             [{_differences((*COMPARED_COLUMNS, "is_sample"))}], lambda f: f is not null
         ) end as fields
from incoming as m
left join {{predictions}} as p on p.prediction_id = m.prediction_id
where m.prediction_id is not null
order by m.measurement_id
"""

# memory in MiB, so that errors have the unit in which people read them
_INSERT_ERRORS = """
insert into prediction_errors by name
with pair as (
    select
        m.measurement_id, m.prediction_id, m.recorded_at, p.predictor, p.level,
        p.is_retrospective or p.created_at > m.measured_at as is_retrospective,
        exists (
            select 1 from {model_rows} as r
            where r.model_id = p.predictor and r.measurement_id = m.measurement_id
        ) as in_sample,
        m.throughput_unit as m_unit, p.throughput_unit as p_unit,
        m.throughput_per_s as m_throughput, m.latency_ms as m_latency,
        m.memory_bytes as m_memory,
        p.throughput_per_s, p.throughput_lower_per_s, p.throughput_upper_per_s,
        p.latency_ms, p.latency_lower_ms, p.latency_upper_ms,
        p.memory_bytes, p.memory_lower_bytes, p.memory_upper_bytes
    from {measurements} as m
    join {predictions} as p on p.prediction_id = m.prediction_id
    where m.measurement_id in (select measurement_id from incoming)
),
compared as (
    select measurement_id, prediction_id, recorded_at, predictor, level, is_retrospective,
        in_sample, 'throughput' as metric, m_unit as unit, throughput_per_s as predicted,
        m_throughput as actual, throughput_lower_per_s as lower, throughput_upper_per_s as upper
    from pair where m_unit = p_unit
    union all
    select measurement_id, prediction_id, recorded_at, predictor, level, is_retrospective,
        in_sample, 'latency', 'ms', latency_ms, m_latency, latency_lower_ms, latency_upper_ms
    from pair
    union all
    select measurement_id, prediction_id, recorded_at, predictor, level, is_retrospective,
        in_sample, 'memory', 'MiB', memory_bytes / 1048576, m_memory / 1048576,
        memory_lower_bytes / 1048576, memory_upper_bytes / 1048576
    from pair
)
select
    measurement_id || '/' || metric || '/' || predictor as error_id,
    measurement_id, prediction_id, recorded_at, metric, unit,
    predicted, actual, lower, upper, level,
    predicted - actual as error,
    case when actual > 0 and isfinite((predicted - actual) / actual)
         then (predicted - actual) / actual end as rel_error,
    case when predicted > 0 and actual > 0 then ln(predicted) - ln(actual) end as ln_ratio,
    actual between lower and upper as inside_interval,
    in_sample, is_retrospective
from compared
where predicted is not null and actual is not null
"""
