"""Predictions that were made elsewhere: from documented keys to the domain's Prediction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from perfpredict.adapters.answers import MIB
from perfpredict.adapters.recording import hardware_of, unit_of, workload_of
from perfpredict.adapters.workloads import Shape, choice, real
from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.measurement import check_positive
from perfpredict.domain.metrics import throughput_per_s, throughput_unit
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.services.model_source import known_model


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


_OF_AN_ANSWER = frozenset(
    {
        "prediction_id", "device", "device_platform", "resolved_how", "memory_capacity", "fits",
        "source",
    }
)  # fmt: skip
"""Keys of an answer that follow from others; an answer may be stored as it is."""
_LARGEST_DISAGREEMENT = 1.01


def given_prediction(
    values: PredictionValues, catalog: DeviceCatalog, *, prediction_id: str, now: datetime
) -> Prediction:
    """Return a prediction that was made elsewhere, to be stored.

    It needs its intervals, and of latency and throughput one is enough, as the other follows.
    Raises InvalidInputError naming what is missing or contradicts itself.
    """
    for name in set(values) - set(PredictionValues.__annotations__) - _OF_AN_ANSWER:
        raise TypeError(f"unexpected keyword argument '{name}'")
    hardware = catalog.resolve(hardware_of(values))
    workload = workload_of(values)
    workload, assumptions = with_defaults(workload, known_model(workload.model))
    level = values.get("level", 0.9)
    latency, throughput = _time_estimates(values, workload, level)
    unit = values.get("throughput_unit")
    return Prediction(
        workload=workload,
        hardware=hardware,
        latency_ms=latency,
        throughput_per_s=throughput,
        throughput_unit=unit_of(unit) or throughput_unit(workload),
        memory_bytes=_estimate(values, "memory_usage", level, MIB),
        memory_capacity_bytes=float(hardware.device.memory_bytes),
        fits=latency is not None,
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


def _time_estimates(
    values: Mapping[str, Any], workload: Workload, level: float
) -> tuple[Estimate | None, Estimate | None]:
    """Return latency in ms and throughput per s; none of them where it does not fit."""
    given = {name: values.get(name) is not None for name in ("latency", "throughput")}
    if not any(given.values()):
        return None, None
    latency = _estimate(values, "latency", level) if given["latency"] else None
    throughput = _estimate(values, "throughput", level) if given["throughput"] else None
    follows = None if latency is None else _inverse(latency, workload)
    if throughput is not None and follows is not None:
        ratio = throughput.value / follows.value
        if not 1 / _LARGEST_DISAGREEMENT <= ratio <= _LARGEST_DISAGREEMENT:
            raise InvalidInputError(
                f"throughput is {ratio:.4g} times what follows from latency and batch_size"
            )
    if latency is None and throughput is not None:
        return _inverse(throughput, workload), throughput
    return latency, follows


def _inverse(estimate: Estimate, workload: Workload) -> Estimate:
    """Return throughput per s from latency in ms, or the other way round: the same formula."""
    interval = estimate.interval
    return Estimate(
        value=throughput_per_s(workload, estimate.value),
        interval=Interval(
            lower=throughput_per_s(workload, interval.upper),
            upper=throughput_per_s(workload, interval.lower),
            coverage=interval.coverage,
        ),
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
