"""Takes an answer apart: the steps that lead to it, and the parts that add up to it.

It only reads predictors. Each step is the latency of one predictor in the chain that the answer
went through, so the last step is the answer itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from perfpredict.domain.explanation import (
    Bound,
    ClassWork,
    MemoryPart,
    Neighbours,
    Step,
    StepKind,
    TimePart,
)
from perfpredict.models.calibration import CalibratedPredictor
from perfpredict.models.generation import CalibratedGeneration, GenerationPredictor
from perfpredict.models.generation_factors import MEANS
from perfpredict.models.generation_sum import add_up
from perfpredict.models.generation_terms import TERMS
from perfpredict.models.memory import memory_use
from perfpredict.models.op_arrays import OP_CLASSES, is_sequential, pack
from perfpredict.models.predictor import Case, CaseEstimate, Predictor
from perfpredict.models.reference import CalibratedReference, ReferencePredictor
from perfpredict.models.residual import Prior, ResidualPredictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.term_bounds import bound_of_term
from perfpredict.models.user_model import UserModelPredictor

_LEVEL = 0.9
"""Any level: steps are values, and no value depends on the level of its interval."""
AnyPredictor = Predictor | Prior


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseExplanation:
    """One answer taken apart; the latencies are of one wave."""

    parts: tuple[TimePart, ...]
    work: tuple[ClassWork, ...]
    steps: tuple[Step, ...]
    memory: tuple[MemoryPart, ...]
    neighbours: Neighbours


def explain_case(predictor: Predictor, case: Case) -> CaseExplanation:
    """Return how `predictor` comes to its answer to `case`."""
    chain = _chain(predictor, case)
    work = class_work(case)
    full_rate_ms = sum(one.full_rate_ms for one in work)
    steps = [Step(kind=StepKind.FULL_RATES, latency_ms=full_rate_ms)]
    for link in chain:
        steps += _steps(link, case)
    return CaseExplanation(
        parts=_parts(chain, case),
        work=work,
        steps=tuple(steps),
        memory=_memory_parts(case),
        neighbours=_neighbours(chain, case),
    )


def class_work(case: Case) -> tuple[ClassWork, ...]:
    """Return what the operations of `case` do on one of its devices, by class."""
    arrays = pack([case])
    shards = 1.0 if is_sequential(case.workload) else float(case.workload.device_count)
    weights = arrays.count * arrays.repeats[arrays.pass_index]
    longer_s = np.maximum(arrays.compute_s, arrays.memory_s)
    flops = arrays.amounts[:, 0]
    found = []
    for code, op_class in enumerate(OP_CLASSES):
        own = arrays.class_code == code
        if not own.any():
            continue
        times = weights[own]
        found.append(
            ClassWork(
                op_class=op_class,
                launches=float(times.sum()),
                flops=float(times @ flops[own]) / shards,
                moved_bytes=float(times @ arrays.moved_bytes[own]),
                compute_ms=float(times @ arrays.compute_s[own]) * 1e3,
                memory_ms=float(times @ arrays.memory_s[own]) * 1e3,
                full_rate_ms=float(times @ longer_s[own]) * 1e3,
            )
        )
    return tuple(found)


def _chain(predictor: AnyPredictor, case: Case) -> list[AnyPredictor]:
    """Return the predictors that an answer goes through, the simplest first."""
    if isinstance(predictor, ReferencePredictor):
        return _chain(predictor.part(case), case)
    if isinstance(predictor, CalibratedReference):
        return _chain(predictor.part(case), case)
    if isinstance(predictor, CalibratedPredictor | CalibratedGeneration):
        return [*_chain(predictor.inner, case), predictor]
    if isinstance(predictor, ResidualPredictor):
        return [*_chain(predictor.prior, case), predictor]
    if isinstance(predictor, UserModelPredictor):
        return [RooflinePredictor(), predictor]
    return [predictor]


def _steps(link: AnyPredictor, case: Case) -> list[Step]:
    latency_ms = _answer(link, case).latency_ms.value
    if isinstance(link, GenerationPredictor):
        return _generation_steps(link, case, latency_ms)
    if isinstance(link, CalibratedPredictor | CalibratedGeneration):
        rows = link.rows_of(case)
        detail = f"{rows} of your rows are of this device and kind of work"
        return [Step(kind=StepKind.CALIBRATION, latency_ms=latency_ms, detail=detail)]
    if isinstance(link, ResidualPredictor):
        return [Step(kind=StepKind.LEARNING, latency_ms=latency_ms, detail=_learned(link))]
    if isinstance(link, UserModelPredictor):
        return [Step(kind=StepKind.STORED, latency_ms=latency_ms, detail=link.name)]
    detail = "fitted efficiencies, caches and launches"
    return [Step(kind=StepKind.ROOFLINE, latency_ms=latency_ms, detail=detail)]


def _learned(link: ResidualPredictor) -> str:
    if link.corrector is None:
        return f"{link.name}: nothing of latency was learned"
    return f"{link.name}: from {link.row_count} configurations"


def _generation_steps(link: GenerationPredictor, case: Case, latency_ms: float) -> list[Step]:
    answer = link.answer([case])
    expected = add_up(answer.seconds, MEANS[None, :], answer.host_overlap)
    rows = sum(link.seen.rows_by_cell.values())
    return [
        Step(
            kind=StepKind.PHYSICS,
            latency_ms=float(expected.latency_s[0]) * 1e3,
            detail="efficiencies and host times that physics expects",
        ),
        Step(
            kind=StepKind.LEARNING,
            latency_ms=latency_ms,
            detail=f"{link.name}: factors of framework, vendor, device and precision, and trees, "
            f"from {rows} rows",
        ),
    ]


def _answer(link: AnyPredictor, case: Case) -> CaseEstimate:
    return link.predict([case], _LEVEL)[0]


def _parts(chain: list[AnyPredictor], case: Case) -> tuple[TimePart, ...]:
    """Return the parts of the last answer's time, the largest first."""
    for link in reversed(chain):
        if isinstance(link, GenerationPredictor | CalibratedGeneration):
            shares = link.term_shares(case)
            return _sorted(
                TimePart(name=term.value, share=float(share), bound=bound_of_term(term))
                for term, share in zip(TERMS, shares, strict=True)
            )
    estimate = _answer(chain[-1], case)
    launching = TimePart(name="launches", share=estimate.launch_share, bound=Bound.HOST)
    return _sorted([
        *(TimePart(name=one.op_class.value, share=one.share, bound=Bound(one.bound))
          for one in estimate.time_shares),
        launching,
    ])  # fmt: skip


def _sorted(parts: Iterable[TimePart]) -> tuple[TimePart, ...]:
    used = [one for one in parts if one.share > 0.0]
    return tuple(sorted(used, key=lambda one: -one.share))


def _memory_parts(case: Case) -> tuple[MemoryPart, ...]:
    use = memory_use(case)
    bytes_by_part = {
        "weights": use.weights,
        "activations": use.activations,
        "KV cache": use.kv_cache,
        "gradients and optimizer": use.training,
        "workspace": use.workspace,
    }
    parts = [
        MemoryPart(name=name, share=own / use.total)
        for name, own in bytes_by_part.items()
        if own > 0.0
    ]
    return tuple(sorted(parts, key=lambda one: -one.share))


def _neighbours(chain: list[AnyPredictor], case: Case) -> Neighbours:
    of_device, of_model, own = 0, 0, 0
    for link in chain:
        if isinstance(link, GenerationPredictor):
            of_device = max(of_device, link.seen.cell_rows(case))
            of_model = max(of_model, link.seen.rows_by_model.get(case.workload.model, 0))
        elif isinstance(link, ResidualPredictor) and link.corrector is not None:
            seen = link.corrector.experience
            of_device = max(of_device, seen.rows_of_run(case))
            of_model = max(of_model, seen.by_model.get(case.workload.model, 0))
        elif isinstance(link, CalibratedPredictor | CalibratedGeneration):
            own = link.rows_of(case)
    return Neighbours(learned_from_device=of_device, learned_from_model=of_model, own_of_device=own)
