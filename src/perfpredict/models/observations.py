"""Cases together with what was measured of them: what a predictor learns from and is scored on."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError
from perfpredict.features import FEATURES, feature_frame
from perfpredict.models.calibration import kind_of_work
from perfpredict.models.memory import memory_use
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5


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
class Inputs:
    """What a learner sees of n cases."""

    matrix: Floats
    """(n, features), columns as in FEATURES."""
    prior: Floats
    """(n,) the roofline's answer, in ms or bytes."""


def learner_inputs(cases: Sequence[Case], prior: RooflinePredictor, target: Target) -> Inputs:
    """Return features and the roofline's answer for `cases`."""
    breakdown = prior.breakdown(cases)
    matrix = feature_frame(cases, breakdown).select(FEATURES).to_numpy()
    if target is Target.LATENCY:
        values = breakdown.latency_s * 1e3
    else:
        values = np.array([memory_use(case).total for case in cases], dtype=np.float64)
    return Inputs(matrix=matrix, prior=values)


def balanced_weights(models: Sequence[str], devices: Sequence[str]) -> Floats:
    """Return weights of mean 1 so that no model and no device outvotes the others.

    Each row weighs 1 / sqrt(rows of its model * rows of its device).
    """
    rows_of_model, rows_of_device = Counter(models), Counter(devices)
    sizes = [rows_of_model[m] * rows_of_device[d] for m, d in zip(models, devices, strict=True)]
    weights = 1.0 / np.sqrt(np.array(sizes, dtype=np.float64))
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def fold_numbers(groups: Sequence[str], *, seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each row, whole groups to one fold, the same for the same seed."""
    place = {group: rank for rank, group in enumerate(shuffled_groups(groups, seed=seed))}
    return np.array([place[group] % folds for group in groups], dtype=np.int64)


def shuffled_groups(groups: Sequence[str], *, seed: int) -> list[str]:
    """Return the distinct groups in an order that depends on their names and the seed alone.

    Adding rows later hardly moves a group, so the held-out ones stay held out.
    """
    return sorted(set(groups), key=lambda group: _rank(group, seed))


def situations(case: Case) -> tuple[str, ...]:
    """Return the kinds of situation that `case` is one of, the most particular first."""
    work = kind_of_work(case.workload)
    return (f"{case.device.name}/{work}", f"{case.device.kind}/{work}")


def _rank(group: str, seed: int) -> str:
    return hashlib.blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).hexdigest()
