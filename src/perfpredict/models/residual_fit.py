"""Fits the learned predictor: learner on all rows, intervals from rows that folds left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import TooFewRowsError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import Calibration, Residuals
from perfpredict.models.learners import Algorithm, Learner, fit_learner
from perfpredict.models.observations import (
    FOLDS,
    Observations,
    Target,
    balanced_weights,
    fold_numbers,
    learner_inputs,
    situations,
)
from perfpredict.models.residual import Corrector, ResidualPredictor
from perfpredict.models.roofline import RooflinePredictor

MIN_DEVICES_TO_LEAVE_OUT = 3
"""Devices needed before residuals of left-out devices say anything."""
MIN_GROUPS = 2
"""Groups needed so that every row can be left out once."""
CANDIDATES = (Algorithm.LIGHTGBM, Algorithm.RIDGE)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A corrector and which algorithm it took."""

    corrector: Corrector
    algorithm: Algorithm
    left_out_residuals: Floats
    """(n,) ln(measured / predicted) of each row, predicted without its group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much one feature matters, by one method."""

    feature: str
    importance: float
    """As the method gives it."""
    share: float
    """Of all features; adds up to 1."""
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a learner is fitted to: n rows."""

    matrix: Floats
    """(n, features)"""
    target: Floats
    """(n,) ln(measured / roofline)"""
    weights: Floats

    def where(self, chosen: NDArray[np.bool_]) -> "Lesson":
        """Return the rows for which `chosen` is true."""
        return Lesson(
            matrix=self.matrix[chosen], target=self.target[chosen], weights=self.weights[chosen]
        )

    def fit(self, algorithm: Algorithm, seed: int) -> Learner:
        """Return a learner fitted to all rows."""
        return fit_learner(algorithm, self.matrix, self.target, self.weights, seed=seed)


def lesson_of(rows: Observations, prior: RooflinePredictor) -> Lesson:
    """Return features, log residuals of the roofline and balanced weights of `rows`."""
    inputs = learner_inputs(rows.cases, prior, rows.target)
    return Lesson(
        matrix=inputs.matrix,
        target=np.log(rows.measured / inputs.prior),
        weights=balanced_weights(rows.models, rows.devices),
    )


def fit_residual(
    observations: Sequence[Observations],
    *,
    algorithm: Algorithm = Algorithm.AUTO,
    seed: int = 0,
    name: str = "residual",
) -> ResidualPredictor:
    """Return a predictor that corrects each target in `observations`."""
    prior = RooflinePredictor()
    correctors: Mapping[Target, Corrector] = {
        rows.target: fit_corrector(rows, prior, algorithm=algorithm, seed=seed).corrector
        for rows in observations
    }
    return ResidualPredictor(constants=prior.constants, correctors=correctors, name=name)


def fit_corrector(
    rows: Observations, prior: RooflinePredictor, *, algorithm: Algorithm, seed: int
) -> Fitted:
    """Return a corrector learned from `rows`, with intervals from left-out groups.

    With `auto` the algorithm is the one whose left-out residuals are smaller.
    """
    if len(set(rows.groups)) < MIN_GROUPS:
        raise TooFewRowsError(
            f"all {len(rows)} rows are of one group: none can be left out to check against",
            hint="measure another model, or split by configuration: --split config",
        )
    lesson = lesson_of(rows, prior)
    candidates = CANDIDATES if algorithm is Algorithm.AUTO else (algorithm,)
    chosen, residuals = _best_algorithm(candidates, lesson, rows.groups, seed)
    corrector = Corrector(
        learner=lesson.fit(chosen, seed),
        calibration=Calibration.of(
            residuals, rows.groups, [situations(case) for case in rows.cases]
        ),
        new_device=_new_device_residuals(chosen, lesson, rows.devices, seed),
        rows_by_device=Counter(rows.devices),
        rows_by_model=Counter(rows.models),
        batch_sizes=_range([case.workload.batch_size for case in rows.cases]),
    )
    return Fitted(corrector=corrector, algorithm=chosen, left_out_residuals=residuals)


def gain_importance(corrector: Corrector) -> tuple[Importance, ...]:
    """Return what the learner itself says of its features, most important first."""
    shares = corrector.learner.importance()
    is_trees = corrector.learner.algorithm is Algorithm.LIGHTGBM
    return _ranked(shares, "gain" if is_trees else "coefficient")


def permutation_importance(
    corrector: Corrector, rows: Observations, prior: RooflinePredictor, *, seed: int
) -> tuple[Importance, ...]:
    """Return by how much mean |ln(measured / predicted)| on `rows` grows without each feature.

    `rows` must be held out. Only features that the learner uses are shuffled; three times each.
    """
    lesson = lesson_of(rows, prior)
    learner = corrector.learner
    generator = np.random.default_rng(seed)
    base = float(np.abs(lesson.target - learner.predict(lesson.matrix)).mean())
    losses = np.zeros(len(FEATURES))
    for column in np.flatnonzero(learner.importance() > 0):
        for _ in range(3):
            shuffled = lesson.matrix.copy()
            shuffled[:, column] = generator.permutation(shuffled[:, column])
            error = float(np.abs(lesson.target - learner.predict(shuffled)).mean())
            losses[column] += max(error - base, 0.0) / 3
    return _ranked(losses, "permutation")


def left_out_residuals(
    algorithm: Algorithm, lesson: Lesson, folds: NDArray[np.int64], seed: int
) -> Floats:
    """Return each row's residual under a learner that was fitted without the row's fold."""
    residuals = np.empty_like(lesson.target)
    for fold in np.unique(folds):
        is_out = folds == fold
        learner = lesson.where(~is_out).fit(algorithm, seed)
        residuals[is_out] = lesson.target[is_out] - learner.predict(lesson.matrix[is_out])
    return residuals


def _best_algorithm(
    candidates: Sequence[Algorithm], lesson: Lesson, groups: Sequence[str], seed: int
) -> tuple[Algorithm, Floats]:
    folds = fold_numbers(groups, seed=seed, folds=min(FOLDS, len(set(groups))))
    scored = []
    for algorithm in candidates:
        residuals = left_out_residuals(algorithm, lesson, folds, seed)
        error = float(np.average(np.abs(residuals), weights=lesson.weights))
        scored.append((error, algorithm, residuals))
    _, chosen, residuals = min(scored, key=lambda entry: entry[0])
    return chosen, residuals


def _new_device_residuals(
    algorithm: Algorithm, lesson: Lesson, devices: Sequence[str], seed: int
) -> Residuals | None:
    count = len(set(devices))
    if count < MIN_DEVICES_TO_LEAVE_OUT:
        return None
    folds = fold_numbers(devices, seed=seed, folds=min(count, FOLDS))
    return Residuals.of(left_out_residuals(algorithm, lesson, folds, seed), devices)


def _ranked(values: Floats, method: str) -> tuple[Importance, ...]:
    total = float(values.sum())
    order = sorted(range(len(values)), key=lambda column: (-values[column], column))
    return tuple(
        Importance(
            feature=FEATURES[column],
            importance=float(values[column]),
            share=float(values[column]) / total if total > 0 else 0.0,
            method=method,
        )
        for column in order
    )


def _range(values: Sequence[int]) -> tuple[int, int]:
    return min(values), max(values)
