"""How much further off a predictor is on a device that it has hardly seen."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from perfpredict.models.json_parts import mapping
from perfpredict.models.predictor import Case
from perfpredict.models.work_kinds import execution_of

Floats = NDArray[np.float64]

EXPECTED_SPREAD = {"gpu": 0.25, "cpu": 0.4, "soc": 0.3, "accelerator": 0.6}
"""Log standard deviation of the level between devices of a kind, before any was left out.

A judgement from published rows: the level differs by 10 to 20 % between GPUs of one class, by up to
40 % between those of gamers and of data centres, by factors between CPUs (vector units, threads)
and between accelerators (software).
"""
EXPECTED_DEVICES = 3.0
"""Devices that EXPECTED_SPREAD weighs against those that were really left out."""
MIN_DEVICES, MIN_ROWS = 2, 50
"""Left-out devices and rows from which a way to run has a spread of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpread:
    """Left-out residuals around their device's level, and how far the levels lie apart."""

    within: Residuals
    """Less the median of their device."""
    spread: float
    """Log standard deviation of the levels between devices."""

    @classmethod
    def of(cls, residuals: Floats, devices: Sequence[str], expected: float) -> Self:
        """Return it from left-out log residuals, one a row, of a kind of device."""
        names = np.asarray(devices, dtype=str)
        levels = {name: float(np.median(residuals[names == name])) for name in set(devices)}
        centred = residuals - np.array([levels[name] for name in devices])
        squares = EXPECTED_DEVICES * expected**2 + sum(level**2 for level in levels.values())
        rows = [str(place) for place in range(len(centred))]
        return cls(
            within=Residuals.of(centred, rows).thinned(),
            spread=math.sqrt(squares / (EXPECTED_DEVICES + len(levels))),
        )

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {"within": residuals_to_json(self.within), "spread": self.spread}

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        own = mapping(content)
        return cls(within=residuals_from_json(own["within"]), spread=float(str(own["spread"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """What leaving devices out says, of the way that a case is run where that has enough of it."""

    by_kind: Mapping[str, DeviceSpread] = field(default_factory=dict)
    """Kind of device to all left-out rows of it."""
    by_way: Mapping[str, DeviceSpread] = field(default_factory=dict)
    """Kind of device and framework: TensorRT's rows say little of PyTorch's."""

    @classmethod
    def of(cls, residuals: Floats, cases: Sequence[Case]) -> Self:
        """Return it from left-out log residuals, one a case."""
        by_kind, by_way = (
            {
                name: DeviceSpread.of(
                    residuals[rows],
                    [cases[row].device.name for row in rows],
                    EXPECTED_SPREAD[cases[rows[0]].device.kind.value],
                )
                for name, rows in sorted(_rows_by(cases, name_of).items())
                if _are_enough(cases, rows) or name_of is _kind_of
            }
            for name_of in (_kind_of, _way_of)
        )
        return cls(by_kind=by_kind, by_way=by_way)

    def widened(self, known: LogFactors, case: Case, rows: int, level: float) -> LogFactors:
        """Return the factors for a device of which `rows` were in training.

        The level's uncertainty shrinks as 1 / sqrt(1 + rows) and adds to the factors in squares.
        """
        share = 1.0 / (1.0 + rows)
        own = self.by_way.get(_way_of(case)) or self.by_kind.get(_kind_of(case))
        wide = known if own is None else wider(known, own.within.factors(level))
        spread = EXPECTED_SPREAD[_kind_of(case)] if own is None else own.spread
        level_square = share * (NormalDist().inv_cdf((1.0 + level) / 2.0) * spread) ** 2
        lower = known.lower + (wide.lower - known.lower) * math.sqrt(share)
        upper = known.upper + (wide.upper - known.upper) * math.sqrt(share)
        return LogFactors(
            lower=-math.sqrt(lower**2 + level_square), upper=math.sqrt(upper**2 + level_square)
        )

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {
            "by_kind": {name: own.to_json() for name, own in self.by_kind.items()},
            "by_way": {name: own.to_json() for name, own in self.by_way.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        by_kind, by_way = (
            {name: DeviceSpread.from_json(own) for name, own in mapping(content[key]).items()}
            for key in ("by_kind", "by_way")
        )
        if not by_kind.keys() <= EXPECTED_SPREAD.keys():
            raise InvalidInputError("spread between devices: a kind that there is not")
        return cls(by_kind=by_kind, by_way=by_way)


def wider(one: LogFactors, other: LogFactors) -> LogFactors:
    """Return the range that holds both."""
    return LogFactors(lower=min(one.lower, other.lower), upper=max(one.upper, other.upper))


def _kind_of(case: Case) -> str:
    return case.device.kind.value


def _way_of(case: Case) -> str:
    return f"{case.device.kind}/{execution_of(case.workload)}"


def _rows_by(cases: Sequence[Case], name_of: Callable[[Case], str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        found.setdefault(name_of(case), []).append(row)
    return found


def _are_enough(cases: Sequence[Case], rows: Sequence[int]) -> bool:
    return len(rows) >= MIN_ROWS and len({cases[row].device.name for row in rows}) >= MIN_DEVICES
