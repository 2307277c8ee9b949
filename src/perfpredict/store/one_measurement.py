"""Stores one measurement and its errors in three short statements, without frames.

`measurements` does the same for many rows with joins, whose planning takes longer than one row.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import polars as pl

from perfpredict.domain.metrics import Metric
from perfpredict.store import row_values as value
from perfpredict.store.few_rows import bound, given_rows, insert_few
from perfpredict.store.frames import TIME, column_list
from perfpredict.store.gateway import Store
from perfpredict.store.key_lookup import narrowed
from perfpredict.store.linking import LINK_WINDOW_DAYS, PredictionErrorRow
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA

_MIB = 1048576
_COMPARED = (
    "prediction_id", "is_retrospective", "predictor", "level", "throughput_unit",
    "throughput_per_s", "throughput_lower_per_s", "throughput_upper_per_s",
    "latency_ms", "latency_lower_ms", "latency_upper_ms",
    "memory_bytes", "memory_lower_bytes", "memory_upper_bytes",
)  # fmt: skip
_FITTED_BY = {
    name: MEASUREMENT_SCHEMA[name]
    for name in ("workload_key", "device", "is_sample", "measured_at")
}
# the order is that of `linking.fitting_predictions`
_FITTING = """
select {columns}, any_value(p.device_platform) over () as device_platform
from {given} as m
join {predictions} as p
    on p.workload_key = m.workload_key and p.device = m.device and p.is_sample = m.is_sample
where p.created_at <= m.measured_at
    and p.created_at >= m.measured_at - to_days({window_days})
order by p.is_retrospective, p.created_at desc, p.prediction_id desc
limit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One quantity, predicted and measured, in the unit in which its error is told."""

    metric: Metric
    unit: str
    predicted: float | None
    actual: float | None
    lower: float | None
    upper: float | None


def store_measurement(
    store: Store, row: Mapping[str, object], *, link: bool
) -> tuple[str | None, tuple[PredictionErrorRow, ...]]:
    """Store `row` (columns of MEASUREMENT_SCHEMA, new and not linked) inside a transaction.

    Returns the prediction that it belongs to, None where none fits, and the errors by metric.
    """
    prediction = _fitting(store, row) if link else None
    linked = dict(row)
    if prediction is not None:
        linked["prediction_id"] = prediction["prediction_id"]
        linked["device_platform"] = row["device_platform"] or prediction["device_platform"]
    insert_few(store, "performance_measurements", [linked], MEASUREMENT_SCHEMA)
    if prediction is None:
        return None, ()
    errors = tuple(_error(linked, prediction, one) for one in _compared(linked, prediction))
    if errors:
        _insert_errors(store, linked, prediction, errors)
    return value.text(linked, "prediction_id"), errors


def _fitting(store: Store, row: value.Row) -> value.Row | None:
    key = value.text(row, "workload_key")
    with narrowed(store, "performance_predictions", "workload_key", [key]) as predictions:
        sql = _FITTING.format(
            columns=column_list(_COMPARED, prefix="p."),
            given=given_rows(_FITTED_BY),
            predictions=predictions,
            window_days=LINK_WINDOW_DAYS,
        )
        found = store.rows(sql, bound([{name: row[name] for name in _FITTED_BY}]))
    columns = (*_COMPARED, "device_platform")
    return dict(zip(columns, found[0], strict=True)) if found else None


def _compared(row: value.Row, prediction: value.Row) -> Iterator[_Compared]:
    """Yield what was both predicted and measured, by name of the metric."""

    def pair(metric: Metric, unit: str, columns: tuple[str, str, str], scale: float) -> _Compared:
        middle, lower, upper = columns
        return _Compared(
            metric=metric, unit=unit, predicted=_scaled(prediction, middle, scale),
            actual=_scaled(row, middle, scale), lower=_scaled(prediction, lower, scale),
            upper=_scaled(prediction, upper, scale),
        )  # fmt: skip

    of_latency = ("latency_ms", "latency_lower_ms", "latency_upper_ms")
    of_memory = ("memory_bytes", "memory_lower_bytes", "memory_upper_bytes")
    of_throughput = ("throughput_per_s", "throughput_lower_per_s", "throughput_upper_per_s")
    found = [pair(Metric.LATENCY, "ms", of_latency, 1), pair(Metric.MEMORY, "MiB", of_memory, _MIB)]
    unit = value.text(row, "throughput_unit")
    if unit == prediction["throughput_unit"]:
        found.append(pair(Metric.THROUGHPUT, unit, of_throughput, 1))
    yield from (one for one in found if one.predicted is not None and one.actual is not None)


def _scaled(row: value.Row, name: str, scale: float) -> float | None:
    found = value.real_or_none(row, name)
    return None if found is None else found / scale


def _error(row: value.Row, prediction: value.Row, one: _Compared) -> PredictionErrorRow:
    """Return what `linking.insert_errors` stores of the same pair."""
    predicted, actual = one.predicted, one.actual
    assert predicted is not None and actual is not None
    error = predicted - actual
    relative = error / actual if actual > 0 else None
    return PredictionErrorRow(
        measurement_id=value.text(row, "measurement_id"),
        prediction_id=value.text(row, "prediction_id"),
        metric=one.metric,
        unit=one.unit,
        predicted=predicted,
        actual=actual,
        lower=one.lower,
        upper=one.upper,
        level=value.real_or_none(prediction, "level"),
        error=error,
        rel_error=relative if relative is not None and math.isfinite(relative) else None,
        ln_ratio=math.log(predicted) - math.log(actual) if predicted > 0 and actual > 0 else None,
        inside_interval=_is_inside(actual, one.lower, one.upper),
        in_sample=False,  # nothing was trained on a measurement that is new
        is_retrospective=bool(prediction["is_retrospective"]),
    )


def _is_inside(actual: float, lower: float | None, upper: float | None) -> bool | None:
    return None if lower is None or upper is None else lower <= actual <= upper


def _insert_errors(
    store: Store, row: value.Row, prediction: value.Row, errors: Sequence[PredictionErrorRow]
) -> None:
    rows = [
        {
            **{field.name: getattr(error, field.name) for field in fields(error)},
            "error_id": f"{error.measurement_id}/{error.metric}/{prediction['predictor']}",
            "recorded_at": row["recorded_at"],
        }
        for error in errors
    ]
    insert_few(store, "prediction_errors", rows, _ERROR_SCHEMA)


_REAL = pl.Float64()
_ERROR_SCHEMA: dict[str, pl.DataType] = {
    "error_id": pl.String(),
    "measurement_id": pl.String(),
    "prediction_id": pl.String(),
    "recorded_at": TIME,
    "metric": pl.String(),
    "unit": pl.String(),
    "predicted": _REAL,
    "actual": _REAL,
    "lower": _REAL,
    "upper": _REAL,
    "level": _REAL,
    "error": _REAL,
    "rel_error": _REAL,
    "ln_ratio": _REAL,
    "inside_interval": pl.Boolean(),
    "in_sample": pl.Boolean(),
    "is_retrospective": pl.Boolean(),
}
"""Columns of `prediction_errors`."""
