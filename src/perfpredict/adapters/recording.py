"""What was measured, or predicted elsewhere: from documented keys to domain objects."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from perfpredict.adapters.answers import MIB, Row, error_row, workload_keys
from perfpredict.adapters.filters import moment
from perfpredict.adapters.workloads import Shape, build_workload, check_keys, choice, real
from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.measurement import Load, check_positive
from perfpredict.domain.metrics import ThroughputUnit, throughput_unit
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction
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
from perfpredict.services.model_source import known_model
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


class PredictionValues(Shape, total=False):
    """All that a prediction made elsewhere is stored from."""

    model_name: str
    model_family: str | None
    hardware_platform: str
    batch_size: int
    sequence_length: int | None
    precision: str
    mode: str
    throughput: float | None
    throughput_lower: float | None
    throughput_upper: float | None
    throughput_unit: str | None
    latency: float | None
    latency_lower: float | None
    latency_upper: float | None
    memory_usage: float
    memory_usage_lower: float
    memory_usage_upper: float
    level: float
    basis: str
    predictor: str
    predictor_version: str
    similar_rows: int
    is_extrapolated: bool
    cautions: Sequence[str]
    assumptions: Sequence[str]


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


def given_prediction(
    values: PredictionValues, catalog: DeviceCatalog, *, prediction_id: str, now: datetime
) -> Prediction:
    """Return a prediction that was made elsewhere, to be stored.

    It needs its intervals: InvalidInputError names the bound that is missing.
    """
    hardware = catalog.resolve(hardware_of(values))
    workload = workload_of(values)
    workload, assumptions = with_defaults(workload, known_model(workload.model))
    level = values.get("level", 0.9)
    fits = values.get("latency") is not None or values.get("throughput") is not None
    unit = values.get("throughput_unit")
    return Prediction(
        workload=workload,
        hardware=hardware,
        latency_ms=_estimate(values, "latency", level) if fits else None,
        throughput_per_s=_estimate(values, "throughput", level) if fits else None,
        throughput_unit=_unit(unit) or throughput_unit(workload),
        memory_bytes=_estimate(values, "memory_usage", level, MIB),
        memory_capacity_bytes=float(hardware.device.memory_bytes),
        fits=fits,
        basis=choice("basis", values.get("basis", Basis.LEARNED.value), Basis),
        predictor=values.get("predictor") or "external",
        predictor_version=values.get("predictor_version") or "",
        similar_rows=values.get("similar_rows", 0),
        is_extrapolated=values.get("is_extrapolated", False),
        cautions=tuple(values.get("cautions", ())),
        assumptions=tuple(values.get("assumptions", assumptions)),
        prediction_id=prediction_id,
        created_at=now,
    )


def _estimate(values: Mapping[str, Any], name: str, level: float, unit: float = 1.0) -> Estimate:
    found = []
    for key in (name, f"{name}_lower", f"{name}_upper"):
        number = real(values.get(key))
        if number is None:
            raise InvalidInputError(f"{key}: must be given")
        check_positive(key, number)
        found.append(number * unit)
    value, lower, upper = found
    if not lower <= value <= upper:
        raise InvalidInputError(f"{name}: must lie between {name}_lower and {name}_upper")
    return Estimate(value=value, interval=Interval(lower=lower, upper=upper, coverage=level))


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
        throughput_unit=_unit(values.get("throughput_unit")),
        latency_ms=given["latency"],
        latency_p90_ms=given["latency_p90"],
        latency_p99_ms=given["latency_p99"],
        memory_bytes=None if memory is None else memory * MIB,
    )


def _unit(text: str | None) -> ThroughputUnit | None:
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
