"""What a row of `performance_measurements` is made of, to and from the domain's Measurement."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from perfpredict.domain.measurement import Load, Measurement
from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.errors import InvalidInputError
from perfpredict.store import row_values as value
from perfpredict.store.frames import TIME
from perfpredict.store.workload_columns import (
    HARDWARE_SCHEMA,
    WORKLOAD_SCHEMA,
    workload_from_row,
    workload_row,
)

_REAL = pl.Float64()

IMPORT_SCHEMA: dict[str, pl.DataType] = {
    "measured_at": TIME,
    **WORKLOAD_SCHEMA,
    **HARDWARE_SCHEMA,
    "throughput_unit": pl.String(),
    "throughput_per_s": _REAL,
    "latency_ms": _REAL,
    "latency_p90_ms": _REAL,
    "latency_p99_ms": _REAL,
    "memory_bytes": _REAL,
    "runs": pl.Int32(),
    "warmup_runs": pl.Int32(),
    "load": pl.String(),
    "source": pl.String(),
    "note": pl.String(),
    "environment": pl.String(),
    "is_sample": pl.Boolean(),
    "import_key": pl.String(),
    "source_row": pl.Int64(),
}
"""Columns of a frame to import; those that may be null may also be left out."""

MEASUREMENT_SCHEMA: dict[str, pl.DataType] = {
    "measurement_id": pl.String(),
    "recorded_at": TIME,
    **IMPORT_SCHEMA,
    "consistency": _REAL,
    "import_id": pl.String(),
    "prediction_id": pl.String(),
    "is_forced_link": pl.Boolean(),
}
"""Columns of `performance_measurements` and of the frames that list it."""

_DEFAULTS: dict[str, object] = {
    "load": Load.CLOSED.value,
    "note": "",
    "environment": "",
    "is_sample": False,
    "is_compiled": False,
}
_REQUIRED = (
    "measured_at", "workload_key", "model_name", "batch_size", "precision", "mode",
    "device_count", "concurrency", "hardware_platform", "device", "throughput_unit",
    "source", "import_key",
)  # fmt: skip


def measurement_row(
    measurement: Measurement, measurement_id: str, now: datetime, platform: str | None
) -> dict[str, object]:
    """Return `measurement` as the values of its columns, not yet linked."""
    return {
        "measurement_id": measurement_id,
        "recorded_at": now,
        "measured_at": measurement.measured_at,
        **workload_row(measurement.workload),
        "hardware_platform": measurement.hardware_platform,
        "device": measurement.device,
        "device_platform": platform,
        "throughput_unit": measurement.throughput_unit.value,
        "throughput_per_s": measurement.throughput_per_s,
        "latency_ms": measurement.latency_ms,
        "latency_p90_ms": measurement.latency_p90_ms,
        "latency_p99_ms": measurement.latency_p99_ms,
        "memory_bytes": measurement.memory_bytes,
        "consistency": measurement.consistency,
        "runs": measurement.runs,
        "warmup_runs": measurement.warmup_runs,
        "load": measurement.load.value,
        "source": measurement.source,
        "note": measurement.note,
        "environment": measurement.environment,
        "is_sample": measurement.is_sample,
        "import_id": measurement.import_id,
        "import_key": None,
        "source_row": measurement.source_row,
        "prediction_id": measurement.prediction_id,
        "is_forced_link": False,
    }


def measurement_from_row(row: value.Row) -> Measurement:
    """Return the measurement that one row of a list holds."""
    return Measurement(
        workload=workload_from_row(row),
        device=value.text(row, "device"),
        hardware_platform=value.text(row, "hardware_platform"),
        measured_at=value.time(row, "measured_at"),
        latency_ms=value.real_or_none(row, "latency_ms"),
        latency_p90_ms=value.real_or_none(row, "latency_p90_ms"),
        latency_p99_ms=value.real_or_none(row, "latency_p99_ms"),
        throughput_per_s=value.real_or_none(row, "throughput_per_s"),
        throughput_unit=ThroughputUnit(value.text(row, "throughput_unit")),
        memory_bytes=value.real_or_none(row, "memory_bytes"),
        runs=value.integer_or_none(row, "runs"),
        warmup_runs=value.integer_or_none(row, "warmup_runs"),
        load=Load(value.text(row, "load")),
        source=value.text(row, "source"),
        note=value.text(row, "note"),
        environment=value.text(row, "environment"),
        is_sample=bool(row["is_sample"]),
        measurement_id=value.text(row, "measurement_id"),
        prediction_id=value.text_or_none(row, "prediction_id"),
        import_id=value.text_or_none(row, "import_id"),
        source_row=value.integer_or_none(row, "source_row"),
    )


def complete_import(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with every column of IMPORT_SCHEMA, cast, and the derived consistency.

    Raises InvalidInputError for a column that is missing, unknown or holds a null it must not.
    """
    _check_columns(frame)
    missing = {name: kind for name, kind in IMPORT_SCHEMA.items() if name not in frame.columns}
    return frame.select(
        *(_column(name, kind, is_missing=name in missing) for name, kind in IMPORT_SCHEMA.items())
    ).with_columns(_CONSISTENCY.alias("consistency"))


def platforms_filled(frame: pl.DataFrame, platform_by_device: Mapping[str, str]) -> pl.DataFrame:
    """Return `frame` with `device_platform` filled in where it was null and is known."""
    known = pl.col("device").replace_strict(
        dict(platform_by_device), default=None, return_dtype=pl.String()
    )
    return frame.with_columns(device_platform=pl.coalesce("device_platform", known))


def _check_columns(frame: pl.DataFrame) -> None:
    unknown = sorted(set(frame.columns) - set(IMPORT_SCHEMA))
    if unknown:
        raise InvalidInputError(f"measurements have no column named {', '.join(unknown)}")
    for name in _REQUIRED:
        if name not in frame.columns:
            raise InvalidInputError(f"{name}: the column is missing")
        if frame[name].null_count():
            row = frame[name].is_null().arg_max()
            raise InvalidInputError(f"{name}: row {row} of the frame has no value")


def _column(name: str, kind: pl.DataType, *, is_missing: bool) -> pl.Expr:
    default = _DEFAULTS.get(name)
    if is_missing:
        return pl.lit(default, dtype=kind).alias(name)
    column = pl.col(name).cast(kind)
    return column if default is None else column.fill_null(default)


# the same rule as `work_per_batch` of the domain
_WORK_PER_SAMPLE = (
    pl.when(pl.col("phase") == "prefill")
    .then(pl.coalesce("input_tokens", "sequence_length", pl.lit(1)))
    .when(pl.col("phase") == "generate")
    .then(pl.coalesce("output_tokens", pl.lit(1)))
    .otherwise(pl.lit(1))
)
_WORK_PER_BATCH = pl.col("batch_size").cast(pl.Float64) * pl.col("concurrency") * _WORK_PER_SAMPLE
_CONSISTENCY = pl.col("throughput_per_s") * pl.col("latency_ms") / 1e3 / _WORK_PER_BATCH
