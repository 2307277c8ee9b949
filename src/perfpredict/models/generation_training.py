"""Makes a predictor of generation from rows: factors, trees, and intervals from left-out rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.generation_answer import answer_by
from perfpredict.models.generation_factors import (
    Factors,
    Level,
    cell_of,
    groups_of,
)
from perfpredict.models.generation_fit import Manner, fit_factors
from perfpredict.models.generation_intervals import LIKE_VENDORS, LeftOut, Widths
from perfpredict.models.generation_parts import EAGER, SERVED, Part, Seen, manner_of
from perfpredict.models.generation_sum import add_up
from perfpredict.models.generation_terms import Term, terms_of
from perfpredict.models.generation_trees import MIN_ROWS, Trees, TreeSize, tree_features
from perfpredict.models.observations import balanced_folds
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MANNERS = {
    EAGER: Manner(
        host_overlap=2.2,
        scales={
            Level.FRAMEWORK: 0.8, Level.VENDOR: 0.4, Level.DEVICE: 0.25, Level.PRECISION: 0.8,
        },
        widths={Term.STEP_UNSHARED_CACHE: 0.5, Term.STEP_CACHE: 0.5},
        means={Term.STEP_UNPACKING: -2.65, Term.REQUEST: -3.0},
    ),
    SERVED: Manner(
        host_overlap=1.5,
        scales={
            Level.FRAMEWORK: 1.2, Level.VENDOR: 0.5, Level.DEVICE: 0.15, Level.PRECISION: 0.8,
        },
        widths={},
        means={},
    ),
}  # fmt: skip
"""Chosen on left-out models and devices, docs/generation.md. Eager frameworks launch ahead of the
device, so the two overlap more; bitsandbytes and GPTQ change their kernels altogether."""
TREE_SIZES = {
    EAGER: TreeSize(trees=150, leaves=6, rows_a_leaf=60, learning_rate=0.03),
    SERVED: TreeSize(trees=500, leaves=12, rows_a_leaf=6, learning_rate=0.05),
}
MODEL_FOLDS, DEVICE_FOLDS = 4, 5
"""How often models and devices are left out for the intervals."""
MIN_DEVICE_ROWS = 20
"""Rows from which a device is left out once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows as every fit of them takes them; subsets keep what was computed."""

    cases: tuple[Case, ...]
    seconds: Floats
    log_latency: Floats
    """ln seconds."""
    models: tuple[str, ...]
    sources: tuple[str, ...]

    def at(self, places: Ints) -> "_Rows":
        return _Rows(
            cases=tuple(self.cases[place] for place in places),
            seconds=self.seconds[places],
            log_latency=self.log_latency[places],
            models=tuple(self.models[place] for place in places),
            sources=tuple(self.sources[place] for place in places),
        )


def fit_generation(
    cases: Sequence[Case],
    latencies_ms: Sequence[float] | Floats,
    models: Sequence[str],
    sources: Sequence[str],
    *,
    seed: int = 0,
    leaves_out: bool = True,
    roofline: RooflinePredictor | None = None,
    name: str = "generation",
) -> GenerationPredictor:
    """Return the predictor fitted to rows of generation.

    `models` name siblings, which are left out together; rows of one source, device, framework and
    model weigh less the more they are. Without `leaves_out` it is made in a fifth of the time, and
    its intervals are those of the fitted rows: too narrow to be shown.
    """
    rows = _checked(cases, latencies_ms, models, sources)
    base = RooflinePredictor() if roofline is None else roofline
    parts = _parts(rows, seed)
    left_out = _left_out(rows, parts, seed) if leaves_out else _fitted(rows, parts)
    return GenerationPredictor(
        roofline=base,
        parts=parts,
        widths=Widths.of(left_out),
        seen=Seen.of(rows.cases, rows.models),
        name=name,
    )


def row_weights(cases: Sequence[Case], models: Sequence[str], sources: Sequence[str]) -> Floats:
    """Return the weight of each row, 1 on average: a series of n weighs as sqrt(n) rows."""
    series = [
        (source, cell_of(case), model)
        for case, model, source in zip(cases, models, sources, strict=True)
    ]
    counts = Counter(series)
    weights = np.array([counts[one] ** -0.5 for one in series])
    return np.asarray(weights / weights.mean())


def device_folds(cases: Sequence[Case]) -> Ints:
    """Return a fold for each row, -1 for devices with few rows; siblings are in different folds."""
    rows_by_device = Counter(case.device.name for case in cases)
    is_like = {case.device.name: case.device.vendor in LIKE_VENDORS for case in cases}
    fold_of: dict[str, int] = {}
    for like in (True, False):
        own = [d for d, n in rows_by_device.items() if n >= MIN_DEVICE_ROWS and is_like[d] == like]
        for place, device in enumerate(sorted(own, key=lambda one: (-rows_by_device[one], one))):
            fold_of[device] = place % DEVICE_FOLDS
    return np.array([fold_of.get(case.device.name, -1) for case in cases])


def _checked(
    cases: Sequence[Case], latencies_ms: Sequence[float] | Floats, models: Sequence[str],
    sources: Sequence[str],
) -> _Rows:  # fmt: skip
    measured = np.asarray(latencies_ms, dtype=np.float64)
    if not len(cases) == len(measured) == len(models) == len(sources):
        raise InvalidInputError("cases, latencies, models and sources differ in length")
    if len(cases) == 0:
        raise TooFewRowsError("no rows of generation to fit")
    if not (np.isfinite(measured) & (measured > 0)).all():
        raise InvalidInputError("latencies must be finite and above 0")
    if any(case.workload.phase is None for case in cases):
        raise InvalidInputError("a row without a phase is no generation")
    return _Rows(
        cases=tuple(cases),
        seconds=terms_of(cases),
        log_latency=np.log(measured / 1e3),
        models=tuple(models),
        sources=tuple(sources),
    )


def _parts(rows: _Rows, seed: int) -> dict[str, Part]:
    manners = np.array([manner_of(case) for case in rows.cases], dtype=str)
    return {
        manner: _part(rows.at(np.flatnonzero(manners == manner)), manner, seed)
        for manner in (EAGER, SERVED)
    }


def _part(rows: _Rows, manner: str, seed: int) -> Part:
    if not rows.cases:
        return Part(factors=Factors.by_physics(MANNERS[manner].mean, MANNERS[manner].host_overlap))
    groups = groups_of(rows.cases)
    weights = row_weights(rows.cases, rows.models, rows.sources)
    factors = fit_factors(rows.seconds, rows.log_latency, groups, weights, MANNERS[manner])
    if len(rows.cases) < MIN_ROWS:
        return Part(factors=factors)
    overlap = np.full(len(rows.cases), factors.host_overlap)
    timing = add_up(rows.seconds, factors.log_factors(groups), overlap)
    features = tree_features(rows.cases, rows.seconds, timing.factor_shares)
    residuals = rows.log_latency - np.log(timing.latency_s)
    trees = Trees.fit(features, residuals, weights, TREE_SIZES[manner], seed)
    return Part(factors=factors, trees=trees)


def _left_out(rows: _Rows, parts: Mapping[str, Part], seed: int) -> LeftOut:
    if len(set(rows.models)) == 1:
        return _fitted(rows, parts)
    return LeftOut(
        cases=rows.cases,
        models=rows.models,
        by_model=_residuals(rows, balanced_folds(rows.models, MODEL_FOLDS), seed),
        by_device=_residuals(rows, device_folds(rows.cases), seed),
    )


def _fitted(rows: _Rows, parts: Mapping[str, Part]) -> LeftOut:
    predicted = answer_by(parts, rows.cases, rows.seconds).log_latency_s
    return LeftOut(
        cases=rows.cases,
        models=rows.models,
        by_model=rows.log_latency - predicted,
        by_device=np.full(len(rows.cases), np.nan),
    )


def _residuals(rows: _Rows, folds: Ints, seed: int) -> Floats:
    """Return the log residual of each row from a fit without its fold; NaN for fold -1."""
    residuals = np.full(len(folds), np.nan)
    for fold in sorted(set(folds.tolist()) - {-1}):
        held, others = rows.at(np.flatnonzero(folds == fold)), np.flatnonzero(folds != fold)
        if len(others):
            answer = answer_by(_parts(rows.at(others), seed), held.cases, held.seconds)
            residuals[folds == fold] = held.log_latency - answer.log_latency_s
    return residuals
