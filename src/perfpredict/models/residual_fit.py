"""Fits the learned predictor: learner on all rows, intervals from rows that folds left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import TooFewRowsError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import Calibration, Residuals
from perfpredict.models.corrector import Corrector
from perfpredict.models.experience import Experience, architecture_of
from perfpredict.models.learners import Algorithm, Learner, fit_learner
from perfpredict.models.memory_fit import fit_memory
from perfpredict.models.memory_parts import PARTS
from perfpredict.models.new_device import NewDevice
from perfpredict.models.observations import (
    FOLDS,
    Observations,
    Target,
    balanced_folds,
    balanced_weights,
    describe,
    fold_numbers,
    situations,
)
from perfpredict.models.residual import Prior, ResidualPredictor
from perfpredict.models.roofline import RooflinePredictor

DEVICE_FOLDS = 10
"""Most folds by device; with fewer devices each is left out alone."""
MIN_ARCHITECTURES = 10
"""Architectures needed before leaving some out says how far off a new one is."""
MIN_GROUPS = 2
"""Groups needed so that every row can be left out once."""
CANDIDATES = (Algorithm.LIGHTGBM, Algorithm.RIDGE)

Floats = NDArray[np.float64]


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


def lesson_of(rows: Observations, prior: Prior) -> Lesson:
    """Return features, log residuals of the prior and balanced weights of latency `rows`."""
    described = describe(rows.cases, prior.constants)
    before_ms = prior.latencies_ms(rows.cases, described.breakdown)
    return Lesson(
        matrix=described.matrix,
        target=np.log(rows.measured / before_ms),
        weights=balanced_weights(rows.models, rows.devices),
    )


def fit_residual(
    observations: Sequence[Observations],
    *,
    prior: Prior | None = None,
    algorithm: Algorithm = Algorithm.AUTO,
    seed: int = 0,
    name: str = "residual",
    interval_folds: int | None = None,
) -> ResidualPredictor:
    """Return a predictor that corrects `prior`, else the roofline, in each observed quantity.

    `interval_folds` is how often rows are left out for the intervals, by group and by device: fewer
    are faster and a little wider; None is FOLDS and DEVICE_FOLDS.
    """
    base = prior or RooflinePredictor()
    by_target = {rows.target: rows for rows in observations}
    latency, memory = by_target.get(Target.LATENCY), by_target.get(Target.MEMORY)
    return ResidualPredictor(
        prior=base,
        corrector=(
            fit_corrector(
                latency, base, algorithm=algorithm, seed=seed, interval_folds=interval_folds
            )
            if latency
            else None
        ),
        memory=(
            fit_memory(memory.cases, memory.measured, memory.groups, seed=seed) if memory else None
        ),
        name=name,
    )


def fit_corrector(
    rows: Observations,
    prior: Prior,
    *,
    algorithm: Algorithm,
    seed: int,
    interval_folds: int | None = None,
) -> Corrector:
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
    folds = fold_numbers(
        rows.groups, seed=seed, folds=min(interval_folds or FOLDS, len(set(rows.groups)))
    )
    chosen, residuals = _best_algorithm(candidates, lesson, folds, seed)
    return Corrector(
        learner=lesson.fit(chosen, seed),
        calibration=Calibration.of(
            residuals, rows.groups, [situations(case) for case in rows.cases]
        ),
        new_device=_new_device(chosen, lesson, rows, seed, interval_folds or DEVICE_FOLDS),
        new_architecture=_new_architecture(chosen, lesson, rows, seed, interval_folds or FOLDS),
        experience=Experience.of(rows.cases),
        newest_release=_newest_release(rows, lesson.matrix),
    )


def own_importance(predictor: ResidualPredictor) -> tuple[Importance, ...]:
    """Return what the learner itself says of its features, most important first.

    Where only memory was learned, the parts of its formula stand for features.
    """
    if predictor.corrector is None:
        memory = predictor.memory
        assert memory is not None
        names = [part.name for part in PARTS]
        return _ranked(np.array(memory.coefficients), "coefficient", names)
    learner = predictor.corrector.learner
    is_trees = learner.algorithm is Algorithm.LIGHTGBM
    return _ranked(learner.importance(), "gain" if is_trees else "coefficient", FEATURES)


def permutation_importance(
    corrector: Corrector, rows: Observations, prior: Prior, *, seed: int
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
    return _ranked(losses, "permutation", FEATURES)


def left_out_residuals(
    algorithm: Algorithm, lesson: Lesson, folds: NDArray[np.int64], seed: int
) -> Floats:
    """Return each row's residual under a learner that was fitted without the row's fold.

    Rows of a negative fold are never left out; their residual is nan.
    """
    residuals = np.full_like(lesson.target, np.nan)
    for fold in np.unique(folds[folds >= 0]):
        is_out = folds == fold
        learner = lesson.where(~is_out).fit(algorithm, seed)
        residuals[is_out] = lesson.target[is_out] - learner.predict(lesson.matrix[is_out])
    return residuals


def _best_algorithm(
    candidates: Sequence[Algorithm], lesson: Lesson, folds: NDArray[np.int64], seed: int
) -> tuple[Algorithm, Floats]:
    scored = []
    for algorithm in candidates:
        residuals = left_out_residuals(algorithm, lesson, folds, seed)
        error = float(np.average(np.abs(residuals), weights=lesson.weights))
        scored.append((error, algorithm, residuals))
    _, chosen, residuals = min(scored, key=lambda entry: entry[0])
    return chosen, residuals


def _new_device(
    algorithm: Algorithm, lesson: Lesson, rows: Observations, seed: int, most_folds: int
) -> NewDevice:
    """Return what leaving devices out says; a device may only be left out if its kind stays."""
    kinds = {case.device.name: case.device.kind.value for case in rows.cases}
    per_kind = Counter(kinds.values())
    devices = [device for device in rows.devices]
    chosen = np.array([per_kind[kinds[device]] > 1 for device in devices])
    names = [device for device, is_chosen in zip(devices, chosen, strict=True) if is_chosen]
    if not names:
        return NewDevice()
    count = len(set(names))
    folds = np.full(len(devices), -1, dtype=np.int64)
    folds[chosen] = balanced_folds(names, min(count, most_folds))
    residuals = left_out_residuals(algorithm, lesson, folds, seed)
    left_out = [case for case, is_chosen in zip(rows.cases, chosen, strict=True) if is_chosen]
    return NewDevice.of(residuals[chosen], left_out)


def _new_architecture(
    algorithm: Algorithm, lesson: Lesson, rows: Observations, seed: int, most_folds: int
) -> Residuals | None:
    """Return residuals of left-out architectures, None where there are too few of them."""
    names = [architecture_of(case) for case in rows.cases]
    count = len(set(names))
    if count < MIN_ARCHITECTURES:
        return None
    folds = fold_numbers(names, seed=seed, folds=min(count, most_folds))
    return Residuals.of(left_out_residuals(algorithm, lesson, folds, seed), names).thinned()


def _newest_release(rows: Observations, matrix: Floats) -> dict[str, float]:
    newest: dict[str, float] = {}
    releases = matrix[:, FEATURES.index("framework_released")]
    for case, release in zip(rows.cases, releases, strict=True):
        if np.isfinite(release):
            name = case.workload.framework_name
            newest[name] = max(newest.get(name, -np.inf), float(release))
    return newest


def _ranked(values: Floats, method: str, names: Sequence[str]) -> tuple[Importance, ...]:
    total = float(values.sum())
    order = sorted(range(len(values)), key=lambda column: (-values[column], column))
    return tuple(
        Importance(
            feature=names[column],
            importance=float(values[column]),
            share=float(values[column]) / total if total > 0 else 0.0,
            method=method,
        )
        for column in order
    )
