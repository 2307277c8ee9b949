"""How far off predicted generation is, by what was seen of its framework and device.

Residuals are those of rows whose model, or whose device, was left out of the fit. A situation has
a width for 90 %; the shape of all residuals together gives the width at other levels.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError
from perfpredict.models.conformal import LogFactors
from perfpredict.models.efficiency import RESIDUAL_LEVELS
from perfpredict.models.generation_factors import cell_of, framework_of
from perfpredict.models.generation_parts import EAGER, SERVED, manner_of
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import residual_at

Floats = NDArray[np.float64]

LEVEL = 0.9
"""At which the widths are kept."""
TAIL_SHARE = 0.6
"""Part of the tails of left-out rows that is used: a model to come differs from all that were left
out, and with this part of the tails 90 % of rows are covered (docs/generation.md)."""
MIN_CELL_ROWS = 15
"""Left-out rows from which a framework on a device has a width of its own."""
LIKE_VENDORS = frozenset({"nvidia"})
"""Vendors whose new devices behave as their others do: left out, they come within 5 to 24 %."""
NEW_DEVICE_TAIL = {True: 0.1, False: 0.0}
"""Share of left-out devices' rows outside of a new device's width, by `LIKE_VENDORS`: of the
others there are few and all differ, so the width is that of the worst."""
NEW_DEVICE_WIDTH = {True: math.log(1.5), False: math.log(6.0)}
"""Where no such device could be left out; of the others also the widest that is stated. Software
made Intel's Max 1550 slower by factors of up to 40 than its rates, which no width can honestly
cover: a factor of 6 each way says that the answer is an order of magnitude."""
NEW_FRAMEWORK_WIDTH = {SERVED: math.log(3.0), EAGER: math.log(2.0)}
"""Of a framework never seen, by its manner: left out in turn, eight of ten servers have 90 % of
their rows within it. Eager ones only launch what is known: 90 % of 1,080 published rows of two GPUs
came within a factor of 1.4, 99 % within 1.75 (docs/generation.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Log residuals, measured over predicted, of rows that were not fitted."""

    cases: Sequence[Case]
    models: Sequence[str]
    by_model: Floats
    """Of a fit without the row's model."""
    by_device: Floats
    """Of a fit without the row's device; NaN where the device has too few rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Log factors at LEVEL by situation, and how they grow with the level."""

    pooled: LogFactors
    known: Mapping[str, LogFactors]
    """Of a framework on a device (`framework|device`), and of a framework."""
    new_device: Mapping[bool, float] = field(default_factory=lambda: dict(NEW_DEVICE_WIDTH))
    """By whether the vendor is one of LIKE_VENDORS."""
    shape: tuple[float, ...]
    """Width at each of RESIDUAL_LEVELS over that at LEVEL."""

    @classmethod
    def of(cls, left_out: LeftOut) -> Self:
        """Return the widths that left-out residuals show."""
        residuals, weights = left_out.by_model, _model_weights(left_out.models)
        pooled = _factors(residuals, weights)
        known: dict[str, LogFactors] = {}
        for name_of in (framework_of, cell_of):
            names = np.array([name_of(case) for case in left_out.cases], dtype=str)
            for name in sorted(set(names.tolist())):
                own = names == name
                if own.sum() >= MIN_CELL_ROWS:
                    known[name] = _factors(residuals[own], _model_weights(
                        [m for m, is_own in zip(left_out.models, own, strict=True) if is_own]
                    ))  # fmt: skip
        return cls(
            pooled=pooled,
            known=known,
            new_device=_new_device(left_out),
            shape=_shape(left_out.cases, residuals, known, pooled),
        )

    def known_cell(self, case: Case) -> LogFactors:
        """Return the width for a new model, from the narrowest situation that has one."""
        found = self.known.get(cell_of(case)) or self.known.get(framework_of(case))
        return found or self.pooled

    def factors(self, case: Case, cell_rows: int, is_known_framework: bool) -> LogFactors:
        """Return the log factors at LEVEL; `cell_rows` of framework and device were in training.

        What a new device may be off by beyond a known one falls with 1 / (1 + rows).
        """
        known = self.known_cell(case)
        if cell_rows >= MIN_CELL_ROWS:
            return known
        new = self.new_device[case.device.vendor in LIKE_VENDORS]
        if not is_known_framework:
            new = max(new, NEW_FRAMEWORK_WIDTH[manner_of(case)])
        return LogFactors(
            lower=-_between(-known.lower, new, cell_rows),
            upper=_between(known.upper, new, cell_rows),
        )

    def scaled(self, factors: LogFactors, level: float) -> LogFactors:
        """Return factors at LEVEL as they are at another level; a higher one is never narrower."""
        scale = residual_at(self.shape, level)
        return LogFactors(lower=factors.lower * scale, upper=factors.upper * scale)

    def to_json(self) -> dict[str, object]:
        """Return plain lists and numbers, for `from_json`."""
        return {
            "pooled": [self.pooled.lower, self.pooled.upper],
            "known": {name: [own.lower, own.upper] for name, own in self.known.items()},
            "new_device": [self.new_device[False], self.new_device[True]],
            "shape": list(self.shape),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        known, new_device, shape = content["known"], content["new_device"], content["shape"]
        if not isinstance(known, dict) or not isinstance(shape, list):
            raise InvalidInputError("the widths of intervals are missing")
        other, like = _pair(new_device)
        return cls(
            pooled=LogFactors(
                **dict(zip(("lower", "upper"), _pair(content["pooled"]), strict=True))
            ),
            known={
                str(name): LogFactors(lower=_pair(own)[0], upper=_pair(own)[1])
                for name, own in known.items()
            },
            new_device={False: other, True: like},
            shape=tuple(float(one) for one in shape),
        )


def _factors(residuals: Floats, weights: Floats) -> LogFactors:
    tail = (1.0 - LEVEL) / 2.0 * TAIL_SHARE
    return LogFactors(
        lower=min(_quantile(residuals, weights, tail), -_LEAST_WIDTH),
        upper=max(_quantile(residuals, weights, 1.0 - tail), _LEAST_WIDTH),
    )


_LEAST_WIDTH = 0.03
"""Runs of one configuration differ by as much."""


def _new_device(left_out: LeftOut) -> dict[bool, float]:
    is_out = np.isfinite(left_out.by_device)
    devices = np.array([case.device.name for case in left_out.cases], dtype=str)
    is_like = np.array([case.device.vendor in LIKE_VENDORS for case in left_out.cases])
    found = dict(NEW_DEVICE_WIDTH)
    for like in (False, True):
        own = is_out & (is_like == like)
        if len(set(devices[own].tolist())) > 1:
            size = np.abs(left_out.by_device[own])
            width = _quantile(size, _model_weights(devices[own]), 1.0 - NEW_DEVICE_TAIL[like])
            found[like] = min(max(width, NEW_DEVICE_WIDTH[True]), NEW_DEVICE_WIDTH[False])
    return found


def _shape(
    cases: Sequence[Case], residuals: Floats, known: Mapping[str, LogFactors], pooled: LogFactors
) -> tuple[float, ...]:
    ratios = []
    for case, residual in zip(cases, residuals, strict=True):
        own = known.get(cell_of(case)) or known.get(framework_of(case)) or pooled
        ratios.append(residual / (own.upper if residual > 0 else own.lower))
    quantiles = np.quantile(ratios, RESIDUAL_LEVELS)
    return tuple((quantiles / residual_at(tuple(quantiles), LEVEL)).tolist())


def _between(known: float, new: float, rows: int) -> float:
    return math.sqrt(known**2 + max(new**2 - known**2, 0.0) / (1.0 + rows))


def _model_weights(groups: Sequence[str] | NDArray[np.str_]) -> Floats:
    """Return 1 / sqrt(rows of the group): many rows of one group say more, but not as many."""
    counts = Counter(str(group) for group in groups)
    return np.array([counts[str(group)] ** -0.5 for group in groups])


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order]) / weights.sum()
    place = int(np.searchsorted(mass, share - 1e-12))
    return float(values[order][min(place, len(values) - 1)])


def _pair(content: object) -> tuple[float, float]:
    if not isinstance(content, list) or len(content) != 2:
        raise InvalidInputError("a width has a lower and an upper factor")
    return float(content[0]), float(content[1])
