"""Takes predictions apart: where the time goes, what led to the number, what is left out."""

from collections.abc import Sequence

from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.explanation import Explanation, Step, StepKind
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.models.explaining import explain_case
from perfpredict.models.memory import SERVING_FRAMEWORKS
from perfpredict.models.op_arrays import is_sequential
from perfpredict.services.engine import Engine
from perfpredict.services.measurable import is_measured_by_run


def explain(
    engine: Engine, predictions: Sequence[Prediction], *, model: ModelEntry | None = None
) -> list[Explanation]:
    """Return each of the engine's own predictions taken apart, in order.

    `model` is what they were made of where the catalog does not know it.
    """
    return [_explanation(engine, one, model) for one in predictions]


def _explanation(engine: Engine, prediction: Prediction, model: ModelEntry | None) -> Explanation:
    case, waves = engine.case_of(prediction, model=model)
    found = explain_case(engine.predictor, case)
    workload = prediction.workload
    return Explanation(
        prediction=prediction,
        parts=found.parts if prediction.fits else (),
        work=found.work,
        steps=_in_waves(found.steps, waves) if prediction.fits else (),
        memory=found.memory,
        neighbours=found.neighbours,
        not_modelled=not_modelled(workload),
        is_measured_by_run=model is None and is_measured_by_run(workload),
    )


def _in_waves(steps: tuple[Step, ...], waves: int) -> tuple[Step, ...]:
    if waves == 1:
        return steps
    latency_ms = steps[-1].latency_ms * waves
    detail = f"{waves} waves, for the KV cache of the batch does not fit at once"
    return (*steps, Step(kind=StepKind.WAVES, latency_ms=latency_ms, detail=detail))


_ALWAYS = (
    "the first runs: loading weights, choosing kernels, compiling",
    "reading, preparing and copying inputs and results",
    "clocks held down by heat or a power limit, and other work on the device",
)
_PADDING = "sequences of unlike length: each counts as if it had the full length"
_SERVING = "requests that arrive over time, queues, prefix caching and speculative decoding"
_LINKS = "how the devices are linked: a share of the memory's bandwidth stands for each link"
_HAND_OVER = "layers of unlike size on the devices: each device holds an equal part"
_TRAINING = "gradient accumulation, recomputed activations, evaluation and checkpoints"


def not_modelled(workload: Workload) -> tuple[str, ...]:
    """Return what takes time in practice and no prediction of `workload` counts."""
    found = list(_ALWAYS)
    has_tokens = workload.sequence_length is not None or workload.input_tokens is not None
    if has_tokens and workload.batch_size > 1:
        found.append(_PADDING)
    if workload.phase is Phase.GENERATE and workload.framework in SERVING_FRAMEWORKS:
        found.append(_SERVING)
    if workload.mode is Mode.TRAINING:
        found.append(_TRAINING)
    if workload.device_count > 1:
        found.append(_HAND_OVER if is_sequential(workload) else _LINKS)
    return tuple(found)
