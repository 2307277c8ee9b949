"""Learns memory from measurements: how much each part of the formula really counts.

measured = sum of coefficient x part, with coefficients that shrink towards what the formula says
and never fall below half of it. So the answer stays affine and monotone in the batch, and a few
rows are enough; on published rows it beats trees and ridge on logarithms (docs/memory.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.conformal import Calibration, LogFactors
from perfpredict.models.memory_interval import situation
from perfpredict.models.memory_parts import PARTS, part_matrix
from perfpredict.models.observations import FOLDS, fold_numbers
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

LOWEST = 0.5
"""Share of its expected coefficient that a part keeps at least."""
HUBER = 0.05
"""Relative error from which a row pulls with constant force."""
_ROUNDS = 8
"""Times that the weights of Huber's loss are renewed."""
_SWEEPS = 60
"""Passes over the coefficients in each round; the problem is convex."""
_LEAST_SQUARE = 1e-6
"""Mean square share of a part that no row has, so that its coefficient stays as expected."""
_MIN_GROUPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCorrection:
    """Fitted coefficients, and the residuals of rows whose group was left out."""

    coefficients: tuple[float, ...]
    """One for each of PARTS."""
    calibration: Calibration
    """Of ln(measured / predicted) of rows that folds left out, by situation."""
    row_count: int

    def predict(self, cases: Sequence[Case]) -> Floats:
        """Return peak bytes on each device, shape (cases,)."""
        answers = part_matrix(cases) @ np.array(self.coefficients)
        return np.asarray(answers, dtype=np.float64)

    def quantiles(self, case: Case, level: float) -> LogFactors:
        """Return the log factors around `case` that hold a share `level` of new groups."""
        return self.calibration.factors((situation(case),), level)

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {
            "coefficients": {
                part.name: value for part, value in zip(PARTS, self.coefficients, strict=True)
            },
            "calibration": self.calibration.to_json(),
            "row_count": self.row_count,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return what `to_json` wrote; InvalidInputError for damage or for other parts."""
        coefficients = content.get("coefficients")
        if not isinstance(coefficients, dict) or set(coefficients) != {p.name for p in PARTS}:
            raise InvalidInputError("memory correction: its parts are not those of this version")
        try:
            row_count = int(str(content.get("row_count")))
            values = tuple(float(coefficients[part.name]) for part in PARTS)
        except (TypeError, ValueError) as exc:
            raise InvalidInputError(f"memory correction: damaged numbers ({exc})") from exc
        if not np.isfinite(values).all() or min(values) < 0:
            raise InvalidInputError("memory correction: coefficients must be finite and at least 0")
        calibration = content.get("calibration")
        if not isinstance(calibration, dict):
            raise InvalidInputError("memory correction: its residuals are missing")
        return cls(
            coefficients=values,
            calibration=Calibration.from_json(calibration),
            row_count=row_count,
        )


def fit_memory(
    cases: Sequence[Case], measured_bytes: Floats, groups: Sequence[str], *, seed: int = 0
) -> MemoryCorrection:
    """Return the correction that fits `measured_bytes`; rows of one group leave folds together."""
    if not len(cases) == len(measured_bytes) == len(groups):
        raise InvalidInputError("cases, measured bytes and groups must be equally many")
    if not (np.isfinite(measured_bytes).all() and (measured_bytes > 0).all()):
        raise InvalidInputError("measured memory must be above 0 and finite")
    count = len(set(groups))
    if count < _MIN_GROUPS:
        raise TooFewRowsError(
            f"all {len(cases)} rows of memory are of one group: none can be left out to check",
            hint="measure another model",
        )
    parts = part_matrix(cases)
    weights = group_weights(groups)
    folds = fold_numbers(groups, seed=seed, folds=min(FOLDS, count))
    predicted = left_out_bytes(parts, measured_bytes, weights, folds)
    return MemoryCorrection(
        coefficients=tuple(float(c) for c in coefficients_of(parts, measured_bytes, weights)),
        calibration=Calibration.of(
            np.log(measured_bytes / predicted), groups, [(situation(case),) for case in cases]
        ),
        row_count=len(cases),
    )


def group_weights(groups: Sequence[str]) -> Floats:
    """Return weights of mean 1; a group weighs as the square root of its rows."""
    _, member_of, sizes = np.unique(
        np.asarray(groups, dtype=str), return_inverse=True, return_counts=True
    )
    weights = 1.0 / np.sqrt(sizes[member_of])
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def left_out_bytes(
    parts: Floats, measured_bytes: Floats, weights: Floats, folds: NDArray[np.int64]
) -> Floats:
    """Return the bytes of each row under coefficients fitted without the row's fold."""
    predicted = np.empty_like(measured_bytes)
    for fold in np.unique(folds):
        is_out = folds == fold
        inside = ~is_out
        found = coefficients_of(parts[inside], measured_bytes[inside], weights[inside])
        predicted[is_out] = parts[is_out] @ found
    return predicted


def coefficients_of(parts: Floats, measured_bytes: Floats, weights: Floats) -> Floats:
    """Return the coefficients of PARTS with the least relative error, shrunk.

    Minimises sum w h((parts c - measured) / measured) + sum k (c - expected)^2 over
    c >= LOWEST * expected; h is Huber's loss, so that a row far off pulls with constant force,
    and k is a part's stiffness times its mean squared share of the measured bytes.
    """
    expected = np.array([part.expected for part in PARTS])
    stiffness = np.array([part.stiffness for part in PARTS])
    shares = parts / measured_bytes[:, None]
    pull = stiffness * np.maximum((shares**2).mean(axis=0), _LEAST_SQUARE)
    found = expected.copy()
    heed = weights
    for _ in range(_ROUNDS):
        found = _least_squares(shares, heed, pull, expected, found)
        off = np.abs(shares @ found - 1.0)
        heed = weights * np.minimum(1.0, HUBER / np.maximum(off, HUBER))
    return found


def _least_squares(
    shares: Floats, weights: Floats, pull: Floats, expected: Floats, start: Floats
) -> Floats:
    """Return the coefficients of the weighted and shrunk squares, one coordinate after another."""
    square = (shares * weights[:, None]).T @ shares + np.diag(pull)
    target = (shares * weights[:, None]).sum(axis=0) + pull * expected
    found = start.copy()
    for _ in range(_SWEEPS):
        for column in range(len(found)):
            step = (target[column] - square[column] @ found) / square[column, column]
            found[column] = max(found[column] + step, LOWEST * expected[column])
    return found
