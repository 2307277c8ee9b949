"""Intervals from held-out residuals: grouped conformal prediction on the log scale.

It never sees the learner: it takes residuals ln(measured / predicted) and gives factors.

Method: every group of siblings (all rows of one model, say) has the same weight, however many
rows it has, and the group to come counts as one more, of unknown residual (Dunn, Wasserman and
Ramdas 2022, "Distribution-free prediction sets for two-layer hierarchical models"). With one row
a group this is ordinary split conformal prediction with its finite-sample correction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.identity import Same
from perfpredict.errors import InvalidInputError, TooFewRowsError

MIN_SITUATION_GROUPS = 5
"""Groups a situation needs for residuals of its own; where they are few, tails are extended."""

MOST_KEPT = 1000
"""Residuals that are kept of a situation; quantiles stay within 0.05 % of the mass."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFactors:
    """Factors on the log scale around a prediction: lower <= 0 <= upper."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Log residuals in ascending order with the weight of each; the weights add up to 1."""

    values: tuple[float, ...]
    weights: tuple[float, ...]
    group_count: int

    @classmethod
    def of(cls, residuals: Sequence[float] | Floats, groups: Sequence[str]) -> Self:
        """Return the residuals with every group of `groups` weighing the same."""
        values = np.asarray(residuals, dtype=np.float64)
        if len(values) == 0:
            raise TooFewRowsError("no residuals to calibrate an interval with")
        if not np.isfinite(values).all():
            raise InvalidInputError("residuals must be finite")
        _, member_of, sizes = np.unique(
            np.asarray(groups, dtype=str), return_inverse=True, return_counts=True
        )
        order = np.argsort(values, kind="stable")
        weights = 1.0 / (len(sizes) * sizes[member_of])
        return cls(
            values=tuple(values[order].tolist()),
            weights=tuple(weights[order].tolist()),
            group_count=len(sizes),
        )

    def thinned(self) -> Self:
        """Return at most MOST_KEPT residuals that stand for these: quantiles of equal weight."""
        if len(self.values) <= MOST_KEPT:
            return self
        mass = np.cumsum(self.weights)
        steps = (np.arange(MOST_KEPT) + 0.5) / MOST_KEPT * mass[-1]
        places = np.minimum(np.searchsorted(mass, steps), len(mass) - 1)
        return replace(
            self,
            values=tuple(self.values[place] for place in places),
            weights=(1.0 / MOST_KEPT,) * MOST_KEPT,
        )

    def factors(self, level: float) -> LogFactors:
        """Return the central factors that contain a share `level` of new groups' residuals.

        They are nested: a higher level never gives a narrower range.
        """
        if not 0 < level < 1:
            raise InvalidInputError(f"level must be above 0 and below 1, got {level}")
        return _factors(Same(self), level)


@lru_cache(maxsize=1024)
def _factors(residuals: Same[Residuals], level: float) -> LogFactors:
    own = residuals.value
    tail = (1 - level) / 2
    values = np.asarray(own.values)
    weights = np.asarray(own.weights)
    lower = -_upper_quantile(-values[::-1], weights[::-1], own.group_count, tail)
    upper = _upper_quantile(values, weights, own.group_count, tail)
    return LogFactors(lower=min(lower, 0.0), upper=max(upper, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Pooled residuals and those of each situation that has enough of its own (Mondrian)."""

    pooled: Residuals
    by_situation: Mapping[str, Residuals]

    @classmethod
    def of(
        cls,
        residuals: Sequence[float] | Floats,
        groups: Sequence[str],
        situations: Sequence[Sequence[str]],
    ) -> Self:
        """Return the calibration by `residuals`, with one group and some situations a row."""
        values = np.asarray(residuals, dtype=np.float64)
        rows_by_situation: dict[str, list[int]] = {}
        for row, names in enumerate(situations):
            for name in names:
                rows_by_situation.setdefault(name, []).append(row)
        by_situation: dict[str, Residuals] = {}
        for name, rows in sorted(rows_by_situation.items()):
            members = Residuals.of(values[rows], [groups[row] for row in rows]).thinned()
            if members.group_count >= MIN_SITUATION_GROUPS:
                by_situation[name] = members
        return cls(pooled=Residuals.of(values, groups).thinned(), by_situation=by_situation)

    def factors(self, situations: Sequence[str], level: float) -> LogFactors:
        """Return the factors of the first of `situations` that has residuals, else the pooled."""
        own = next((s for s in situations if s in self.by_situation), None)
        return (self.pooled if own is None else self.by_situation[own]).factors(level)

    def to_json(self) -> dict[str, object]:
        """Return plain lists and numbers, for `from_json`."""
        return {
            "pooled": residuals_to_json(self.pooled),
            "by_situation": {
                name: residuals_to_json(own) for name, own in self.by_situation.items()
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return the calibration that `to_json` wrote; InvalidInputError for anything else."""
        by_situation = content.get("by_situation")
        if not isinstance(by_situation, dict):
            raise InvalidInputError("calibration: 'by_situation' is missing")
        return cls(
            pooled=residuals_from_json(content.get("pooled")),
            by_situation={
                str(name): residuals_from_json(own) for name, own in by_situation.items()
            },
        )


def _upper_quantile(values: Floats, weights: Floats, group_count: int, tail: float) -> float:
    """Return the smallest value with at most `tail` of the mass above it.

    The mass is that of `group_count` known groups and one unknown one at infinity. Where that
    one alone exceeds `tail`, the largest |value| is extended by an exponential tail, through
    the level that the groups do support: q(tail) = max|value| * ln(tail) / ln(1 / (groups + 1)).
    """
    smallest_tail = 1 / (group_count + 1)
    if tail < smallest_tail * (1 - 1e-12):
        extreme = float(np.abs(values).max())
        return extreme * math.log(tail) / math.log(smallest_tail)
    mass = np.cumsum(weights) * group_count / (group_count + 1)
    position = int(np.searchsorted(mass, 1 - tail - 1e-12, side="left"))
    return float(values[min(position, len(values) - 1)])


def residuals_to_json(residuals: Residuals) -> dict[str, object]:
    """Return plain lists and numbers, for `residuals_from_json`."""
    return {
        "values": list(residuals.values),
        "weights": list(residuals.weights),
        "group_count": residuals.group_count,
    }


def residuals_from_json(content: object) -> Residuals:
    """Return the residuals that `residuals_to_json` wrote; InvalidInputError for damage."""
    if not isinstance(content, dict):
        raise InvalidInputError("calibration: residuals are missing")
    try:
        residuals = Residuals(
            values=tuple(float(value) for value in content["values"]),
            weights=tuple(float(weight) for weight in content["weights"]),
            group_count=int(content["group_count"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidInputError(f"calibration: damaged residuals ({exc})") from exc
    if not residuals.values or len(residuals.values) != len(residuals.weights):
        raise InvalidInputError("calibration: values and weights differ in length")
    return residuals
