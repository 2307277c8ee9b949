"""The first predictor: the roofline sum over operations, with intervals from left-out groups."""

import math
from collections.abc import Sequence

import numpy as np

from perfpredict.domain.prediction import Basis, Estimate, Interval, TimeShare
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import RESIDUAL_LEVELS, Constants, load_constants
from perfpredict.models.memory import memory_use
from perfpredict.models.memory_interval import memory_interval
from perfpredict.models.op_arrays import OP_CLASSES, Floats, pack
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline_sum import Breakdown, roofline_sum, unknown_parts


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
        return (breakdown or self.breakdown(cases)).latency_s * 1e3

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode.

        `breakdown` is that of the cases where it is known already.
        """
        if not cases:
            return []
        breakdown = breakdown or self.breakdown(cases)
        return [self._estimate(case, breakdown, index, level) for index, case in enumerate(cases)]

    def _estimate(self, case: Case, breakdown: Breakdown, index: int, level: float) -> CaseEstimate:
        latency_ms = float(breakdown.latency_s[index]) * 1e3
        key = self.situation_key(case)
        spread = math.exp(residual_at(self.constants.residual_quantiles[key], level))
        shares, launch_share = time_shares(breakdown, index)
        return CaseEstimate(
            latency_ms=Estimate(
                value=latency_ms,
                interval=Interval(
                    lower=latency_ms / spread, upper=latency_ms * spread, coverage=level
                ),
            ),
            memory_bytes=memory_estimate(case, level),
            basis=Basis.ROOFLINE,
            time_shares=shares,
            launch_share=launch_share,
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


def memory_estimate(case: Case, level: float) -> Estimate:
    """Return peak memory in bytes by formula, with the interval of its situation."""
    value = memory_use(case).total
    return Estimate(value=value, interval=memory_interval(case, value, level))


def time_shares(breakdown: Breakdown, index: int) -> tuple[tuple[TimeShare, ...], float]:
    """Return the share of time per op class, largest first, and the share of overhead."""
    # lists: an element of an array costs ten times as much to look at
    class_s: list[float] = breakdown.class_s[index].tolist()
    compute_s: list[float] = breakdown.compute_s[index].tolist()
    memory_s: list[float] = breakdown.memory_s[index].tolist()
    overhead_s = max(float(breakdown.overhead_s[index]), 0.0)
    total_s = sum(class_s) + overhead_s
    used = [code for code, seconds in enumerate(class_s) if seconds > 0]
    shares = tuple(
        TimeShare(
            op_class=OP_CLASSES[code],
            share=class_s[code] / total_s,
            bound="compute" if compute_s[code] > memory_s[code] else "memory",
        )
        for code in sorted(used, key=lambda code: -class_s[code])
    )
    return shares, overhead_s / total_s
