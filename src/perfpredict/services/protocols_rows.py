"""The rows that protocols train on and score: a case, its measured latency, and what it is of."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl

from perfpredict.catalog.models import find_model
from perfpredict.domain.device import DeviceKind
from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Basis
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import PerfpredictError, UnknownModelError
from perfpredict.importers.table import MeasurementRows
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate_rows import (
    ACTUAL,
    IS_ASSUMED,
    REASON,
    ScoredFilter,
    pairs_of,
    scored_rows,
)
from perfpredict.services.open_batches import with_assumed_batches
from perfpredict.services.training_rows import TrainingRows

_DOES_NOT_FIT = "does not fit"
_NVIDIA = "nvidia"


class Slice(StrEnum):
    """A part of the rows that is reported apart; a row can be in several."""

    ALL = "all"
    STATED = "batch stated"
    """All but those of ASSUMED."""
    ASSUMED = "batch assumed"
    """A throughput was published without its batch; in no slice by kind of work."""
    VISION = "vision inference"
    VISION_GPU = "vision inference, GPU"
    """GPUs, and what is neither GPU nor CPU."""
    VISION_CPU = "vision inference, CPU"
    OTHER_INFERENCE = "other inference"
    GENERATION = "generation"
    GENERATION_NVIDIA = "generation, NVIDIA"
    GENERATION_OTHER = "generation, other vendors"
    PREFILL_NVIDIA = "prefill, NVIDIA"
    PREFILL_OTHER = "prefill, other vendors"
    DECODE_NVIDIA = "decode, NVIDIA"
    DECODE_OTHER = "decode, other vendors"
    SERVING_NVIDIA = "serving, NVIDIA"
    SERVING_OTHER = "serving, other vendors"
    TRAINING = "training"


_BY_PHASE = {
    Phase.PREFILL: (Slice.PREFILL_NVIDIA, Slice.PREFILL_OTHER),
    Phase.DECODE: (Slice.DECODE_NVIDIA, Slice.DECODE_OTHER),
    Phase.GENERATE: (Slice.SERVING_NVIDIA, Slice.SERVING_OTHER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """One measured latency and the case that predicts it."""

    case: Case
    latency_ms: float
    """Of one batch; of one wave where a server runs the batch in waves."""
    model: str
    """Canonical name: rows of one model are never split."""
    architecture: str
    family: str
    source: str
    measured_on: date | None = None
    """None where the file does not say."""
    is_batch_assumed: bool = False
    """Whether the file gives a throughput alone, which is read at the batch where it saturates."""
    ranked_as: str = ""
    """Equal for what one would compare devices by; framework and layout may differ."""

    @property
    def device(self) -> str:
        return self.case.device.name

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Return every slice that the row is in."""
        if self.is_batch_assumed:
            return (Slice.ALL, Slice.ASSUMED)
        return (Slice.ALL, Slice.STATED, *_slices(self.case, self.family))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredRows:
    """What can be trained on and scored, and why the other rows cannot."""

    rows: tuple[ScoredRow, ...]
    left_out: Mapping[str, int]
    """Reason to number of rows."""


def rows_of_file(engine: Engine, rows: MeasurementRows, row_filter: ScoredFilter) -> GatheredRows:
    """Return the rows of a file whose latency was measured, as the engine would be asked for them.

    They are the rows that `evaluate` scores. Only the engine's devices and its way from a workload
    to a case are used, not its predictor.
    """
    scored = _dated(with_assumed_batches(engine, rows), row_filter)
    left_out = Counter(scored[REASON].drop_nulls().to_list())
    asked = scored.filter(pl.col(REASON).is_null())
    pairs = pairs_of(engine, asked)
    recorder = _CaseRecorder(engine.fallback)
    answers = replace(engine, predictor=recorder).predict_many(pairs)
    recorded = iter(recorder.answered)
    gathered = []
    for answer, row in zip(answers, asked.iter_rows(named=True), strict=True):
        if isinstance(answer, PerfpredictError):
            left_out[_reason(answer)] += 1
            continue
        case, estimate = next(recorded)
        if answer.latency_ms is None:
            left_out[_DOES_NOT_FIT] += 1
            continue
        waves = round(answer.latency_ms.value / estimate.latency_ms.value)
        gathered.append(_row(case, answer.workload, waves, row))
    return GatheredRows(rows=tuple(gathered), left_out=dict(left_out))


# Any: a row of a frame whose types the importer has checked
def _row(case: Case, workload: Workload, waves: int, row: Mapping[str, Any]) -> ScoredRow:
    return ScoredRow(
        case=case,
        latency_ms=row[ACTUAL] / waves,
        model=row["model_name"],
        architecture=row["model_arch"] or row["model_name"],
        family=row["model_family"] or "other",
        source=row["source"],
        measured_on=row[_DAY],
        is_batch_assumed=row[IS_ASSUMED],
        ranked_as=_ranking_key(workload),
    )


def rows_of_store(stored: TrainingRows) -> GatheredRows:
    """Return the configurations of the store whose latency was measured."""
    rows = [
        ScoredRow(
            case=config.case,
            latency_ms=config.latency_ms,
            model=config.case.workload.model,
            architecture=find_model(config.case.workload.model).architecture,
            family=config.case.workload.family or "other",
            source="store",
            measured_on=config.measured_at.date(),
            ranked_as=_ranking_key(config.case.workload),
        )
        for config in stored.configs
        if config.latency_ms
    ]
    return GatheredRows(rows=tuple(rows), left_out=dict(stored.left_out))


_DAY = "measured_on"


def _dated(rows: MeasurementRows, row_filter: ScoredFilter) -> pl.DataFrame:
    """Return what `scored_rows` does of `rows`, with the day of each where the file states it."""
    day = pl.when(~pl.col("is_time_assumed")).then(pl.col("measured_at").dt.date())
    parts = rows.good.with_columns(day.alias(_DAY)).partition_by(
        _DAY, as_dict=True, maintain_order=True
    )
    nothing = rows.refused.clear()
    found = [
        scored_rows(
            replace(rows, good=part, refused=nothing), Metric.LATENCY, row_filter
        ).with_columns(pl.lit(on, dtype=pl.Date()).alias(_DAY))
        for (on,), part in parts.items()
    ]
    refused = scored_rows(replace(rows, good=rows.good.clear()), Metric.LATENCY, row_filter)
    return pl.concat([*found, refused], how="diagonal_relaxed")


class _CaseRecorder:
    """Answers as the roofline does and keeps every case that it was asked for."""

    name = "roofline"
    basis = Basis.ROOFLINE

    def __init__(self, inner: RooflinePredictor) -> None:
        self._inner = inner
        self.answered: list[tuple[Case, CaseEstimate]] = []

    @property
    def version(self) -> str:
        return self._inner.version

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        estimates = self._inner.predict(cases, level)
        self.answered.extend(zip(cases, estimates, strict=True))
        return estimates


def _slices(case: Case, family: str) -> tuple[Slice, ...]:
    workload, device = case.workload, case.device
    if workload.mode is Mode.TRAINING:
        return (Slice.TRAINING,)
    if workload.phase is None:
        if family != "vision":
            return (Slice.OTHER_INFERENCE,)
        is_cpu = device.kind is DeviceKind.CPU
        return (Slice.VISION, Slice.VISION_CPU if is_cpu else Slice.VISION_GPU)
    is_other = device.vendor.casefold() != _NVIDIA
    vendors = Slice.GENERATION_OTHER if is_other else Slice.GENERATION_NVIDIA
    return (Slice.GENERATION, vendors, _BY_PHASE[workload.phase][is_other])


def _ranking_key(workload: Workload) -> str:
    """Return a key without framework and layout, and without the batch where it is no promise.

    Published image and training runs take the largest batch that fits each device, so their
    devices are compared by latency per sample.
    """
    plain = replace(workload, framework=None, is_compiled=False, memory_format=None)
    return (plain if workload.phase else replace(plain, batch_size=1)).key


def _reason(error: PerfpredictError) -> str:
    if isinstance(error, UnknownModelError):
        return "unknown model"
    # without names and numbers, so that equal reasons count together
    return re.sub(r"\s*'[^']*'|\s*\(.*$|,? got .*$", "", error.message)
