"""How much further off a predictor is on a device that it has hardly seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError
from perfpredict.models.conformal import (
    LogFactors,
    Residuals,
    residuals_from_json,
    residuals_to_json,
)

Floats = NDArray[np.float64]

EXPECTED_SPREAD = {"gpu": 0.15, "cpu": 0.4, "soc": 0.3, "accelerator": 0.6}
"""Log standard deviation of the level between devices of a kind, before any was left out.

A judgement from published rows: the roofline's level differs by 10 to 20 % between GPUs of one
vendor, by factors between CPUs (vector units, threads) and between accelerators (software).
"""
EXPECTED_DEVICES = 3.0
"""Devices that EXPECTED_SPREAD weighs against those that were really left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """Residuals of rows whose device was left out: around the device's level, and the levels."""

    within: Residuals | None
    """Less the median of their device; None where no device could be left out."""
    spread_by_kind: Mapping[str, float]
    """Kind of device to the log standard deviation of the levels between devices."""

    @classmethod
    def of(cls, residuals: Floats | None, devices: Sequence[str], kinds: Mapping[str, str]) -> Self:
        """Return it from left-out log residuals, one a row; `kinds` is device to kind.

        `residuals` is None where there is but one device.
        """
        if residuals is None:
            return cls(within=None, spread_by_kind=dict(EXPECTED_SPREAD))
        names = np.asarray(devices, dtype=str)
        levels = {name: float(np.median(residuals[names == name])) for name in set(devices)}
        centred = residuals - np.array([levels[name] for name in devices])
        squares: dict[str, list[float]] = {}
        for name, level in levels.items():
            squares.setdefault(kinds[name], []).append(level**2)
        spreads = {
            kind: math.sqrt(
                (EXPECTED_DEVICES * expected**2 + sum(squares.get(kind, [])))
                / (EXPECTED_DEVICES + len(squares.get(kind, [])))
            )
            for kind, expected in EXPECTED_SPREAD.items()
        }
        rows = [str(place) for place in range(len(centred))]
        return cls(within=Residuals.of(centred, rows).thinned(), spread_by_kind=spreads)

    def widened(self, known: LogFactors, kind: str, rows: int, level: float) -> LogFactors:
        """Return the factors for a device of which `rows` were in training.

        The level's uncertainty shrinks as 1 / sqrt(1 + rows) and adds to the factors in squares.
        """
        share = 1.0 / (1.0 + rows)
        wide = known if self.within is None else wider(known, self.within.factors(level))
        spread = self.spread_by_kind.get(kind, max(EXPECTED_SPREAD.values()))
        level_square = share * (NormalDist().inv_cdf((1.0 + level) / 2.0) * spread) ** 2
        lower = known.lower + (wide.lower - known.lower) * math.sqrt(share)
        upper = known.upper + (wide.upper - known.upper) * math.sqrt(share)
        return LogFactors(
            lower=-math.sqrt(lower**2 + level_square), upper=math.sqrt(upper**2 + level_square)
        )

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {
            "within": None if self.within is None else residuals_to_json(self.within),
            "spread_by_kind": dict(self.spread_by_kind),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return what `to_json` wrote; InvalidInputError or KeyError for anything else."""
        spreads = content["spread_by_kind"]
        if not isinstance(spreads, dict):
            raise InvalidInputError("spread between devices is missing")
        within = content["within"]
        return cls(
            within=None if within is None else residuals_from_json(within),
            spread_by_kind={str(kind): float(spread) for kind, spread in spreads.items()},
        )


def wider(one: LogFactors, other: LogFactors) -> LogFactors:
    """Return the range that holds both."""
    return LogFactors(lower=min(one.lower, other.lower), upper=max(one.upper, other.upper))
