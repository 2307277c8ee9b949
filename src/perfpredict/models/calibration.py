"""Calibration on a user's own rows: shrunk offsets in log space, per device and kind of work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.domain.workload import Mode, Workload
from perfpredict.models.predictor import Case, CaseEstimate, Predictor

PRIOR_ROWS = 0.5
"""Rows that the prior 'no offset' weighs: the variance within a device over that between them.

Left-out residuals of the roofline sum vary with a log standard deviation of about 0.25 within a
device and 0.35 between devices; (0.25 / 0.35)^2 = 0.5 (scripts/fit_roofline.py prints both).
"""
PRIOR_SPREAD_ROWS = 8.0
"""Rows that the prior spread weighs against the spread seen on the device."""

Key = tuple[str, str]
"""Device name and kind of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What the rows of one device say about the predictor's level there."""

    log_offset: float
    """Added to the log of the predicted latency."""
    rows: int
    spread: float
    """Log standard deviation expected of a further row around the corrected prediction."""


def kind_of_work(workload: Workload) -> str:
    """Return the group of workloads that share an offset: their bottlenecks are alike."""
    if workload.mode is Mode.TRAINING:
        return "training"
    return "forward" if workload.phase is None else "generation"


def fit_offset(log_residuals: Sequence[float], prior_spread: float) -> Offset:
    """Return the shrunk offset of rows with log(measured / predicted) = `log_residuals`.

    The centre is the median from five rows on, so that one odd row cannot move it far.
    """
    residuals = np.asarray(log_residuals, dtype=np.float64)
    rows = len(residuals)
    centre = float(np.median(residuals) if rows >= 5 else residuals.mean())
    log_offset = centre * rows / (rows + PRIOR_ROWS)
    seen_square = float(np.mean((residuals - centre) ** 2))
    square = (PRIOR_SPREAD_ROWS * prior_spread**2 + rows * seen_square) / (PRIOR_SPREAD_ROWS + rows)
    spread = float(np.sqrt(square * (1.0 + 1.0 / (rows + PRIOR_ROWS))))
    return Offset(log_offset=log_offset, rows=rows, spread=spread)


def fit_offsets(
    rows: Iterable[tuple[str, Workload, float]], prior_spread: float
) -> dict[Key, Offset]:
    """Return offsets from (device name, workload, log residual of the uncalibrated predictor)."""
    residuals: dict[Key, list[float]] = {}
    for device, workload, log_residual in rows:
        residuals.setdefault((device, kind_of_work(workload)), []).append(log_residual)
    return {key: fit_offset(values, prior_spread) for key, values in residuals.items()}


class CalibratedPredictor:
    """Another predictor, with the level of each device corrected by its measurements."""

    def __init__(
        self, inner: Predictor, offsets: Mapping[Key, Offset], quantiles: "SpreadQuantiles"
    ) -> None:
        self.inner = inner
        self.offsets = offsets
        self.quantiles = quantiles

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        rows = sum(offset.rows for offset in self.offsets.values())
        return f"{self.inner.version}+{rows}"

    @property
    def basis(self) -> Basis:
        return self.inner.basis

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return the inner predictor's estimates, corrected where the device has rows."""
        estimates = self.inner.predict(cases, level)
        return [
            self._corrected(case, estimate, level)
            for case, estimate in zip(cases, estimates, strict=True)
        ]

    def _corrected(self, case: Case, estimate: CaseEstimate, level: float) -> CaseEstimate:
        offset = self.offsets.get((case.device.name, kind_of_work(case.workload)))
        if offset is None:
            return estimate
        value = estimate.latency_ms.value * float(np.exp(offset.log_offset))
        half_width = offset.spread * self.quantiles.at(level)
        interval = Interval(
            lower=value * float(np.exp(-half_width)),
            upper=value * float(np.exp(half_width)),
            coverage=level,
        )
        return replace(
            estimate,
            latency_ms=Estimate(value=value, interval=interval),
            basis=Basis.LEARNED,
            similar_rows=offset.rows,
            is_extrapolated=False,
        )


class SpreadQuantiles:
    """|residual| / standard deviation at a level, from the predictor's own left-out residuals."""

    def __init__(self, levels: Sequence[float], absolute_residuals: Sequence[float]) -> None:
        spread = absolute_residuals[levels.index(0.7)] / _NORMAL_70
        self._levels = np.array((0.0, *levels))
        self._values = np.array((0.0, *absolute_residuals)) / spread
        self.spread = spread

    def at(self, level: float) -> float:
        """Return how many standard deviations hold a share `level`; grows beyond the last."""
        if level <= self._levels[-1]:
            return float(np.interp(level, self._levels, self._values))
        top = self._levels[-1]
        return float(self._values[-1] * np.log(level / (1 - level)) / np.log(top / (1 - top)))


_NORMAL_70 = 1.036
"""Two-sided 70 % quantile of the normal distribution."""
