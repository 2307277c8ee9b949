"""A predictor that a user fitted elsewhere and stored here, answering like any other.

What it cannot answer, the roofline does, and the estimate says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.metrics import Metric, work_per_batch
from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.models.conformal import Residuals
from perfpredict.models.named_features import named_matrix
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.serialized import Regressor, answers_of

Floats = NDArray[np.float64]

_MIB = 2.0**20

# what the code of others raises when it is given rows that it was not made for
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the stored predictor was said to be for; None is anything."""

    hardware_platform: str | None = None
    model_family: str | None = None

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return how `case` lies outside of it."""
        found = []
        platform, family = self.hardware_platform, self.model_family
        device_names = {case.device.platform.value, case.device.name, *case.device.aliases}
        if platform is not None and platform not in device_names:
            found.append(f"the predictor was stored for '{platform}', not for {case.device.name}")
        if family is not None and case.workload.family not in (None, family):
            found.append(
                f"the predictor was stored for family '{family}', not '{case.workload.family}'"
            )
        return tuple(found)


class UserModelPredictor:
    """Asks a loaded regressor for one metric; the others follow from it or from the roofline."""

    basis = Basis.LEARNED

    def __init__(
        self, regressor: Regressor, *, name: str, version: str, features: Sequence[str],
        target: Metric, scope: Scope, residuals: Residuals | None, cautions: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.version = version
        self.features = tuple(features)
        self.target = target
        self.scope = scope
        self.residuals = residuals
        self.cautions = tuple(cautions)
        self._regressor = regressor
        self._fallback = RooflinePredictor()

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case; throughput is per s, latency in ms, memory in MiB there.

        Raises InvalidInputError where a feature has a name that cannot be computed.
        """
        if not cases:
            return []
        answers, why_not = self._answers(cases)
        estimates = self._fallback.predict(cases, level)
        return [
            self._estimate(case, estimate, float(answer), reason, level)
            for case, estimate, answer, reason in zip(
                cases, estimates, answers, why_not, strict=True
            )
        ]

    def _answers(self, cases: Sequence[Case]) -> tuple[Floats, list[str | None]]:
        """Return the regressor's answers and, for each unusable one, what is wrong with it."""
        matrix = named_matrix(cases, self.features, self._fallback)
        nothing = np.full(len(cases), np.nan)
        lacking = np.asarray(np.isnan(matrix).any(axis=1))
        why_not = [
            _lacking_feature(self.features, row) if is_lacking else None
            for row, is_lacking in zip(matrix, lacking, strict=True)
        ]
        if lacking.all():
            return nothing, why_not
        try:
            found = answers_of(self._regressor, matrix[~lacking])
        except _FAILURES as exc:
            reason = f"it raised {type(exc).__name__}: {exc}"
            return nothing, [own or reason for own in why_not]
        if found is None:
            reason = "it did not give one number a row"
            return nothing, [own or reason for own in why_not]
        nothing[~lacking] = found
        return nothing, [own or _unusable(v) for own, v in zip(why_not, nothing, strict=True)]

    def _estimate(
        self, case: Case, prior: CaseEstimate, answer: float, why_not: str | None, level: float
    ) -> CaseEstimate:
        if why_not is not None:
            caution = f"stored predictor {self.name} gave no answer ({why_not}): roofline used"
            return replace(prior, cautions=(*prior.cautions, caution))
        outside = self.scope.cautions(case)
        cautions = [*prior.cautions, *self.cautions, *outside]
        if self.residuals is None:
            cautions.append("the interval has the roofline's width: no validation rows were stored")
        estimate = replace(prior, basis=Basis.LEARNED, is_extrapolated=bool(outside))
        if self.target is Metric.MEMORY:
            cautions.append("latency and throughput are the roofline's")
            memory = self._around(answer * _MIB, prior.memory_bytes, level)
            return replace(estimate, memory_bytes=memory, cautions=tuple(cautions))
        cautions.append("memory is the roofline's")
        latency_ms = answer
        if self.target is Metric.THROUGHPUT:
            latency_ms = work_per_batch(case.workload) / answer * 1e3
        latency = self._around(latency_ms, prior.latency_ms, level)
        return replace(estimate, latency_ms=latency, cautions=tuple(cautions))

    def _around(self, value: float, prior: Estimate, level: float) -> Estimate:
        """Return `value` with an interval from stored residuals, else as wide as the prior's."""
        if self.residuals is None:
            lower = min(prior.interval.lower / prior.value, 1.0)
            upper = max(prior.interval.upper / prior.value, 1.0)
        else:
            factors = self.residuals.factors(level)
            lower, upper = float(np.exp(factors.lower)), float(np.exp(factors.upper))
            if self.target is Metric.THROUGHPUT:
                # residuals are of throughput; latency is its inverse
                lower, upper = 1 / upper, 1 / lower
        interval = Interval(lower=value * lower, upper=value * upper, coverage=level)
        return Estimate(value=value, interval=interval)


def _lacking_feature(features: Sequence[str], row: Floats) -> str:
    name = features[int(np.flatnonzero(np.isnan(row))[0])]
    return f"this workload or device has no '{name}'"


def _unusable(answer: float) -> str | None:
    if np.isfinite(answer) and answer > 0:
        return None
    return f"it answered {answer:.6g}"
