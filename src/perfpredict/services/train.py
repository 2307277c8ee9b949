"""Train a predictor on stored measurements, and judge it on groups that it never saw."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.learners import Algorithm
from perfpredict.models.observations import Observations, Target, shuffled_groups
from perfpredict.models.reference import load_reference
from perfpredict.models.residual import Prior, ResidualPredictor
from perfpredict.models.residual_fit import (
    Importance,
    fit_residual,
    own_importance,
    permutation_importance,
)
from perfpredict.services.judging import ActivePredictor, Judge, Score
from perfpredict.services.training_rows import (
    MeasuredConfig,
    Split,
    TrainingRows,
    group_of,
    observations,
)

MIN_ROWS = 30
MIN_GROUPS = 3
"""One to hold out, two so that each can be left out once for the intervals."""


class TrainedMetric(StrEnum):
    """Which quantities are learned; throughput and latency are one."""

    ALL = "all"
    THROUGHPUT = "throughput"
    LATENCY = "latency"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How to train; the defaults are those of the command."""

    metric: TrainedMetric = TrainedMetric.ALL
    algorithm: Algorithm = Algorithm.AUTO
    split: Split = Split.MODEL
    test_size: float = 0.2
    """Share of the groups that is held out."""
    level: float = 0.9
    min_rows: int = MIN_ROWS
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.test_size < 1:
            raise InvalidInputError(f"test_size must be above 0 and below 1, got {self.test_size}")
        if not 0 < self.level < 1:
            raise InvalidInputError(f"level must be above 0 and below 1, got {self.level}")
        if self.min_rows < 1:
            raise InvalidInputError(f"min_rows must be at least 1, got {self.min_rows}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained predictor, how it was judged, and what it was trained on."""

    predictor: ResidualPredictor
    plan: TrainingPlan
    scores: tuple[Score, ...]
    importances: tuple[Importance, ...]
    measurement_ids: tuple[str, ...]
    cut_off: datetime
    """Newest measurement in training."""
    training_rows: int
    training_configs: int
    left_out: Mapping[str, int]
    is_sample: bool
    notes: tuple[str, ...] = field(default=())

    @property
    def is_better(self) -> bool:
        """Whether each quantity is predicted better than before."""
        return all(score.is_better for score in self.scores)


Refit: TypeAlias = Callable[[ResidualPredictor, Set[str]], ResidualPredictor]
"""Makes a better predictor of one, without looking at the groups that are named."""


def train(
    rows: TrainingRows,
    plan: TrainingPlan,
    *,
    prior: Prior | None = None,
    active: ActivePredictor | None = None,
    refit: Refit | None = None,
) -> Trained:
    """Return a predictor that corrects `prior` by `rows`, judged on groups held out of them.

    Without a `prior` the one that ships is corrected. What is judged is what `refit` makes of it.

    Raises TooFewRowsError where there are fewer than `plan.min_rows` rows or three groups.
    """
    _check_enough(rows, plan)
    base = prior or load_reference()
    held_out = _held_out(rows.configs, plan)
    learned = [config for config in rows.configs if not _is_held_out(config, held_out, plan)]
    tested = [config for config in rows.configs if _is_held_out(config, held_out, plan)]
    notes: list[str] = []
    learned_from: dict[Target, Observations] = {}
    for target in _targets(plan.metric):
        known = observations(learned, target, plan.split)
        unseen = observations(tested, target, plan.split)
        if len(set(known.groups)) < MIN_GROUPS - 1 or len(unseen) == 0:
            notes.append(_too_few(target, len(known), plan))
            continue
        learned_from[target] = known
    if not learned_from:
        raise TooFewRowsError("; ".join(notes))
    predictor = fit_residual(
        list(learned_from.values()), prior=base, algorithm=plan.algorithm, seed=plan.seed
    )
    if refit is not None and predictor.corrector is not None:
        predictor = refit(predictor, held_out)
    judge = Judge(prior=base, learned=learned, tested=tested, split=plan.split, level=plan.level,
                  active=active)  # fmt: skip
    return Trained(
        predictor=predictor,
        plan=plan,
        scores=tuple(judge.score(predictor, target) for target in learned_from),
        importances=_importances(predictor, tested, plan),
        measurement_ids=tuple(one for config in learned for one in config.measurement_ids),
        cut_off=max(config.measured_at for config in learned),
        training_rows=sum(len(config.measurement_ids) for config in learned),
        training_configs=len(learned),
        left_out=rows.left_out,
        is_sample=any(config.is_sample for config in rows.configs),
        notes=tuple(notes),
    )


def _check_enough(rows: TrainingRows, plan: TrainingPlan) -> None:
    reasons = ", ".join(f"{count} {reason}" for reason, count in rows.left_out.items())
    if rows.row_count < plan.min_rows:
        left_out = f" ({reasons} left out)" if reasons else ""
        raise TooFewRowsError(
            f"{rows.row_count} usable rows, training needs {plan.min_rows}{left_out}",
            hint="record or import more measurements, or lower --min-rows",
        )
    groups = {group_of(config, plan.split) for config in rows.configs}
    if len(groups) < MIN_GROUPS:
        hint = "split by configuration instead: --split config"
        raise TooFewRowsError(
            f"{len(groups)} groups by {plan.split}, training needs {MIN_GROUPS}",
            hint=hint if plan.split is not Split.CONFIG else "measure more configurations",
        )


def _targets(metric: TrainedMetric) -> tuple[Target, ...]:
    if metric is TrainedMetric.ALL:
        return (Target.LATENCY, Target.MEMORY)
    return (Target.MEMORY,) if metric is TrainedMetric.MEMORY else (Target.LATENCY,)


def _too_few(target: Target, count: int, plan: TrainingPlan) -> str:
    if count == 0:
        return f"{target} was not measured, so it is not learned"
    return f"{target} was measured for too few groups by {plan.split}, so it is not learned"


def _held_out(configs: Sequence[MeasuredConfig], plan: TrainingPlan) -> frozenset[str]:
    """Return the groups, or for a split by time the rows, that are kept for judging."""
    if plan.split is Split.TIME:
        count = max(1, round(plan.test_size * len(configs)))
        return frozenset(one for config in configs[-count:] for one in config.measurement_ids)
    groups = shuffled_groups([group_of(config, plan.split) for config in configs], seed=plan.seed)
    count = min(max(1, round(plan.test_size * len(groups))), len(groups) - MIN_GROUPS + 1)
    return frozenset(groups[:count])


def _is_held_out(config: MeasuredConfig, held_out: Set[str], plan: TrainingPlan) -> bool:
    if plan.split is Split.TIME:
        return config.measurement_ids[0] in held_out
    return group_of(config, plan.split) in held_out


def _importances(
    predictor: ResidualPredictor, tested: Sequence[MeasuredConfig], plan: TrainingPlan
) -> tuple[Importance, ...]:
    """Return permutation importance on held-out rows, or the learner's where none changes them."""
    if predictor.corrector is None:
        return own_importance(predictor)
    rows = observations(tested, Target.LATENCY, plan.split)
    ranked = permutation_importance(predictor.corrector, rows, predictor.prior, seed=plan.seed)
    if sum(one.share for one in ranked) == 0:
        return own_importance(predictor)
    return ranked
