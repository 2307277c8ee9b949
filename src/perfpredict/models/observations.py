"""Cases together with what was measured of them: what a predictor learns from and is scored on."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perfpredict import features
from perfpredict.domain.identity import Same
from perfpredict.errors import InvalidInputError
from perfpredict.models.efficiency import Constants
from perfpredict.models.op_arrays import pack
from perfpredict.models.op_kind_features import kind_features
from perfpredict.models.op_shapes import shape_features
from perfpredict.models.predictor import Case
from perfpredict.models.roofline_sum import Breakdown, roofline_sum
from perfpredict.models.work_kinds import execution_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
REMEMBERED_CASES = 4096
"""Most cases whose features are kept between two calls."""


class Target(StrEnum):
    """What is corrected; throughput follows from latency."""

    LATENCY = "latency"
    """In ms per batch."""
    MEMORY = "memory"
    """In bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """n cases, what was measured of each, and which rows are siblings."""

    target: Target
    cases: tuple[Case, ...]
    measured: Floats
    """(n,) in ms or bytes, above 0."""
    groups: tuple[str, ...]
    """Rows of one group are never split between fitting and scoring."""

    def __post_init__(self) -> None:
        if not len(self.cases) == len(self.measured) == len(self.groups):
            raise InvalidInputError("cases, measured values and groups must be equally many")
        if not (np.isfinite(self.measured).all() and (self.measured > 0).all()):
            raise InvalidInputError(f"measured {self.target} must be above 0 and finite")

    def __len__(self) -> int:
        return len(self.cases)

    def where(self, chosen: Bools) -> "Observations":
        """Return the rows for which `chosen` is true."""
        rows = np.flatnonzero(chosen)
        return Observations(
            target=self.target,
            cases=tuple(self.cases[row] for row in rows),
            measured=self.measured[rows],
            groups=tuple(self.groups[row] for row in rows),
        )

    @property
    def models(self) -> list[str]:
        return [case.workload.model for case in self.cases]

    @property
    def devices(self) -> list[str]:
        return [case.device.name for case in self.cases]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Features of m cases and the roofline sum that they are shares of."""

    matrix: Floats
    """(m, features), columns as in FEATURES."""
    breakdown: Breakdown


def describe(
    cases: Sequence[Case], constants: Constants, breakdown: Breakdown | None = None
) -> Described:
    """Return the features of `cases` under the roofline sum with `constants`.

    `breakdown` is that sum where it is known already. What was described last is remembered, since
    a calibrated predictor asks for it once more than the one that it corrects.
    """
    if len(cases) > REMEMBERED_CASES:
        return _described(cases, constants, breakdown)
    return _remembered(tuple(Same(case) for case in cases), Same(constants), Same(breakdown))


@lru_cache(maxsize=2)
def _remembered(
    cases: tuple[Same[Case], ...],
    constants: Same[Constants],
    breakdown: Same[Breakdown | None],
) -> Described:
    return _described([case.value for case in cases], constants.value, breakdown.value)


def _described(
    cases: Sequence[Case], constants: Constants, breakdown: Breakdown | None
) -> Described:
    arrays = pack(cases)
    known = breakdown or roofline_sum(cases, arrays, constants)
    shapes, kinds = shape_features(arrays, known.op_s), kind_features(arrays, known.op_s)
    return Described(matrix=features.feature_matrix(cases, known, shapes, kinds), breakdown=known)


def balanced_weights(models: Sequence[str], devices: Sequence[str]) -> Floats:
    """Return weights of mean 1 so that no model and no device outvotes the others.

    Each row weighs (rows of its model * rows of its device) ** -0.25: with square roots, unseen
    image models on GPUs were off by 3.4 % in the median, without weights by 2.7 %, so by 2.8 %,
    and rarer sources gain most from it (docs/accuracy.md).
    """
    rows_of_model, rows_of_device = Counter(models), Counter(devices)
    sizes = [rows_of_model[m] * rows_of_device[d] for m, d in zip(models, devices, strict=True)]
    weights = np.array(sizes, dtype=np.float64) ** -0.25
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def fold_numbers(groups: Sequence[str], *, seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each row, whole groups to one fold, the same for the same seed."""
    place = {group: rank for rank, group in enumerate(shuffled_groups(groups, seed=seed))}
    return np.array([place[group] % folds for group in groups], dtype=np.int64)


def balanced_folds(groups: Sequence[str], folds: int) -> NDArray[np.int64]:
    """Return the fold of each row: groups stay whole, and folds have about as many rows.

    The largest groups go to different folds, so that one that is left out has others like it to
    learn from.
    """
    sizes = Counter(groups)
    loads, fold_of = [0] * folds, {}
    for group, size in sorted(sizes.items(), key=lambda one: (-one[1], one[0])):
        fold_of[group] = loads.index(min(loads))
        loads[fold_of[group]] += size
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def shuffled_groups(groups: Sequence[str], *, seed: int) -> list[str]:
    """Return the distinct groups in an order that depends on their names and the seed alone.

    Adding rows later hardly moves a group, so the held-out ones stay held out.
    """
    return sorted(set(groups), key=lambda group: _rank(group, seed))


def situations(case: Case) -> tuple[str, ...]:
    """Return the kinds of situation that `case` is one of, the most particular first."""
    device, execution = case.device, execution_of(case.workload)
    return (
        f"{device.name}/{execution}",
        f"{device.kind}/{execution}",
        f"{device.kind}",
    )


def _rank(group: str, seed: int) -> str:
    return hashlib.blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).hexdigest()
