"""What protocols compare: the learned predictor, the roofline sum that ships, two baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perfpredict.models.baselines import ConstantRoofline, TotalsCache, TotalsTrees
from perfpredict.models.predictor import Predictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.learned_variant import FitLearned, calibrate_learned
from perfpredict.services.protocols_calibrate import Remembering, calibrate_by_rows
from perfpredict.services.protocols_rows import ScoredRow


class Fit(Protocol):
    """Trains from scratch."""

    def __call__(self, rows: Sequence[ScoredRow]) -> Predictor:
        """Return a predictor that has seen `rows` and no others."""


class Calibrate(Protocol):
    """Tells a fitted predictor about a device that it has not seen."""

    def __call__(self, predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
        """Return `predictor` with what `rows` of the user's device say; `predictor` is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to predict, as a protocol runs it."""

    name: str
    fit: Fit
    calibrate: Calibrate


class VariantName(StrEnum):
    """The variants that are built in; the value is the option's."""

    ROOFLINE_CONSTANT = "roofline-constant"
    LIGHTGBM_TOTALS = "lightgbm-totals"
    ROOFLINE_SUM = "roofline-sum"
    LEARNED = "learned"


def built_in(name: VariantName, *, seed: int = 0) -> Variant:
    """Return the variant `name`; baselines keep the totals of profiles from fold to fold."""
    totals = TotalsCache()

    def fit_constant(rows: Sequence[ScoredRow]) -> Predictor:
        cases = [row.case for row in rows]
        return Remembering(ConstantRoofline.fit(cases, _latencies(rows), totals))

    def fit_trees(rows: Sequence[ScoredRow]) -> Predictor:
        cases = [row.case for row in rows]
        return Remembering(TotalsTrees.fit(cases, _latencies(rows), totals, seed=seed))

    if name is VariantName.LEARNED:
        return Variant(name=name.value, fit=FitLearned(), calibrate=calibrate_learned)
    fits: dict[VariantName, Fit] = {
        VariantName.ROOFLINE_CONSTANT: fit_constant,
        VariantName.LIGHTGBM_TOTALS: fit_trees,
        VariantName.ROOFLINE_SUM: _shipped,
    }
    return Variant(name=name.value, fit=fits[name], calibrate=calibrate_by_rows)


def _shipped(rows: Sequence[ScoredRow]) -> Predictor:
    del rows  # its constants ship fitted, to published rows that may be among those scored
    return Remembering(RooflinePredictor())


def _latencies(rows: Sequence[ScoredRow]) -> NDArray[np.float64]:
    return np.array([row.latency_ms for row in rows], dtype=np.float64)
