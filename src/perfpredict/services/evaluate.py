"""Scores a predictor on a file of measurements; nothing is stored and no database is needed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

from perfpredict.domain.accuracy import Accuracy, Pair, measure_accuracy
from perfpredict.domain.metrics import Metric
from perfpredict.errors import CannotAnswerError
from perfpredict.importers.table import MeasurementRows
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate_rows import (
    ACTUAL,
    REASON,
    ScoredFilter,
    predicted_pairs,
    scored_rows,
    split_calibration,
)
from perfpredict.services.open_batches import with_assumed_batches


class GroupKey(StrEnum):
    """By what the rows can be grouped; the value is the option's."""

    MODEL = "model"
    FAMILY = "family"
    ARCHITECTURE = "architecture"
    DEVICE = "device"
    MODE = "mode"
    PHASE = "phase"
    PRECISION = "precision"
    FRAMEWORK = "framework"
    SOURCE = "source"
    BATCH_SIZE = "batch_size"


_COLUMNS = {
    GroupKey.MODEL: "model_name",
    GroupKey.FAMILY: "model_family",
    GroupKey.ARCHITECTURE: "model_arch",
}
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What is scored and how the rows are grouped."""

    metric: Metric = Metric.LATENCY
    by: tuple[GroupKey, ...] = ()
    level: float = 0.9
    calibration_rows: int = 0
    """Random rows of each device that the predictor is given first; they are not scored."""
    seed: int = 0
    row_filter: ScoredFilter = field(default_factory=ScoredFilter)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedGroup:
    """One group of rows, or all of them."""

    group: str
    values: Mapping[str, str | None]
    """Value by group key, empty for all rows."""
    rows: int
    answered: int
    unanswered_by_reason: Mapping[str, int]
    accuracy: Accuracy | None
    """None where no row was answered."""

    @property
    def unanswered(self) -> int:
        return self.rows - self.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All rows first, then the groups, the largest first."""

    metric: Metric
    level: float
    predictor: str
    groups: tuple[EvaluatedGroup, ...]
    calibration_rows: int
    suspect_rows: int


def evaluate(engine: Engine, rows: MeasurementRows, options: EvaluationOptions) -> Evaluation:
    """Return how far the engine's predictions are from the measured rows.

    Raises CannotAnswerError where the filter leaves no row.
    """
    rows = with_assumed_batches(engine, rows)
    scored = scored_rows(rows, options.metric, options.row_filter)
    if scored.is_empty():
        raise CannotAnswerError("no row is left to score", hint="loosen the filters")
    given, scored = split_calibration(engine, scored, options.calibration_rows, options.seed)
    if given:
        engine = engine.calibrated(given)
    answered = predicted_pairs(engine, scored, options.metric, options.level)
    return Evaluation(
        metric=options.metric,
        level=options.level,
        predictor=engine.predictor.name,
        groups=tuple(_groups(answered, options.by)),
        calibration_rows=len(given),
        suspect_rows=rows.suspect_rows,
    )


def _groups(answered: pl.DataFrame, by: Sequence[GroupKey]) -> list[EvaluatedGroup]:
    whole = _group(ALL, {}, answered)
    if not by:
        return [whole]
    keyed = answered.with_columns(
        pl.col(_COLUMNS.get(key, key.value)).cast(pl.String).alias(f"by_{key}") for key in by
    )
    names = [f"by_{key}" for key in by]
    parts = keyed.partition_by(names, as_dict=True, maintain_order=True)
    groups = []
    for values, part in parts.items():
        named = {key.value: value for key, value in zip(by, values, strict=True)}
        label = " / ".join("none" if value is None else value for value in named.values())
        groups.append(_group(label, named, part))
    return [whole, *sorted(groups, key=lambda group: (-group.rows, group.group))]


def _group(label: str, values: Mapping[str, str | None], rows: pl.DataFrame) -> EvaluatedGroup:
    answered = rows.filter(pl.col(REASON).is_null())
    reasons = Counter(rows[REASON].drop_nulls().to_list())
    pairs = [
        Pair(predicted=predicted, actual=actual, lower=lower, upper=upper)
        for predicted, actual, lower, upper in answered.select(
            "predicted", ACTUAL, "lower", "upper"
        ).iter_rows()
    ]
    return EvaluatedGroup(
        group=label,
        values=values,
        rows=rows.height,
        answered=answered.height,
        unanswered_by_reason=dict(reasons.most_common()),
        accuracy=measure_accuracy(pairs) if pairs else None,
    )
