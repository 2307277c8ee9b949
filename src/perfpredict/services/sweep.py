"""Sweeps: predictions at growing sizes, the knee among them, and the largest size that fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.sweep import Over, Sweep, SweepPoint
from perfpredict.domain.workload import MAX_BATCH_SIZE, Phase, Workload
from perfpredict.errors import InvalidInputError, PerfpredictError
from perfpredict.services.engine import Engine

SMALLEST = {Over.BATCH_SIZE: 1, Over.SEQUENCE_LENGTH: 32}
"""Where doubling starts."""
HIGHEST = {Over.BATCH_SIZE: MAX_BATCH_SIZE, Over.SEQUENCE_LENGTH: 2**20}
"""Largest size that is tried for a fit."""

_SPLITS = 16
"""Sizes that are tried in one call of the predictor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What is swept, and which sizes are shown."""

    workload: Workload
    over: Over
    sizes: tuple[int, ...] = ()
    """Empty: doubled from the smallest to the largest that fits, or `highest_shown`."""
    highest_shown: int = 1024
    level: float = 0.9


def sweep(
    engine: Engine,
    request: SweepRequest,
    hardware: Sequence[ResolvedDevice],
    *,
    model: ModelEntry,
) -> list[Sweep]:
    """Return one sweep a device."""
    return [_sweep(engine, request, device, model) for device in hardware]


def _sweep(
    engine: Engine, request: SweepRequest, device: ResolvedDevice, model: ModelEntry
) -> Sweep:
    def predict(sizes: Sequence[int]) -> list[Prediction]:
        workloads = [sized(request.workload, request.over, size) for size in sizes]
        pairs = [(workload, device) for workload in workloads]
        return _raised(engine.predict_many(pairs, level=request.level, model=model))

    def fits(prediction: Prediction, memory_bytes: float) -> bool:
        is_there = memory_bytes <= prediction.memory_capacity_bytes
        return prediction.fits and is_there and not _runs_in_waves(engine, prediction, model)

    accepted = _accepted(request, model)
    highest = min(HIGHEST[request.over], accepted or HIGHEST[request.over])
    largest = largest_that(
        lambda sizes: [fits(one, one.memory_bytes.value) for one in predict(sizes)], highest
    )
    surely = largest_that(
        lambda sizes: [fits(one, one.memory_bytes.interval.upper) for one in predict(sizes)],
        highest,
    )
    sizes = request.sizes or _doubled(request, largest)
    points = [
        SweepPoint(size=size, prediction=one, is_largest=size == largest)
        for size, one in zip(sizes, predict(sizes), strict=True)
    ]
    return Sweep(
        hardware=device,
        over=request.over,
        points=with_knee(points) if request.over is Over.BATCH_SIZE else tuple(points),
        largest=largest,
        surely_largest=surely,
        highest=highest,
        accepted=accepted,
    )


def _accepted(request: SweepRequest, model: ModelEntry) -> int | None:
    """Return the longest input that the model accepts; InvalidInputError where it reads none."""
    if request.over is Over.BATCH_SIZE:
        return None
    if model.sequence_length is None:
        if not model.is_text:
            raise InvalidInputError(f"--over seq-length: '{model.name}' reads no sequences")
        return None
    output = request.workload.output_tokens or 0
    return max(model.sequence_length - output, 1)


def _runs_in_waves(engine: Engine, prediction: Prediction, model: ModelEntry) -> bool:
    is_generated = prediction.workload.phase is Phase.GENERATE
    return is_generated and engine.case_of(prediction, model=model)[1] > 1


def _raised(answers: Sequence[Prediction | PerfpredictError]) -> list[Prediction]:
    """Return the predictions; raises what makes the first bad size unanswerable."""
    for answer in answers:
        if isinstance(answer, PerfpredictError):
            raise answer
    return [answer for answer in answers if isinstance(answer, Prediction)]


def sized(workload: Workload, over: Over, size: int) -> Workload:
    """Return `workload` with another batch size, or with as many tokens of input."""
    if over is Over.BATCH_SIZE:
        return replace(workload, batch_size=size)
    if workload.phase in (Phase.PREFILL, Phase.GENERATE):
        return replace(workload, input_tokens=size)
    return replace(workload, sequence_length=size)


def largest_that(holds: Callable[[Sequence[int]], list[bool]], highest: int) -> int | None:
    """Return the largest size up to `highest` that `holds`, None where not even 1 does.

    `holds` answers for many sizes at once, and must not hold above a size that it does not hold.
    """
    low, high = 0, highest + 1  # holds at low, which is nothing, and does not at high
    tried = sorted({1 << bit for bit in range(highest.bit_length())} | {highest})
    while tried:
        for size, is_held in zip(tried, holds(tried), strict=True):
            if is_held:
                low = max(low, size)
            else:
                high = min(high, size)
        step = max((high - low) // _SPLITS, 1)
        tried = list(range(low + step, high, step))[:_SPLITS]
    return low or None


def with_knee(points: Sequence[SweepPoint]) -> tuple[SweepPoint, ...]:
    """Return the points with the one of the highest power marked, the smallest of equal ones."""
    powers = [point.power or 0.0 for point in points]
    highest = max(powers, default=0.0)
    if highest <= 0.0:
        return tuple(points)
    knee = powers.index(highest)
    return tuple(replace(point, is_knee=place == knee) for place, point in enumerate(points))


def _doubled(request: SweepRequest, largest: int | None) -> tuple[int, ...]:
    smallest = SMALLEST[request.over]
    if largest is None or largest < smallest:
        return (largest or 1,)
    last = min(largest, request.highest_shown)
    sizes = []
    size = smallest
    while size < last:
        sizes.append(size)
        size *= 2
    return tuple(dict.fromkeys([*sizes, last, largest]))
