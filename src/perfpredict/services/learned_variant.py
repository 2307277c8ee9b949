"""The learned predictor as the protocols take it: fitted from scratch, calibrated on few rows."""

from collections.abc import Sequence

import numpy as np

from perfpredict.models.generation_training import fit_generation
from perfpredict.models.learners import Algorithm
from perfpredict.models.observations import Observations, Target
from perfpredict.models.predictor import Predictor
from perfpredict.models.reference import ReferencePredictor
from perfpredict.models.residual import Prior
from perfpredict.models.residual_fit import MIN_GROUPS, fit_residual
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.work_kinds import FORWARD, GENERATION, kind_of_work
from perfpredict.services.protocols_calibrate import Remembering, calibrate_by_rows
from perfpredict.services.protocols_rows import ScoredRow

NAME = "learned"
INTERVAL_FOLDS = 3
"""Folds for the intervals, by model and by device; five and ten when the shipped one is trained."""


class FitLearned:
    """Fits one learner a kind of work; a kind whose rows are those of a fit before is reused."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, frozenset[int]], Prior] = {}
        self._roofline = RooflinePredictor()
        # rows are known by their id, so they are kept as long as what was learned from them
        self._rows: list[Sequence[ScoredRow]] = []

    def __call__(self, rows: Sequence[ScoredRow]) -> Predictor:
        """Return the learned predictor, trained on those of `rows` that can teach."""
        self._rows.append(rows)
        by_kind: dict[str, list[ScoredRow]] = {}
        for row in filter(can_teach, rows):
            by_kind.setdefault(kind_of_work(row.case.workload), []).append(row)
        parts = {
            kind: self._part(kind, own)
            for kind, own in by_kind.items()
            if len({row.model for row in own}) >= MIN_GROUPS
        }
        return Remembering(ReferencePredictor(self._roofline, parts))

    def _part(self, kind: str, rows: Sequence[ScoredRow]) -> Prior:
        key = (kind, frozenset(id(row) for row in rows))
        if key not in self._parts:
            self._parts[key] = fit_part(kind, rows, INTERVAL_FOLDS)
        return self._parts[key]


def can_teach(row: ScoredRow) -> bool:
    """Return whether something can be learned from a row.

    A batch that was assumed is one where throughput is flat, which a forward pass is from some
    batch on. Generation and training depend on theirs too much. With such rows, others of devices
    that were left out are met better too (docs/design.md).
    """
    return not row.is_batch_assumed or kind_of_work(row.case.workload) == FORWARD


def fit_part(kind: str, rows: Sequence[ScoredRow], interval_folds: int | None = None) -> Prior:
    """Return what is learned of one kind of work; fewer folds are faster and a little wider."""
    if kind == GENERATION:
        return fit_generation(
            [row.case for row in rows],
            [row.latency_ms for row in rows],
            [row.model for row in rows],
            [row.source for row in rows],
            name=NAME,
        )
    return fit_residual(
        [observations_of(rows)],
        algorithm=Algorithm.LIGHTGBM,
        name=NAME,
        interval_folds=interval_folds,
    )


def calibrate_learned(predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
    """Return `predictor` corrected by `rows` of a device, as a user's own rows would do it."""
    return calibrate_by_rows(predictor, rows)


def observations_of(rows: Sequence[ScoredRow]) -> Observations:
    """Return the latencies of `rows`; rows of one model are siblings."""
    return Observations(
        target=Target.LATENCY,
        cases=tuple(row.case for row in rows),
        measured=np.array([row.latency_ms for row in rows], dtype=np.float64),
        groups=tuple(row.model for row in rows),
    )
