"""Calibration that any predictor can have: the level of a device, shrunk, from its own rows.

Few-shot asks for the same rows of a device again and again, each time with another level;
`Remembering` has the uncalibrated predictor answer them once.
"""

from collections.abc import Sequence

import numpy as np

from perfpredict.domain.prediction import Basis
from perfpredict.models.calibration import CalibratedPredictor, SpreadQuantiles, fit_offsets
from perfpredict.models.efficiency import RESIDUAL_LEVELS, load_constants
from perfpredict.models.predictor import Case, CaseEstimate, Predictor
from perfpredict.services.protocols_rows import ScoredRow

_LEVEL = 0.9
"""Of intervals that are thrown away here."""


class Remembering:
    """Another predictor, asked once for each case and level."""

    def __init__(self, inner: Predictor) -> None:
        self.inner = inner
        # the case is kept, so that its id stays its own
        self._known: dict[tuple[int, float], tuple[Case, CaseEstimate]] = {}

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        return self.inner.version

    @property
    def basis(self) -> Basis:
        return self.inner.basis

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return what the inner predictor answers, or has answered before."""
        new = {id(case): case for case in cases if (id(case), level) not in self._known}
        answers = self.inner.predict(list(new.values()), level)
        for case, answer in zip(new.values(), answers, strict=True):
            self._known[id(case), level] = (case, answer)
        return [self._known[id(case), level][1] for case in cases]


def calibrate_by_offset(predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
    """Return `predictor` with the level of the rows' devices corrected, as stored rows would."""
    estimates = predictor.predict([row.case for row in rows], _LEVEL)
    residuals = [
        (row.device, row.case.workload, float(np.log(row.latency_ms / one.latency_ms.value)))
        for row, one in zip(rows, estimates, strict=True)
    ]
    pooled = load_constants().residual_quantiles["within_device"]
    quantiles = SpreadQuantiles(RESIDUAL_LEVELS, pooled)
    return CalibratedPredictor(predictor, fit_offsets(residuals, quantiles.spread), quantiles)
