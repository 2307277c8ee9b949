"""A learned factor on a prior's latency: what was learned, from what, and how far it was off."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import Calibration, LogFactors
from perfpredict.models.learners import Learner, learner_from_json
from perfpredict.models.new_device import NewDevice
from perfpredict.models.observations import situations
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

FAMILY_SPREAD = 0.3
FRAMEWORK_SPREAD = 0.4
"""Log standard deviations of the level of a family of models, and of a framework, not learned.

Judgements: the roofline's level differs by about as much between families and frameworks whose rows
took part in its fit and those that did not (docs/accuracy.md, by source)."""
NOVELTY_ROWS = 10.0
"""Rows at which half of that variance is gone."""

_RELEASED = FEATURES.index("framework_released")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector:
    """A learned factor, its left-out residuals, and what it was learned from."""

    learner: Learner
    calibration: Calibration
    """Residuals of left-out groups on devices that were seen."""
    new_device: NewDevice
    """How much further off it is on a device never seen."""
    rows_by_device: Mapping[str, int]
    rows_by_model: Mapping[str, int]
    rows_by_family: Mapping[str, int]
    """Broad family of models to rows: a classifier says little of a speech recogniser."""
    rows_by_framework: Mapping[str, int]
    device_kinds: tuple[str, ...]
    """Kinds of device in training; another kind is not corrected."""
    batch_sizes: tuple[int, int]
    """Smallest and largest in training."""
    newest_release: Mapping[str, float]
    """Framework to its newest release in training, a decimal year: assumed where none is given."""

    def covers(self, case: Case) -> bool:
        """Return whether something like the device of `case` was in training."""
        return case.device.kind.value in self.device_kinds

    def log_factors(self, cases: Sequence[Case], matrix: Floats) -> Floats:
        """Return ln(corrected / prior) of each case, shape (cases,); `matrix` as in FEATURES."""
        releases = matrix[:, _RELEASED]
        newest = [self.newest_release.get(c.workload.framework or "pytorch", np.nan) for c in cases]
        filled = matrix.copy()
        filled[:, _RELEASED] = np.where(np.isnan(releases), newest, releases)
        return self.learner.predict(filled)

    def factors(self, case: Case, level: float) -> LogFactors:
        """Return the log factors around the corrected value, wider for a device hardly seen."""
        known = self.calibration.factors(situations(case), level)
        rows = self.rows_by_device.get(case.device.name, 0)
        wider = self.new_device.widened(known, case.device.kind.value, rows, level)
        novelty = _novelty(FAMILY_SPREAD, self.rows_by_family.get(family_of(case), 0))
        novelty += _novelty(FRAMEWORK_SPREAD, self.rows_by_framework.get(framework_of(case), 0))
        added = NormalDist().inv_cdf((1.0 + level) / 2.0) ** 2 * novelty
        return LogFactors(
            lower=-math.sqrt(wider.lower**2 + added), upper=math.sqrt(wider.upper**2 + added)
        )

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return in which ways `case` lies outside of what was learned from."""
        found = []
        if case.device.name not in self.rows_by_device:
            found.append(f"no row of {case.device.name} was in training")
        if family_of(case) not in self.rows_by_family:
            found.append(f"no {family_of(case)} model was in training")
        if framework_of(case) not in self.rows_by_framework:
            found.append(f"no row of {framework_of(case)} was in training")
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


def corrector_to_json(corrector: Corrector) -> dict[str, object]:
    """Return plain values, for `corrector_from_json`."""
    return {
        "learner": corrector.learner.to_json(),
        "calibration": corrector.calibration.to_json(),
        "new_device": corrector.new_device.to_json(),
        "rows_by_device": dict(corrector.rows_by_device),
        "rows_by_model": dict(corrector.rows_by_model),
        "rows_by_family": dict(corrector.rows_by_family),
        "rows_by_framework": dict(corrector.rows_by_framework),
        "device_kinds": list(corrector.device_kinds),
        "batch_sizes": list(corrector.batch_sizes),
        "newest_release": dict(corrector.newest_release),
    }


def corrector_from_json(content: object) -> Corrector:
    """Return the corrector that `corrector_to_json` wrote; KeyError, TypeError, ValueError or
    InvalidInputError for anything else."""
    own = mapping(content)
    batch_sizes, kinds = own["batch_sizes"], own["device_kinds"]
    if not isinstance(batch_sizes, list) or not isinstance(kinds, list):
        raise InvalidInputError("batch sizes or kinds of device are missing")
    return Corrector(
        learner=learner_from_json(mapping(own["learner"])),
        calibration=Calibration.from_json(mapping(own["calibration"])),
        new_device=NewDevice.from_json(mapping(own["new_device"])),
        rows_by_device=_counts(own["rows_by_device"]),
        rows_by_model=_counts(own["rows_by_model"]),
        rows_by_family=_counts(own["rows_by_family"]),
        rows_by_framework=_counts(own["rows_by_framework"]),
        device_kinds=tuple(str(kind) for kind in kinds),
        batch_sizes=(int(batch_sizes[0]), int(batch_sizes[1])),
        newest_release={k: float(str(v)) for k, v in mapping(own["newest_release"]).items()},
    )


def family_of(case: Case) -> str:
    """Return the broad family of the model."""
    return case.workload.family or "other"


def framework_of(case: Case) -> str:
    """Return the framework, compiled apart from eager; pytorch where none is given."""
    name = case.workload.framework or "pytorch"
    return f"{name}+compiled" if case.workload.is_compiled else name


def _novelty(spread: float, rows: int) -> float:
    """Return the log variance of what is shared by rows of which `rows` were in training."""
    return spread**2 / (1.0 + rows / NOVELTY_ROWS)


def mapping(content: object) -> Mapping[str, object]:
    """Return `content` if it is a JSON object, else raise InvalidInputError."""
    if not isinstance(content, dict):
        raise InvalidInputError("a part of it is missing")
    return content


def _counts(content: object) -> dict[str, int]:
    return {str(name): int(str(count)) for name, count in mapping(content).items()}
