"""Scores stored predictors on measurements that they were not trained on, alone or compared."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.accuracy import Accuracy, Pair, measure_accuracy
from perfpredict.domain.metrics import Metric, work_per_batch
from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.observations import Target
from perfpredict.models.predictor import Predictor
from perfpredict.services.judging import accuracy_pairs
from perfpredict.services.training_rows import MeasuredConfig, Split, TrainingRows, observations

Floats = NDArray[np.float64]

MIN_ROWS_FOR_R_SQUARED = 10
"""Below it R² says nothing: on 5 rows the same predictor gets anything from -4 to 0.9."""

_UNIT_FACTOR = {Metric.LATENCY: 1.0, Metric.THROUGHPUT: 1.0, Metric.MEMORY: 1 / 2**20}
"""From what pairs hold to ms, work per s and MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAccuracy:
    """How well one metric is predicted; errors are predicted - actual in ms, per s or MiB."""

    metric: Metric
    n: int
    """Measurements behind the configurations."""
    n_configs: int
    accuracy: Accuracy
    mean_error: float
    mae: float
    rmse: float
    r_squared: float | None
    """1 - SSE / SST; None for fewer than ten configurations or equal actual values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores by metric, and what was left out of them."""

    by_metric: tuple[MetricAccuracy, ...]
    in_sample: int
    """Measurements left out because the predictor was trained on them."""
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A predictor in a comparison, and the measurements it was trained on."""

    name: str
    predictor: Predictor
    measurement_ids: Set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one contender does on the rows that no contender was trained on."""

    name: str
    n: int
    accuracy: Accuracy
    wins: int
    """Configurations on which its |ln(predicted / actual)| is the smallest."""
    p_value: float | None
    """Of a two-sided sign test against the first contender, None for the first itself."""


def evaluate(
    rows: TrainingRows, predictor: Predictor, *, measurement_ids: Set[str], level: float
) -> Evaluation:
    """Return accuracy by metric on the rows outside of `measurement_ids`.

    Raises TooFewRowsError where there are none.
    """
    unseen = _unseen(rows.configs, measurement_ids)
    kept_rows = sum(len(config.measurement_ids) for config in unseen)
    found = [
        one
        for target in Target
        if (kept := [config for config in unseen if config.value(target)])
        for one in _of_target(kept, predictor, target, level)
    ]
    if not found:
        in_sample = rows.row_count - kept_rows
        raise TooFewRowsError(
            f"no measurement to score on: {in_sample} of {rows.row_count} were in training",
            hint="record measurements of other models, and evaluate again",
        )
    return Evaluation(
        by_metric=tuple(found),
        in_sample=rows.row_count - kept_rows,
        left_out=rows.left_out,
    )


def compare(
    rows: TrainingRows, contenders: Sequence[Contender], *, level: float
) -> tuple[Standing, ...]:
    """Return the contenders' standings by latency on rows that none was trained on.

    Raises TooFewRowsError where there are no such rows.
    """
    if len(contenders) < 2:
        raise InvalidInputError("a comparison needs at least two predictors")
    seen = frozenset().union(*(one.measurement_ids for one in contenders))
    unseen = [config for config in _unseen(rows.configs, seen) if config.latency_ms]
    if not unseen:
        raise TooFewRowsError(
            f"no row to compare on: all {rows.row_count} were in training of one or another"
        )
    held_out = observations(unseen, Target.LATENCY, Split.MODEL)
    pairs = [accuracy_pairs(one.predictor, held_out, level) for one in contenders]
    errors = np.abs([[pair.log_ratio for pair in own] for own in pairs])
    best = errors.min(axis=0)
    return tuple(
        Standing(
            name=one.name,
            n=len(unseen),
            accuracy=measure_accuracy(own),
            wins=int((errors[place] <= best).sum()),
            p_value=None if place == 0 else sign_test(errors[place], errors[0]),
        )
        for place, (one, own) in enumerate(zip(contenders, pairs, strict=True))
    )


def sign_test(left: Sequence[float] | Floats, right: Sequence[float] | Floats) -> float:
    """Return the two-sided p-value of `left` and `right` being smaller equally often; ties drop."""
    difference = np.asarray(left) - np.asarray(right)
    smaller, larger = int((difference < 0).sum()), int((difference > 0).sum())
    total, fewer = smaller + larger, min(smaller, larger)
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**total))


def _unseen(configs: Sequence[MeasuredConfig], seen: Set[str]) -> list[MeasuredConfig]:
    return [config for config in configs if not seen & set(config.measurement_ids)]


def _of_target(
    configs: Sequence[MeasuredConfig], predictor: Predictor, target: Target, level: float
) -> list[MetricAccuracy]:
    """Return the accuracy of memory, or of latency and the throughput that follows from it."""
    pairs = accuracy_pairs(predictor, observations(configs, target, Split.MODEL), level)
    if target is Target.MEMORY:
        return [_by_metric(configs, pairs, Metric.MEMORY)]
    inverse = [
        _inverse(pair, work_per_batch(config.case.workload) * 1e3)
        for pair, config in zip(pairs, configs, strict=True)
    ]
    return [
        _by_metric(configs, pairs, Metric.LATENCY),
        _by_metric(configs, inverse, Metric.THROUGHPUT),
    ]


def _by_metric(
    configs: Sequence[MeasuredConfig], pairs: Sequence[Pair], metric: Metric
) -> MetricAccuracy:
    factor = _UNIT_FACTOR[metric]
    errors = np.array([(pair.predicted - pair.actual) * factor for pair in pairs])
    return MetricAccuracy(
        metric=metric,
        n=sum(len(config.measurement_ids) for config in configs),
        n_configs=len(configs),
        accuracy=measure_accuracy(pairs),
        mean_error=float(errors.mean()),
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt((errors**2).mean())),
        r_squared=_r_squared(errors, np.array([pair.actual * factor for pair in pairs])),
    )


def _inverse(pair: Pair, work: float) -> Pair:
    return Pair(
        predicted=work / pair.predicted,
        actual=work / pair.actual,
        lower=work / pair.upper,
        upper=work / pair.lower,
    )


def _r_squared(errors: Floats, actual: Floats) -> float | None:
    spread = float(((actual - actual.mean()) ** 2).sum())
    if len(errors) < MIN_ROWS_FOR_R_SQUARED or spread == 0:
        return None
    return 1 - float((errors**2).sum()) / spread
