"""One measurement: from what the user typed to a stored row, compared with its prediction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.measurement import Load, Measurement, explain_inconsistency
from perfpredict.domain.metrics import ThroughputUnit, throughput_unit, work_per_batch
from perfpredict.domain.names import clean_name, clean_text
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.units import parse_bytes, parse_duration_ms, parse_rate
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, UnknownDeviceError, UnknownModelError
from perfpredict.services.model_source import known_model
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import Recorded, record_measurement
from perfpredict.store.predictions import get_prediction, list_predictions

_FUTURE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenValues:
    """Measured values as text with their units, e.g. `7.89`, `7.89ms`, `123 tokens/s`, `1 GiB`."""

    throughput: str | None = None
    latency: str | None = None
    latency_p90: str | None = None
    latency_p99: str | None = None
    memory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredNumbers:
    """Measured values in base units; None was not measured."""

    throughput_per_s: float | None = None
    throughput_unit: ThroughputUnit | None = None
    """None is the usual one of the workload."""
    latency_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenContext:
    """What else is known of the measurement."""

    measured_at: datetime
    runs: int | None = None
    warmup_runs: int | None = None
    load: Load = Load.CLOSED
    source: str = "cli"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A measurement ready to be stored, and what the user should know of it."""

    measurement: Measurement
    device_platform: str | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def prepare(
    workload: Workload,
    hardware: str,
    values: GivenValues,
    given: GivenContext,
    *,
    catalog: DeviceCatalog,
    now: datetime,
    known: ModelEntry | None,
    accepts_new_hardware: bool = False,
) -> Prepared:
    """Return the measurement that the arguments describe, under the catalog's names.

    Raises UnknownDeviceError, or InvalidInputError naming the value that cannot be used.
    """
    filled = _filled(workload, known)
    rate, unit = _throughput(values.throughput, filled.workload)
    numbers = MeasuredNumbers(
        throughput_per_s=rate,
        throughput_unit=unit,
        latency_ms=_optional(parse_duration_ms, "--latency", values.latency),
        latency_p90_ms=_optional(parse_duration_ms, "--latency-p90", values.latency_p90),
        latency_p99_ms=_optional(parse_duration_ms, "--latency-p99", values.latency_p99),
        memory_bytes=_optional(parse_bytes, "--memory", values.memory),
    )
    cleaned = replace(
        given,
        source=clean_name("--source", given.source),
        note=clean_text("--note", given.note),
    )
    try:
        return _prepared(filled, hardware, numbers, cleaned, catalog, now, accepts_new_hardware)
    except UnknownDeviceError as error:
        hint = f"{error.hint}; --new-hardware records it under this name"
        raise UnknownDeviceError(error.message, hint=hint) from None


def prepare_numbers(
    workload: Workload,
    hardware: str,
    numbers: MeasuredNumbers,
    given: GivenContext,
    *,
    catalog: DeviceCatalog,
    now: datetime,
    known: ModelEntry | None,
    accepts_new_hardware: bool = False,
) -> Prepared:
    """Return what `prepare` does, for values that are numbers already."""
    cleaned = replace(
        given, source=clean_name("source", given.source), note=clean_text("note", given.note)
    )
    filled = _filled(workload, known)
    return _prepared(filled, hardware, numbers, cleaned, catalog, now, accepts_new_hardware)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    workload: Workload
    assumed: tuple[str, ...] = ()


def _filled(workload: Workload, known: ModelEntry | None) -> _Filled:
    if known is None:
        return _Filled(workload=workload)
    filled, assumed = with_defaults(workload, known)
    return _Filled(workload=filled, assumed=assumed)


def _prepared(
    filled: _Filled,
    hardware: str,
    numbers: MeasuredNumbers,
    given: GivenContext,
    catalog: DeviceCatalog,
    now: datetime,
    accepts_new_hardware: bool,
) -> Prepared:
    if given.measured_at > now + _FUTURE:
        raise InvalidInputError(
            f"the time of the measurement lies more than a day ahead ({given.measured_at:%Y-%m-%d})"
        )
    device, platform = _device(catalog, hardware, accepts_new=accepts_new_hardware)
    usual = throughput_unit(filled.workload)
    measurement = Measurement(
        workload=filled.workload,
        device=device,
        hardware_platform=hardware,
        measured_at=given.measured_at,
        latency_ms=numbers.latency_ms,
        latency_p90_ms=numbers.latency_p90_ms,
        latency_p99_ms=numbers.latency_p99_ms,
        throughput_per_s=numbers.throughput_per_s,
        throughput_unit=numbers.throughput_unit or usual,
        memory_bytes=numbers.memory_bytes,
        runs=given.runs,
        warmup_runs=given.warmup_runs,
        load=given.load,
        source=given.source,
        note=given.note,
    )
    doubt = explain_inconsistency(measurement) if measurement.throughput_unit is usual else None
    return Prepared(
        measurement=measurement,
        device_platform=platform,
        notes=(f"assumed: {', '.join(filled.assumed)}",) if filled.assumed else (),
        warnings=(doubt,) if doubt else (),
    )


def known_or_new(
    store: Store | None, name: str, *, known: ModelEntry | None, accepts_new: bool
) -> ModelEntry | None:
    """Return what is known of the model `name`, None for one that is recorded by its name alone.

    Raises UnknownModelError for a name that neither the catalog nor a stored prediction knows,
    unless `accepts_new`.
    """
    if known is not None:
        return known
    try:
        return known_model(name)
    except UnknownModelError as error:
        if accepts_new or _was_predicted(store, name):
            return None
        hint = f"{error.hint}; --new-model records it under this name"
        raise UnknownModelError(error.message, hint=hint) from None


def with_shape_of(store: Store | None, workload: Workload, prediction_id: str) -> Workload:
    """Return `workload` with the shape it leaves open taken from the prediction it belongs to."""
    if store is None:
        return workload
    predicted = get_prediction(store, prediction_id).workload
    names = (
        "sequence_length", "image_size", "input_tokens", "output_tokens", "phase", "framework",
        "framework_version", "quantization", "memory_format", "family",
    )  # fmt: skip
    changes = {name: getattr(predicted, name) for name in names if getattr(workload, name) is None}
    return replace(workload, **changes)


def record(
    store: Store,
    prepared: Prepared,
    *,
    prediction_id: str | None,
    link: bool,
    force: bool,
    now: datetime,
) -> Recorded:
    """Store the measurement with the errors of the prediction it belongs to."""
    platforms: Mapping[str, str] = {}
    if prepared.device_platform is not None:
        platforms = {prepared.measurement.device: prepared.device_platform}
    return record_measurement(
        store,
        prepared.measurement,
        prediction_id=prediction_id,
        link=link,
        force=force,
        now=now,
        platform_by_device=platforms,
    )


def _was_predicted(store: Store | None, name: str) -> bool:
    return (
        store is not None
        and not list_predictions(
            store, RowFilter(models=(name,), include_sample=True, limit=1)
        ).is_empty()
    )


def _device(catalog: DeviceCatalog, hardware: str, *, accepts_new: bool) -> tuple[str, str | None]:
    try:
        device = catalog.resolve(hardware).device
    except UnknownDeviceError:
        if accepts_new:
            return clean_name("hardware", hardware), None
        raise
    return device.name, device.platform.value


def _throughput(text: str | None, workload: Workload) -> tuple[float | None, ThroughputUnit]:
    usual = throughput_unit(workload)
    if text is None:
        return None, usual
    rate, unit = parse_rate("--throughput", text, work_per_batch=work_per_batch(workload))
    return rate, unit or usual


def _optional(parse: Callable[[str, str], float], option: str, text: str | None) -> float | None:
    return None if text is None else parse(option, text)
