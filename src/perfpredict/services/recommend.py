"""Rank devices by what is predicted for them, with the reason for every place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.device import Price, ResolvedDevice
from perfpredict.domain.prediction import Estimate, Prediction
from perfpredict.domain.recommendation import (
    Candidate,
    Exclusion,
    Limits,
    Meets,
    Objective,
    Recommendation,
)
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError
from perfpredict.services.engine import Engine

GIB = 2.0**30
_NEARLY_FULL = 0.9
_MEETS_ORDER = {Meets.YES: 0, Meets.UNKNOWN: 1, Meets.NO: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingInputs:
    """What, besides predictions, decides the order."""

    prices: Mapping[str, Price]
    """By device name."""
    rejections: Mapping[str, int]
    """Times each device was rejected for this family and these limits."""


def recommend(
    engine: Engine,
    workload: Workload,
    hardware: Sequence[ResolvedDevice],
    *,
    objective: Objective,
    limits: Limits,
    inputs: RankingInputs,
    level: float = 0.9,
    model: ModelEntry | None = None,
) -> Recommendation:
    """Return `hardware` ranked for `workload`; devices that it does not fit are excluded.

    Limits are held against the end of the one-sided interval at `limits.confidence` that is
    worse for the user.
    """
    if not hardware:
        raise InvalidInputError("hardware: give at least one device")
    if not 0.5 <= limits.confidence < 1.0:
        raise InvalidInputError(f"confidence must be from 0.5 to below 1, got {limits.confidence}")
    shown = engine.predict(workload, hardware, level=level, model=model)
    bounds = shown
    if limits.are_predicted:
        two_sided = max(2.0 * limits.confidence - 1.0, 1e-6)
        bounds = engine.predict(workload, hardware, level=two_sided, model=model)
    drafts: list[Candidate] = []
    excluded: list[Exclusion] = []
    for prediction, bound in zip(shown, bounds, strict=True):
        if prediction.fits:
            drafts.append(_candidate(prediction, bound, objective, limits, inputs))
        else:
            excluded.append(_exclusion(prediction))
    candidates = _ranked(drafts)
    first = shown[0]
    return Recommendation(
        workload=first.workload,
        objective=objective,
        limits=limits,
        candidates=candidates,
        excluded=tuple(excluded),
        explanation=_explanation(candidates, excluded, objective, limits),
        assumptions=first.assumptions,
        cautions=_shared_cautions(candidates),
    )


def _candidate(
    prediction: Prediction,
    bound: Prediction,
    objective: Objective,
    limits: Limits,
    inputs: RankingInputs,
) -> Candidate:
    name = prediction.hardware.device.name
    price = inputs.prices.get(name) or prediction.hardware.device.price
    per_hour = price.amount_per_hour * prediction.workload.device_count if price else None
    meets, reason = _check_limits(bound, limits, per_hour)
    throughput = _some(prediction.throughput_per_s)
    return Candidate(
        rank=0,
        hardware=prediction.hardware,
        prediction=prediction,
        meets=meets,
        score=_score(prediction, objective, per_hour),
        reason=reason,
        price_per_hour=per_hour,
        currency=price.currency if price else None,
        cost_per_million=per_hour / 3600.0 / throughput.value * 1e6 if per_hour else None,
        rejections=inputs.rejections.get(name, 0),
    )


def _score(prediction: Prediction, objective: Objective, per_hour: float | None) -> float:
    """Return a number that is higher for better; 0 where the objective cannot be judged.

    Balanced weighs the throughput that is safe to promise (the interval's lower end) by the
    memory that is left, and by the square root of the price where one is known: twice the speed
    for twice the money counts as better, for four times the money as equal.
    """
    throughput = _some(prediction.throughput_per_s)
    match objective:
        case Objective.LATENCY:
            return 1e3 / _some(prediction.latency_ms).value
        case Objective.THROUGHPUT:
            return throughput.value
        case Objective.MEMORY:
            return GIB / max(prediction.memory_bytes.value, 1.0)
        case Objective.COST:
            return throughput.value / per_hour if per_hour else 0.0
        case Objective.BALANCED:
            used = prediction.memory_bytes.value / prediction.memory_capacity_bytes
            room = 0.5 if used > _NEARLY_FULL else 1.0
            price = sqrt(per_hour) if per_hour else 1.0
            return throughput.interval.lower * room / price


def _check_limits(bound: Prediction, limits: Limits, per_hour: float | None) -> tuple[Meets, str]:
    latency, throughput = _some(bound.latency_ms), _some(bound.throughput_per_s)
    at = f"at {limits.confidence:.0%}"
    failed: list[str] = []
    if limits.max_latency_ms is not None and latency.interval.upper > limits.max_latency_ms:
        failed.append(
            f"latency may reach {_rounded(latency.interval.upper)} ms {at}, "
            f"limit {limits.max_latency_ms:g}"
        )
    least = limits.min_throughput_per_s
    if least is not None and throughput.interval.lower < least:
        failed.append(
            f"throughput may drop to {_rounded(throughput.interval.lower)}/s {at}, limit {least:g}"
        )
    most = limits.max_memory_bytes
    if most is not None and bound.memory_bytes.interval.upper > most:
        failed.append(
            f"memory may reach {bound.memory_bytes.interval.upper / GIB:.3g} GiB {at}, "
            f"limit {most / GIB:.3g}"
        )
    dearest = limits.max_price_per_hour
    if dearest is not None and per_hour is not None and per_hour > dearest:
        failed.append(f"price {per_hour:g} per hour, limit {dearest:g}")
    if failed:
        return Meets.NO, "; ".join(failed)
    if dearest is not None and per_hour is None:
        return Meets.UNKNOWN, "no price known"
    return Meets.YES, "no limits given" if limits.is_empty else f"keeps all limits {at}"


def _ranked(drafts: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the drafts in order: limits first, then what users did not reject, then score."""
    ordered = sorted(
        drafts,
        key=lambda c: (_MEETS_ORDER[c.meets], c.rejections > 0, -c.score, c.hardware.device.name),
    )
    return tuple(
        replace(candidate, rank=rank, reason=_placed(candidate))
        for rank, candidate in enumerate(ordered, start=1)
    )


def _placed(candidate: Candidate) -> str:
    if not candidate.rejections:
        return candidate.reason
    times = "once" if candidate.rejections == 1 else f"{candidate.rejections} times"
    return f"{candidate.reason}; rejected {times} for this family and limits, so ranked lower"


def _exclusion(prediction: Prediction) -> Exclusion:
    needed = prediction.memory_bytes.value / GIB
    there = prediction.memory_capacity_bytes / GIB
    return Exclusion(
        hardware=prediction.hardware.device.name,
        reason=f"does not fit: needs {needed:.1f} GiB of {there:.1f}",
    )


def _explanation(
    candidates: Sequence[Candidate],
    excluded: Sequence[Exclusion],
    objective: Objective,
    limits: Limits,
) -> str:
    best = next((c for c in candidates if c.meets is Meets.YES), None)
    if best is not None:
        return f"{_describe(best)}; best of {len(candidates)} by {objective}"
    if not candidates:
        return f"none of {len(excluded)} devices has the memory"
    nearest = candidates[0]
    return f"no device keeps the limits; the nearest is {_describe(nearest)}: {nearest.reason}"


def _describe(candidate: Candidate) -> str:
    latency = _some(candidate.prediction.latency_ms)
    interval = latency.interval
    return (
        f"{candidate.hardware.device.name} in {_rounded(latency.value)} ms "
        f"({_rounded(interval.lower)} to {_rounded(interval.upper)} at {interval.coverage:.0%})"
    )


def _rounded(value: float) -> str:
    """Return three significant digits, and no exponent for a large number."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _shared_cautions(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for c in candidates for text in c.prediction.cautions))


def _some(estimate: Estimate | None) -> Estimate:
    assert estimate is not None, "a prediction that fits carries all its estimates"
    return estimate
