"""Calibration of generation on a device's own rows: its level and its terms, most probable values.

Not a correction of the answer but of the factors in it: a device whose rows are slow where weights
are read is slow for every model that reads many. What its rows do not show stays as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.models.conformal import LogFactors
from perfpredict.models.generation_answer import Answer
from perfpredict.models.generation_factors import WIDTHS
from perfpredict.models.generation_sum import FACTORS, Timing, add_up

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freedom:
    """Log standard deviations of what a device may differ by, and of its rows."""

    level: float
    framework_level: float
    """Of one framework on it, beyond the device's."""
    factors: float
    """Of each factor, over the width that its groups have in training."""
    framework_factors: float
    noise: float
    """Of a row, when there are many."""
    shared_rows: float
    """Rows of one session err together: n rows count as n / (1 + shared_rows / n)."""
    huber: float
    """Noises from which the loss of a row grows linearly."""
    width: float
    """Standard deviations that hold 90 % of a device's other rows; measured on left-out devices."""


FAMILIAR = Freedom(
    level=0.1, framework_level=0.1, factors=0.35, framework_factors=0.3, noise=0.1,
    shared_rows=20.0, huber=0.6, width=1.9,
)  # fmt: skip
"""A device of a vendor whose others were in training, under frameworks that were."""
PLAUSIBLE = Freedom(
    level=0.3, framework_level=0.2, factors=0.45, framework_factors=0.4, noise=0.1,
    shared_rows=20.0, huber=0.8, width=3.0,
)  # fmt: skip
"""The same under an eager framework that was not in training: it only launches what is known. Three
rows of an A10G or A100 under `transformers` leave 14 to 16 % median error, where one that may
differ by anything is misled by them to 20 to 21 %."""
UNFAMILIAR = Freedom(
    level=0.8, framework_level=0.4, factors=0.6, framework_factors=0.6, noise=0.05,
    shared_rows=6.0, huber=2.0, width=4.5,
)  # fmt: skip
"""Any other device. All were chosen on left-out devices with 1, 3 and 10 of their rows
(docs/generation.md). The rows of such a device often contradict each other: a deviation that is
estimated from some says little of the rest, hence the width."""

NOISE = 0.1
"""Log standard deviation of a row around its device's curve, in intervals."""
NOISE_ROWS = 8.0
"""Rows that NOISE weighs against what is seen on the device."""
MAX_ROWS = 400
"""Newest rows of a device that are used."""
_MAX_ITERATIONS = 60
_COUNT = len(FACTORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a calibrated device answers of n cases."""

    log_latency_s: Floats
    variance: Floats
    """(n,) of the log latency of a row to come."""
    timing: Timing


class DeviceCalibration:
    """The posterior of what one device differs by."""

    def __init__(
        self,
        answer: Answer,
        frameworks: Sequence[str],
        log_latency_s: Floats,
        freedom: Freedom,
        widths: Floats,
    ) -> None:
        """Fit to n rows; `widths` (n,) are log half-widths of 90 % where learned rows gave them,
        not a number elsewhere.
        """
        self.rows = len(log_latency_s)
        self._frameworks = {name: place for place, name in enumerate(sorted(set(frameworks)))}
        self._freedom = freedom
        self._precision = self._priors() ** -2.0
        self._noise = freedom.noise * np.sqrt(1.0 + freedom.shared_rows / self.rows)
        self._differences: Floats = np.zeros(len(self._precision))
        self._covariance: Floats = np.diag(1.0 / self._precision)
        residuals = self._fit(answer, self._places(frameworks), log_latency_s)
        self._widening = _widening(residuals, widths)

    def answer(self, before: Answer, frameworks: Sequence[str]) -> Calibrated:
        """Return what cases take on this device, given what was predicted before."""
        places = self._places(frameworks)
        predicted, timing = self._predict(before, places, self._differences)
        slopes = self._slopes(timing, places)
        variance = np.einsum("ij,jk,ik->i", slopes, self._covariance, slopes)
        new = timing.factor_shares**2 @ (self._freedom.framework_factors * WIDTHS) ** 2
        unseen = np.where(places < 0, self._freedom.framework_level**2 + new, 0.0)
        return Calibrated(
            log_latency_s=predicted, variance=variance + unseen + self.noise_square, timing=timing
        )

    def factors(self, before: LogFactors, variance: float, *, is_learned: bool) -> LogFactors:
        """Return the log factors of the 90 % interval.

        Where many rows of framework and device were learned from, few more say nothing of how far
        a new model may be off: those `before` stay, or grow where the rows scatter more. Elsewhere
        they are made from `variance`, and no wider than before.
        """
        if is_learned:
            return LogFactors(
                lower=before.lower * self._widening, upper=before.upper * self._widening
            )
        width = self._freedom.width * float(np.sqrt(variance))
        return LogFactors(lower=max(before.lower, -width), upper=min(before.upper, width))

    def _priors(self) -> Floats:
        """Return standard deviations: level, by framework, factors, by framework."""
        own, count = self._freedom, len(self._frameworks)
        return np.concatenate([
            [own.level],
            np.full(count, own.framework_level),
            own.factors * WIDTHS,
            np.tile(own.framework_factors * WIDTHS, count),
        ])  # fmt: skip

    def _places(self, frameworks: Sequence[str]) -> Ints:
        return np.array([self._frameworks.get(name, -1) for name in frameworks], dtype=np.int64)

    def _predict(self, before: Answer, places: Ints, differences: Floats) -> tuple[Floats, Timing]:
        count = len(self._frameworks)
        by_framework = np.append(differences[1 : 1 + count], 0.0)
        factors = differences[1 + count : 1 + count + _COUNT]
        rest = differences[1 + count + _COUNT :].reshape(count, _COUNT)
        changes = factors + np.vstack([rest, np.zeros(_COUNT)])[places]
        timing = add_up(before.seconds, before.log_factors + changes, before.host_overlap)
        predicted = np.log(timing.latency_s) + before.offsets
        return predicted + differences[0] + by_framework[places], timing

    def _slopes(self, timing: Timing, places: Ints) -> Floats:
        """Return d ln latency / d difference, shape (n, differences)."""
        count, shares = len(self._frameworks), timing.factor_shares
        slopes = np.zeros((len(places), len(self._precision)))
        slopes[:, 0] = 1.0
        slopes[:, 1 + count : 1 + count + _COUNT] = shares
        for framework in range(count):
            own = places == framework
            start = 1 + count + _COUNT * (1 + framework)
            slopes[own, 1 + framework] = 1.0
            slopes[own, start : start + _COUNT] = shares[own]
        return slopes

    def _fit(self, before: Answer, places: Ints, measured: Floats) -> Floats:
        """Take damped Gauss-Newton steps to the most probable differences; return what is left."""
        damping = 1e-3
        loss, residuals, timing = self._loss(before, places, measured, self._differences)
        for _ in range(_MAX_ITERATIONS):
            slopes = self._slopes(timing, places)
            weights = self._weights(residuals)
            matrix = (slopes * weights[:, None]).T @ slopes
            gradient = slopes.T @ (weights * residuals) - self._precision * self._differences
            self._covariance = np.asarray(np.linalg.inv(matrix + np.diag(self._precision)))
            for _ in range(6):
                damped = matrix + np.diag(self._precision + damping * np.diag(matrix))
                change = np.clip(np.linalg.solve(damped, gradient), -1.0, 1.0)
                tried = self._loss(before, places, measured, self._differences + change)
                if tried[0] < loss:
                    break
                damping = max(damping * 8.0, 1e-3)
            if tried[0] >= loss:
                break
            gain, damping = loss - tried[0], damping / 8.0
            self._differences = self._differences + change
            loss, residuals, timing = tried
            if gain < 1e-3:
                break
        seen = np.minimum(residuals**2, 9.0 * NOISE**2).sum()
        self.noise_square = float((NOISE_ROWS * NOISE**2 + seen) / (NOISE_ROWS + self.rows))
        return residuals

    def _loss(
        self, before: Answer, places: Ints, measured: Floats, differences: Floats
    ) -> tuple[float, Floats, Timing]:
        predicted, timing = self._predict(before, places, differences)
        residuals = measured - predicted
        size, edge = np.abs(residuals) / self._noise, self._freedom.huber
        loss = np.where(size < edge, size**2 / 2.0, edge * (size - edge / 2.0)).sum()
        total = loss + (self._precision * differences**2).sum() / 2.0
        return float(total), residuals, timing

    def _weights(self, residuals: Floats) -> Floats:
        size = np.maximum(np.abs(residuals) / self._noise, 1e-9)
        return np.asarray(np.minimum(1.0, self._freedom.huber / size) / self._noise**2)


def _widening(residuals: Floats, widths: Floats) -> float:
    """Return by how much rows scatter more than the widths of their situations say, at least 1."""
    is_known = np.isfinite(widths)
    deviations = widths[is_known] / FAMILIAR.width
    squares = np.minimum((residuals[is_known] / deviations) ** 2, 9.0)
    mean = (NOISE_ROWS + squares.sum()) / (NOISE_ROWS + len(squares))
    return max(1.0, float(np.sqrt(mean)))
