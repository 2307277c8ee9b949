"""The first predictor: the roofline sum over operations, with intervals from left-out groups."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from perfpredict.domain.prediction import Basis, Estimate, Interval, TimeShare
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import RESIDUAL_LEVELS, Constants, load_constants
from perfpredict.models.memory import memory_use
from perfpredict.models.memory_interval import memory_interval
from perfpredict.models.op_arrays import OP_CLASSES, Floats, pack
from perfpredict.models.predictor import Case, CaseEstimate, blocks
from perfpredict.models.roofline_situation import unknown_parts
from perfpredict.models.roofline_sum import Breakdown, roofline_sum


class RooflinePredictor:
    """Needs no measurement; its intervals are wide and honest."""

    name = "roofline"
    basis = Basis.ROOFLINE

    def __init__(self, constants: Constants | None = None) -> None:
        self.constants = constants or load_constants()

    @property
    def version(self) -> str:
        return self.constants.version

    def breakdown(self, cases: Sequence[Case]) -> Breakdown:
        """Return where the time of `cases` goes; rows follow the cases."""
        return roofline_sum(cases, pack(cases), self.constants)

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        """Return the latency in ms of each case; `breakdown` is theirs where it is known."""
        if breakdown is not None:
            return breakdown.latency_s * 1e3
        own = [self.breakdown(block).latency_s * 1e3 for block in blocks(cases)]
        return np.concatenate([np.empty(0), *own])

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode.

        `breakdown` is that of the cases where it is known already.
        """
        if breakdown is not None:
            return self._predict(cases, level, breakdown)
        return [
            estimate
            for block in blocks(cases)
            for estimate in self._predict(block, level, self.breakdown(block))
        ]

    def _predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown
    ) -> list[CaseEstimate]:
        latencies_ms = (breakdown.latency_s * 1e3).tolist()
        asked = zip(cases, latencies_ms, time_shares(breakdown), strict=True)
        return [self._estimate(case, value, shares, level) for case, value, shares in asked]

    def _estimate(
        self, case: Case, latency_ms: float, shares: "TimeShares", level: float
    ) -> CaseEstimate:
        key = self.situation_key(case)
        spread = _spread(self.constants.residual_quantiles[key], level)
        return CaseEstimate(
            latency_ms=Estimate(
                value=latency_ms,
                interval=Interval(
                    lower=latency_ms / spread, upper=latency_ms * spread, coverage=level
                ),
            ),
            memory_bytes=memory_estimate(case, level),
            basis=Basis.ROOFLINE,
            time_shares=shares.by_class,
            launch_share=shares.overhead,
            is_extrapolated=key == "other",
            cautions=unknown_parts(case, self.constants),
        )

    def situation_key(self, case: Case) -> str:
        """Return which set of left-out residuals the interval of `case` is built from."""
        kind = case.device.kind.value
        mode = "training" if case.workload.mode is Mode.TRAINING else "inference"
        if case.workload.phase is not None:
            mode = "generation"
        candidates = (f"{kind}/{mode}", mode)
        return next((c for c in candidates if c in self.constants.residual_quantiles), "other")


def residual_at(quantiles: Sequence[float], level: float) -> float:
    """Return |log residual| that a share `level` of left-out rows stayed within.

    Between the stored levels it is interpolated; beyond the last it grows as a logistic tail.
    """
    highest = RESIDUAL_LEVELS[-1]
    if level <= highest:
        levels = (0.0, *RESIDUAL_LEVELS)
        return float(np.interp(level, levels, (0.0, *quantiles)))
    odds = np.log(level / (1.0 - level)) / np.log(highest / (1.0 - highest))
    return float(quantiles[-1] * odds)


@lru_cache(maxsize=64)
def _spread(quantiles: tuple[float, ...], level: float) -> float:
    return math.exp(residual_at(quantiles, level))


def memory_estimate(case: Case, level: float) -> Estimate:
    """Return peak memory in bytes by formula, with the interval of its situation."""
    value = memory_use(case).total
    return Estimate(value=value, interval=memory_interval(case, value, level))


class TimeShares(NamedTuple):
    """Where the time of one case goes."""

    by_class: tuple[TimeShare, ...]
    """The largest first."""
    overhead: float


def time_shares(breakdown: Breakdown) -> Iterator[TimeShares]:
    """Yield for each case its share of time per op class, and that of overhead."""
    overhead_s = np.maximum(breakdown.overhead_s, 0.0)
    # a cumulative sum adds from left to right, whatever the number of cases
    total_s = np.cumsum(breakdown.class_s, axis=1)[:, -1] + overhead_s
    ranked = np.argsort(-breakdown.class_s, axis=1, kind="stable")
    # lists: an element of an array costs ten times as much to look at
    columns = (
        np.count_nonzero(breakdown.class_s > 0, axis=1).tolist(),
        ranked.tolist(),
        (breakdown.class_s / total_s[:, None]).tolist(),
        np.where(breakdown.compute_s > breakdown.memory_s, "compute", "memory").tolist(),
        (overhead_s / total_s).tolist(),
    )
    for used, codes, shares, bounds, overhead in zip(*columns, strict=True):
        by_class = tuple(
            TimeShare(op_class=OP_CLASSES[code], share=shares[code], bound=bounds[code])
            for code in codes[:used]
        )
        yield TimeShares(by_class, overhead)
