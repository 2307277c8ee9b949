"""The learned predictor: the roofline sum times a learned factor, with conformal intervals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.errors import CannotAnswerError, InvalidInputError, StoreUnusableError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import (
    Calibration,
    LogFactors,
    Residuals,
    residuals_from_json,
    residuals_to_json,
)
from perfpredict.models.efficiency import Constants, parse_constants
from perfpredict.models.learners import Learner, learner_from_json
from perfpredict.models.observations import Target, learner_inputs, situations
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.signing import sha256_of

FORMAT = "perfpredict residual 1"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector:
    """A learned factor on one quantity, its left-out residuals, and what it was learned from."""

    learner: Learner
    calibration: Calibration
    """Residuals of left-out groups on devices that were seen."""
    new_device: Residuals | None
    """Residuals of left-out devices, None where there were too few to leave one out."""
    rows_by_device: Mapping[str, int]
    rows_by_model: Mapping[str, int]
    batch_sizes: tuple[int, int]
    """Smallest and largest in training."""

    def factors(self, case: Case, level: float) -> LogFactors:
        """Return the log factors around the corrected value, wider for a device never seen."""
        known = self.calibration.factors(situations(case), level)
        if case.device.name in self.rows_by_device or self.new_device is None:
            return known
        new = self.new_device.factors(level)
        return LogFactors(lower=min(known.lower, new.lower), upper=max(known.upper, new.upper))

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return in which ways `case` lies outside of what was learned from."""
        found = []
        if case.device.name not in self.rows_by_device:
            found.append(f"no row of {case.device.name} was in training")
        lowest, highest = self.batch_sizes
        if not lowest <= case.workload.batch_size <= highest:
            found.append(
                f"batch_size {case.workload.batch_size} is outside the {lowest} to {highest} "
                "seen in training"
            )
        return tuple(found)

    def similar_rows(self, case: Case) -> int:
        """Return how many training rows are of the same device or the same model."""
        return max(
            self.rows_by_device.get(case.device.name, 0),
            self.rows_by_model.get(case.workload.model, 0),
        )


class ResidualPredictor:
    """Corrects the roofline sum by what measurements taught; made by `fit_residual`."""

    basis = Basis.LEARNED

    def __init__(
        self,
        *,
        constants: Constants,
        correctors: Mapping[Target, Corrector],
        name: str = "residual",
    ) -> None:
        if not correctors:
            raise CannotAnswerError("an untrained predictor cannot predict")
        self.name = name
        self.correctors = dict(correctors)
        self.prior = RooflinePredictor(constants)
        self._version: str | None = None

    @property
    def version(self) -> str:
        """Return the first digits of the SHA-256 of everything it consists of."""
        if self._version is None:
            self._version = sha256_of(self.to_bytes())[:12]
        return self._version

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode."""
        if not cases:
            return []
        estimates = self.prior.predict(cases, level)
        for target, corrector in self.correctors.items():
            values = self.values(cases, target)
            estimates = [
                _corrected(
                    target, corrector, case=case, estimate=estimate, value=float(value), level=level
                )
                for case, estimate, value in zip(cases, estimates, values, strict=True)
            ]
        return estimates

    def values(self, cases: Sequence[Case], target: Target) -> Floats:
        """Return the corrected latency in ms or memory in bytes, without intervals."""
        inputs = learner_inputs(cases, self.prior, target)
        answers = self.correctors[target].learner.predict(inputs.matrix)
        return np.asarray(inputs.prior * np.exp(answers), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return JSON with trees as LightGBM's text; equal predictors give equal bytes."""
        content = {
            "format": FORMAT,
            "features": list(FEATURES),
            "constants": asdict(self.prior.constants),
            "correctors": {
                target.value: _corrector_to_json(self.correctors[target])
                for target in sorted(self.correctors)
            },
        }
        return json.dumps(content, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, blob: bytes, *, name: str = "residual") -> Self:
        """Return the predictor that `to_bytes` wrote; no code in `blob` is run.

        Raises StoreUnusableError for damage, CannotAnswerError for other features than today's.
        """
        content = _parsed(blob)
        if content.get("features") != list(FEATURES):
            raise CannotAnswerError(
                "the stored predictor was trained on other features than this version computes",
                hint="train it again: 'perfpredict models train'",
            )
        try:
            constants = parse_constants(json.dumps(content["constants"]))
            correctors = _correctors_from_json(content["correctors"])
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as exc:
            raise StoreUnusableError(f"the stored predictor is damaged: {exc}") from exc
        return cls(constants=constants, correctors=correctors, name=name)


def _corrected(
    target: Target, corrector: Corrector, *, case: Case, estimate: CaseEstimate, value: float,
    level: float,
) -> CaseEstimate:  # fmt: skip
    factors = corrector.factors(case, level)
    interval = Interval(
        lower=value * float(np.exp(factors.lower)),
        upper=value * float(np.exp(factors.upper)),
        coverage=level,
    )
    if target is Target.MEMORY:
        return replace(estimate, memory_bytes=Estimate(value=value, interval=interval))
    is_new_device = case.device.name not in corrector.rows_by_device
    if is_new_device and corrector.new_device is None:
        interval = _widened(interval, value, estimate.latency_ms)
    cautions = corrector.cautions(case)
    return replace(
        estimate,
        latency_ms=Estimate(value=value, interval=interval),
        basis=Basis.LEARNED,
        similar_rows=corrector.similar_rows(case),
        is_extrapolated=bool(cautions),
        cautions=(*estimate.cautions, *cautions),
    )


def _widened(interval: Interval, value: float, prior: Estimate) -> Interval:
    """Return `interval` made at least as wide, as a ratio, as that of the roofline."""
    return Interval(
        lower=min(interval.lower, value * prior.interval.lower / prior.value),
        upper=max(interval.upper, value * prior.interval.upper / prior.value),
        coverage=interval.coverage,
    )


def _parsed(blob: bytes) -> dict[str, object]:
    try:
        content = json.loads(blob)
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise StoreUnusableError(f"the stored predictor is damaged: {exc}") from exc
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreUnusableError(f"the stored predictor is not of the format '{FORMAT}'")
    return content


def _corrector_to_json(corrector: Corrector) -> dict[str, object]:
    return {
        "learner": corrector.learner.to_json(),
        "calibration": corrector.calibration.to_json(),
        "new_device": (
            None if corrector.new_device is None else residuals_to_json(corrector.new_device)
        ),
        "rows_by_device": dict(corrector.rows_by_device),
        "rows_by_model": dict(corrector.rows_by_model),
        "batch_sizes": list(corrector.batch_sizes),
    }


def _correctors_from_json(content: object) -> dict[Target, Corrector]:
    if not isinstance(content, dict):
        raise StoreUnusableError("the stored predictor is damaged: no correctors")
    return {Target(name): _corrector_from_json(own) for name, own in content.items()}


def _corrector_from_json(content: Mapping[str, object]) -> Corrector:
    learner, calibration = content["learner"], content["calibration"]
    if not isinstance(learner, dict) or not isinstance(calibration, dict):
        raise StoreUnusableError("the stored predictor is damaged: no learner or calibration")
    new_device = content["new_device"]
    batch_sizes = content["batch_sizes"]
    assert isinstance(batch_sizes, list)
    return Corrector(
        learner=learner_from_json(learner),
        calibration=Calibration.from_json(calibration),
        new_device=None if new_device is None else residuals_from_json(new_device),
        rows_by_device=_counts(content["rows_by_device"]),
        rows_by_model=_counts(content["rows_by_model"]),
        batch_sizes=(int(batch_sizes[0]), int(batch_sizes[1])),
    )


def _counts(content: object) -> dict[str, int]:
    if not isinstance(content, dict):
        raise StoreUnusableError("the stored predictor is damaged: row counts are missing")
    return {str(name): int(count) for name, count in content.items()}
