"""How wide intervals are expected to be once more rows of a device were measured."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perfpredict.models.calibration import (
    LEVEL,
    LEVEL_IS_OFF,
    MAX_ROWS,
    NOISE,
    SUPPOSITIONS,
    Points,
    covariance,
    device_and_kind,
)
from perfpredict.models.predictor import Case, Predictor
from perfpredict.models.work_kinds import GENERATION

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWidths:
    """How wide the intervals of one device and kind of work would be after more rows.

    That depends on where rows are and not on what they say, as long as they scatter by NOISE.
    """

    places: tuple[int, ...]
    """Of the cases, in the sequence that was asked about."""
    rows: int
    """That correct the cases so far."""
    prior: Floats
    """(n,) variance that an interval without any row stands for."""
    covariance: Floats
    """(n, n) of what is not known of the cases after the rows so far."""
    noise: float

    def ratios(self) -> Floats:
        """Return (n,) widths of log intervals over those without any row."""
        if self.rows == 0:
            return np.ones(len(self.prior))
        return self._ratios(np.diag(self.covariance))

    def ratios_after_each(self) -> Floats:
        """Return (n, n) ratios after a row of the case of each row of the matrix."""
        variance = np.diag(self.covariance)
        told = self.covariance**2 / (variance + self.noise**2)[:, None]
        return self._ratios(variance[None, :] - told)

    def with_row(self, number: int) -> "ExpectedWidths":
        """Return the widths after a row of the case `number`."""
        shared = self.covariance[number]
        told = np.outer(shared, shared) / (shared[number] + self.noise**2)
        return replace(self, rows=self.rows + 1, covariance=self.covariance - told)

    def _ratios(self, left: Floats) -> Floats:
        square = self.noise**2
        return np.asarray(np.sqrt((np.maximum(left, 0.0) + square) / (self.prior + square)))


def expected_widths(
    inner: Predictor, known: Sequence[Case], asked: Sequence[Case]
) -> list[ExpectedWidths]:
    """Return the widths of `asked` once `inner` is calibrated by rows of `known`, newest first."""
    known_by_key, places_by_key = defaultdict(list), defaultdict(list)
    for case in known:
        known_by_key[device_and_kind(case)].append(case)
    for place, case in enumerate(asked):
        places_by_key[device_and_kind(case)].append(place)
    found = []
    for key, places in places_by_key.items():
        noise, rows = NOISE[key[1]], known_by_key[key][:MAX_ROWS]
        cases = [*rows, *(asked[place] for place in places)]
        points = Points.of(cases, inner.predict(cases, LEVEL), noise)
        expected, count = _expected_covariance(points, key[1]), len(rows)
        shared, left = expected[:count, count:], expected[count:, count:]
        noisy = expected[:count, :count] + noise**2 * np.eye(count)
        found.append(
            ExpectedWidths(
                places=tuple(places), rows=count, noise=noise,
                prior=points.amplitude[count:] ** 2,
                covariance=left - shared.T @ np.linalg.solve(noisy, shared),
            )
        )  # fmt: skip
    return found


def _expected_covariance(points: Points, kind: str) -> Floats:
    """Return the covariance before any row has decided between the suppositions.

    Generation that was learned is calibrated by its terms, of which the level and those of one
    framework weigh most: it is taken to move as where the level is off.
    """
    expected = (LEVEL_IS_OFF,) if kind == GENERATION else SUPPOSITIONS
    found = [covariance(points, points, one) for one in expected]
    return np.asarray(np.mean(found, axis=0))
