"""What a corrector says of cases beside their values, found once for all that stand alike.

Of a hundred thousand cases most share device, way to run, family and precision with others; only
their batch size and model are their own.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.identity import Same
from perfpredict.models.conformal import LogFactors
from perfpredict.models.corrector import Corrector
from perfpredict.models.experience import BatchRange, family_of
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

WIDEST = math.log(6.0)
"""Widest log factor that is stated: a factor of 6 each way says that the answer is an order of
magnitude, and what few and contradictory rows say beyond it is no knowledge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for all cases that differ in their model and batch size alone."""

    wide: LogFactors
    """Around the corrected value, before what was hardly seen is added."""
    novelty: float
    """Log variance of what of them was hardly seen, their device and batch size aside."""
    batch_sizes: BatchRange | None
    """None where nothing run that way was seen."""
    cautions: tuple[str, ...]
    device_rows: int
    is_learned: bool
    """Whether anything that was learned is meant for their family."""

    def novelty_at(self, batch_size: int) -> float:
        """Return the log variance of what was hardly seen, the device aside."""
        if self.batch_sizes is None:
            return self.novelty
        return self.novelty + self.batch_sizes.novelty(batch_size)

    def cautions_at(self, batch_size: int) -> tuple[str, ...]:
        """Return in which ways such cases lie outside of what was learned from."""
        if self.batch_sizes is None:
            return self.cautions
        return (*self.cautions, *self.batch_sizes.cautions(batch_size))


def standings_of(corrector: Corrector, level: float) -> "Standings":
    """Return where cases stand to what `corrector` was learned from; the last few are kept."""
    return _standings(Same(corrector), level)


class Standings:
    """Where cases stand to what one corrector was learned from, at one level of intervals."""

    def __init__(self, corrector: Corrector, level: float) -> None:
        self._corrector = corrector
        self._level = level
        self._square = NormalDist().inv_cdf((1.0 + level) / 2.0) ** 2
        self._found: dict[Hashable, Standing] = {}
        self._knows_architecture: dict[str, bool] = {}

    def of(self, case: Case) -> Standing:
        """Return the standing of `case`."""
        workload, device = case.workload, case.device
        knows = self._knows_architecture.get(workload.model)
        if knows is None:
            knows = self._corrector.experience.knows_architecture(case)
            self._knows_architecture[workload.model] = knows
        key = (
            device.name, device.kind, workload.framework, workload.is_compiled,
            workload.precision, family_of(case), knows,
        )  # fmt: skip
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._new(case)
        return found

    def log_factors(
        self, cases: Sequence[Case], standings: Sequence[Standing]
    ) -> tuple[Floats, Floats]:
        """Return the log factors below and above each corrected value, (m,) and (m,)."""
        novelty = np.array([
            standing.novelty_at(case.workload.batch_size)
            for case, standing in zip(cases, standings, strict=True)
        ])  # fmt: skip
        lower = np.array([standing.wide.lower for standing in standings])
        upper = np.array([standing.wide.upper for standing in standings])
        added = self._square * novelty
        below, above = np.sqrt(lower**2 + added), np.sqrt(upper**2 + added)
        return -np.minimum(below, WIDEST), np.minimum(above, WIDEST)

    def _new(self, case: Case) -> Standing:
        experience = self._corrector.experience
        return Standing(
            wide=self._corrector.factors(case, self._level),
            novelty=experience.novelty(case),
            batch_sizes=experience.batch_range(case),
            cautions=experience.cautions(case),
            device_rows=experience.by_device.get(case.device.name, 0),
            is_learned=experience.family_trust(case) > 0.0,
        )


@lru_cache(maxsize=4)
def _standings(corrector: Same[Corrector], level: float) -> Standings:
    return Standings(corrector.value, level)
