"""Stored measurements as they are shown and handed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from perfpredict.domain.row_filter import RowFilter
from perfpredict.store.gateway import Store
from perfpredict.store.linking import errors_of
from perfpredict.store.measurements import get_measurement, list_measurements

ErrorRow = Mapping[str, str | float | bool | None]

EXPORT_NAMES = {
    "measurement_id": "measurement_id",
    "measured_at": "measured_at",
    "model_name": "model",
    "model_family": "family",
    "device": "hardware",
    "hardware_platform": "asked_hardware",
    "batch_size": "batch_size",
    "sequence_length": "sequence_length",
    "image_size": "image_size",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "precision": "precision",
    "quantization": "quantization",
    "mode": "mode",
    "phase": "phase",
    "framework": "framework",
    "framework_version": "framework_version",
    "is_compiled": "is_compiled",
    "memory_format": "memory_format",
    "device_count": "device_count",
    "concurrency": "concurrency",
    "throughput_per_s": "throughput",
    "throughput_unit": "throughput_unit",
    "latency_ms": "latency_ms",
    "latency_p90_ms": "latency_p90_ms",
    "latency_p99_ms": "latency_p99_ms",
    "memory_bytes": "memory_bytes",
    "runs": "runs",
    "warmup_runs": "warmup_runs",
    "load": "load",
    "source": "source",
    "note": "note",
    "environment": "environment",
    "prediction_id": "prediction_id",
    "is_sample": "sample",
}
"""Stored column to exported one; the importer reads the exported names back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One measurement and how far its prediction was off."""

    measurement_id: str
    row: pl.DataFrame
    errors: tuple[ErrorRow, ...]


def show(store: Store, id_or_prefix: str) -> Shown:
    """Return one stored measurement; raises UnknownIdError or AmbiguousIdError."""
    measurement = get_measurement(store, id_or_prefix)
    moment = measurement.measured_at
    identifier = measurement.measurement_id or id_or_prefix
    every = list_measurements(
        store, RowFilter(since=moment, until=_after(moment), include_sample=True)
    )
    errors = tuple(
        {
            "metric": error.metric.value,
            "unit": error.unit,
            "predicted": error.predicted,
            "lo": error.lower,
            "hi": error.upper,
            "actual": error.actual,
            "rel_error": error.rel_error,
            "ln_ratio": error.ln_ratio,
            "inside": error.inside_interval,
            "in_sample": error.in_sample,
            "retrospective": error.is_retrospective,
        }
        for error in errors_of(store, identifier)
    )
    row = every.filter(pl.col("measurement_id") == identifier)
    return Shown(measurement_id=identifier, row=row, errors=errors)


def export(store: Store, row_filter: RowFilter) -> pl.DataFrame:
    """Return the rows that fit under the names by which the importer reads them back."""
    frame = list_measurements(store, row_filter)
    return frame.select(pl.col(stored).alias(name) for stored, name in EXPORT_NAMES.items())


def _after(moment: datetime) -> datetime:
    return moment.fromtimestamp(moment.timestamp() + 1, tz=moment.tzinfo)
