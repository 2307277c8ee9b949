"""Fits the factors of generation's terms: the most probable ones, given rows and expectations.

Damped Gauss-Newton steps on log latencies, with Huber's loss so that odd rows count little, and
with a Student-t prior on the effects of groups so that an odd framework may differ a lot. Rows of
one cell, whose groups are the same on every level, share all unknowns: the normal equations are
assembled from one small matrix a cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perfpredict.models.generation_factors import (
    DIGITS,
    MEANS,
    SPREADS,
    WIDTHS,
    Factors,
    Groups,
    Level,
)
from perfpredict.models.generation_sum import FACTORS, Timing, add_up
from perfpredict.models.generation_terms import Term

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOISE = 0.12
"""Log standard deviation of rows around the model that fits them."""
HUBER = 0.15
"""Log residual from which the loss grows linearly."""
FREEDOM = 2.0
"""Degrees of freedom of the Student-t prior on a group's effects."""
MIN_GROUP_ROWS = 6
"""Rows from which a group has effects of its own."""
_MAX_ITERATIONS = 40
_TOLERANCE = 3e-4
"""Relative gain of the objective below which the fit ends."""
_MAX_STEP = 1.5
"""Largest change of a log factor in one step."""
_COUNT = len(FACTORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a kind of framework runs: what its rows may be expected to share."""

    host_overlap: float
    """p of the norm that joins device and host."""
    scales: Mapping[Level, float]
    """Of the widths of effects, by level."""
    widths: Mapping[Term, float]
    """Widths that differ from those expected elsewhere."""
    means: Mapping[Term, float]
    """Means that do."""

    @property
    def mean(self) -> Floats:
        """(factors,) what is expected of the log factors."""
        own = [self.means.get(term, mean) for term, mean in zip(FACTORS, MEANS, strict=True)]
        return np.array(own)

    def width(self, level: Level) -> Floats:
        """Return the standard deviations of one group's effects."""
        own = [self.widths.get(term, width) for term, width in zip(FACTORS, WIDTHS, strict=True)]
        return self.scales[level] * np.array(own)


def fit_factors(
    seconds: Floats, log_latency: Floats, groups: Groups, weights: Floats, manner: Manner
) -> Factors:
    """Return the most probable factors of rows (n, terms) and ln latency in s (n,)."""
    fit = _Fit(seconds, log_latency, groups, weights, manner)
    unknowns = np.round(fit.run(), DIGITS)
    return Factors(
        centre=np.round(manner.mean + unknowns[:_COUNT], DIGITS),
        effects={
            level: {name: unknowns[place : place + _COUNT] for name, place in own.items()}
            for level, own in fit.places.items()
        },
        host_overlap=manner.host_overlap,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """One vector of unknowns and what it gives."""

    unknowns: Floats
    objective: float
    residuals: Floats
    slopes: Floats
    """(n, factors) d ln latency / d ln factor."""


class _Fit:
    """The unknowns are the centre's departures from the expected, then the effects by group."""

    def __init__(
        self, seconds: Floats, log_latency: Floats, groups: Groups, weights: Floats, manner: Manner
    ) -> None:
        self._seconds, self._measured, self._weights = seconds, log_latency, weights
        self._mean = manner.mean
        self._overlap = np.full(len(seconds), manner.host_overlap)
        self.places = _places(groups)
        self._precision = np.concatenate([
            1.0 / SPREADS**2,
            *(np.tile(1.0 / manner.width(lv) ** 2, len(own)) for lv, own in self.places.items()),
        ])  # fmt: skip
        starts = np.stack([
            np.array([self.places[level].get(str(name), -1) for name in groups[level]])
            for level in Level
        ], axis=1)  # fmt: skip
        cells, member_of = np.unique(starts, axis=0, return_inverse=True)
        self._member_of: Ints = member_of.ravel()
        self._cell_starts = [[0, *(int(s) for s in cell if s >= 0)] for cell in cells]
        self._order = np.argsort(self._member_of, kind="stable")
        self._bounds = np.searchsorted(
            self._member_of[self._order], np.arange(len(self._cell_starts) + 1)
        )

    def run(self) -> Floats:
        """Return the most probable unknowns."""
        expected = self._precision.copy()
        state = self._state(np.zeros(len(expected)))
        damping = 1e-3
        for _ in range(_MAX_ITERATIONS):
            self._precision = self._relaxed(expected, state.unknowns)
            state = self._state(state.unknowns)
            found = self._step(state, damping)
            if found is None:
                break
            gain = state.objective - found[0].objective
            state, damping = found[0], max(found[1] / 8.0, 1e-7)
            if gain < _TOLERANCE * abs(state.objective):
                break
        return state.unknowns

    def _step(self, state: _State, damping: float) -> tuple[_State, float] | None:
        """Return a better state and the damping that it took; None where there is none."""
        matrix, gradient = self._normal_equations(state)
        curvature = np.diag(matrix).copy()
        for _ in range(8):
            damped = matrix + np.diag(self._precision + damping * (curvature + 1e-9))
            change = np.clip(np.linalg.solve(damped, gradient), -_MAX_STEP, _MAX_STEP)
            tried = self._state(state.unknowns + change)
            if tried.objective < state.objective:
                return tried, damping
            damping = max(damping * 8.0, 1e-3)
        return None

    def _state(self, unknowns: Floats) -> _State:
        timing = self._timing(unknowns)
        residuals = self._measured - np.log(timing.latency_s)
        size = np.abs(residuals)
        loss = np.where(size < HUBER, residuals**2 / 2.0, HUBER * (size - HUBER / 2.0))
        objective = float((self._weights * loss).sum() / NOISE**2)
        return _State(
            unknowns=unknowns,
            objective=objective + float((self._precision * unknowns**2).sum()) / 2.0,
            residuals=residuals,
            slopes=timing.factor_shares,
        )

    def _timing(self, unknowns: Floats) -> Timing:
        by_cell = np.stack([
            self._mean + sum(unknowns[start : start + _COUNT] for start in starts)
            for starts in self._cell_starts
        ])  # fmt: skip
        return add_up(self._seconds, by_cell[self._member_of], self._overlap)

    def _normal_equations(self, state: _State) -> tuple[Floats, Floats]:
        size = np.maximum(np.abs(state.residuals), 1e-12)
        weights = (self._weights * np.minimum(1.0, HUBER / size) / NOISE**2)[self._order]
        slopes, residuals = state.slopes[self._order], state.residuals[self._order]
        matrix = np.zeros((len(state.unknowns), len(state.unknowns)))
        gradient = -self._precision * state.unknowns
        for starts, (first, last) in zip(self._cell_starts, pairwise(self._bounds), strict=True):
            own = slopes[first:last]
            weighted = own * weights[first:last, None]
            square, slope = weighted.T @ own, weighted.T @ residuals[first:last]
            for one in starts:
                gradient[one : one + _COUNT] += slope
                for other in starts:
                    matrix[one : one + _COUNT, other : other + _COUNT] += square
        return matrix, gradient

    def _relaxed(self, expected: Floats, unknowns: Floats) -> Floats:
        """Return the precisions of a Student-t prior, which lets effects that are large be so."""
        relaxed = expected.copy()
        squares = (expected * unknowns**2)[_COUNT:].reshape(-1, _COUNT).sum(axis=1)
        share = np.clip((FREEDOM + _COUNT) / (FREEDOM + squares), 0.01, 1.0)
        relaxed[_COUNT:] *= np.repeat(share, _COUNT)
        return relaxed


def _places(groups: Groups) -> dict[Level, dict[str, int]]:
    """Return where the effects of every group with enough rows start."""
    places: dict[Level, dict[str, int]] = {}
    start = _COUNT
    for level in Level:
        names, counts = np.unique(groups[level], return_counts=True)
        places[level] = {}
        for name in names[counts >= MIN_GROUP_ROWS]:
            places[level][str(name)] = start
            start += _COUNT
    return places
