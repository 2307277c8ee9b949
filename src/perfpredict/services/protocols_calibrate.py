"""Calibration that any predictor can have, from few rows of a device.

Few-shot asks for the same rows of a device again and again, each time with another level;
`Remembering` has the uncalibrated predictor answer them once.
"""

from collections.abc import Sequence

from perfpredict.domain.prediction import Basis
from perfpredict.models.calibration import MeasuredCase, calibrate
from perfpredict.models.predictor import Case, CaseEstimate, Predictor
from perfpredict.models.reference import ReferencePredictor
from perfpredict.services.protocols_rows import ScoredRow


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


def calibrate_by_rows(predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
    """Return `predictor` corrected by rows of a device, as a user's stored rows would do it."""
    measured = [MeasuredCase(case=row.case, latency_ms=row.latency_ms) for row in rows]
    if isinstance(predictor, Remembering) and isinstance(predictor.inner, ReferencePredictor):
        return predictor.inner.calibrated(measured)
    return calibrate(predictor, measured)
