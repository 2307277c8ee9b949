"""What was measured, or predicted elsewhere: from documented keys to domain objects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from perfpredict.adapters.answers import MIB, Row, error_row, workload_keys
from perfpredict.adapters.filters import moment
from perfpredict.adapters.workloads import Shape, build_workload, check_keys, choice, real
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.measurement import Load, check_positive
from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.services.measure import (
    GivenContext,
    MeasuredNumbers,
    Prepared,
    known_or_new,
    prepare_numbers,
    with_shape_of,
)
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import Recorded


class MeasurementDetails(Shape, total=False):
    """What else can be said of a measurement; every key may be left out."""

    measured_at: datetime | str | None
    """Now if left out."""
    throughput_unit: str | None
    """`samples/s` or `tokens/s`; that of the workload if left out."""
    latency_p90: float | None
    latency_p99: float | None
    runs: int | None
    warmup_runs: int | None
    load: str
    """`closed`, or `open` where latency includes queueing."""
    source: str
    note: str
    link: bool
    """False compares it with no prediction."""
    force: bool
    """Link to the given prediction although its workload differs, marked."""
    new_model: bool
    """The model may be unknown."""
    new_hardware: bool
    """The device may be unknown."""


class MeasurementValues(MeasurementDetails, total=False):
    """All that a measurement is stored from."""

    model_name: str
    model_family: str | None
    hardware_platform: str
    batch_size: int
    sequence_length: int | None
    precision: str
    mode: str
    throughput: float | None
    """Per second."""
    latency: float | None
    """Milliseconds a batch."""
    memory_usage: float | None
    """MiB."""
    prediction_id: str | None


def workload_of(values: Mapping[str, Any]) -> Workload:
    """Return the workload that the keys of a measurement or a prediction describe."""
    if not values.get("model_name"):
        raise InvalidInputError("model_name: must be given")
    shape = {name: values[name] for name in Shape.__annotations__ if name in values}
    return build_workload(
        values["model_name"],
        values.get("model_family"),
        values.get("batch_size", 1),
        values.get("sequence_length"),
        values.get("precision", "fp32"),
        values.get("mode", "inference"),
        cast("Shape", shape),
    )


def prepared_measurement(
    store: Store, values: MeasurementValues, catalog: DeviceCatalog, *, now: datetime
) -> Prepared:
    """Return the measurement that `values` describe, under the catalog's names.

    Raises UnknownDeviceError, UnknownModelError, or InvalidInputError naming the value.
    """
    check_keys(values, MeasurementValues)
    workload = workload_of(values)
    prediction_id = values.get("prediction_id")
    if prediction_id is not None:
        workload = with_shape_of(store, workload, prediction_id)
    known = known_or_new(
        store, workload.model, known=None, accepts_new=values.get("new_model", False)
    )
    return prepare_numbers(
        workload,
        hardware_of(values),
        _numbers(values),
        _context(values, now),
        catalog=catalog,
        now=now,
        known=known,
        accepts_new_hardware=values.get("new_hardware", False),
    )


def hardware_of(values: Mapping[str, Any]) -> str:
    """Return the one device that is named; InvalidInputError where it is not."""
    name = values.get("hardware_platform")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError("hardware_platform: must be given")
    return name


def recorded_row(prepared: Prepared, recorded: Recorded) -> Row:
    """Return what was stored, and how far its prediction was off."""
    measurement = prepared.measurement
    memory = measurement.memory_bytes
    errors = {row["metric"]: row for row in map(error_row, recorded.errors)}
    return {
        "measurement_id": recorded.measurement_id,
        "prediction_id": recorded.prediction_id,
        "measurement": {
            "measurement_id": recorded.measurement_id,
            "prediction_id": recorded.prediction_id,
            **workload_keys(measurement.workload),
            "hardware_platform": measurement.hardware_platform,
            "device": measurement.device,
            "measured_at": measurement.measured_at,
            "throughput": measurement.throughput_per_s,
            "throughput_unit": measurement.throughput_unit.value,
            "latency": measurement.latency_ms,
            "latency_p90": measurement.latency_p90_ms,
            "latency_p99": measurement.latency_p99_ms,
            "memory_usage": None if memory is None else memory / MIB,
            "consistency": measurement.consistency,
            "source": measurement.source,
            "note": measurement.note,
        },
        "errors": errors,
        "notes": [*prepared.notes, *recorded.notes],
        "warnings": list(prepared.warnings),
    }


def _numbers(values: MeasurementValues) -> MeasuredNumbers:
    given = {
        name: real(cast("float | None", values.get(name)))
        for name in ("throughput", "latency", "latency_p90", "latency_p99", "memory_usage")
    }
    for name, value in given.items():
        check_positive(name, value, allow_zero=name == "memory_usage")
    memory = given["memory_usage"]
    return MeasuredNumbers(
        throughput_per_s=given["throughput"],
        throughput_unit=unit_of(values.get("throughput_unit")),
        latency_ms=given["latency"],
        latency_p90_ms=given["latency_p90"],
        latency_p99_ms=given["latency_p99"],
        memory_bytes=None if memory is None else memory * MIB,
    )


def unit_of(text: str | None) -> ThroughputUnit | None:
    """Return the unit that `text` names, None for None."""
    return None if text is None else choice("throughput_unit", text, ThroughputUnit)


def _context(values: MeasurementValues, now: datetime) -> GivenContext:
    return GivenContext(
        measured_at=moment("measured_at", values.get("measured_at")) or now,
        runs=values.get("runs"),
        warmup_runs=values.get("warmup_runs"),
        load=choice("load", values.get("load", Load.CLOSED.value), Load),
        source=values.get("source", "library"),
        note=values.get("note", ""),
    )
