"""A learned factor on a prior's latency: what was learned, from what, and how far it was off."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfpredict.catalog.models import find_model
from perfpredict.errors import InvalidInputError, UnknownModelError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import (
    Calibration,
    LogFactors,
    Residuals,
    residuals_from_json,
    residuals_to_json,
)
from perfpredict.models.json_parts import counts, mapping
from perfpredict.models.learners import Learner, learner_from_json
from perfpredict.models.new_device import EXPECTED_SPREAD, NewDevice, wider
from perfpredict.models.observations import situations
from perfpredict.models.predictor import Case
from perfpredict.models.work_kinds import execution_of

Floats = NDArray[np.float64]

FAMILY_SPREAD = 0.3
FRAMEWORK_SPREAD = 0.4
"""Log standard deviations of the level of a family of models, and of a framework, not learned.

Judgements: the roofline's level differs by about as much between families and frameworks whose rows
took part in its fit and those that did not (docs/accuracy.md, by source)."""
TRUSTED_SPREAD = 0.15
"""Log standard deviation between devices at which one device speaks for its kind: that of GPUs."""
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
    new_architecture: Residuals | None
    """Of architectures that were left out; None where there were too few to leave any out."""
    architectures: tuple[str, ...]
    """Those in training, sorted."""
    rows_by_device: Mapping[str, int]
    rows_by_model: Mapping[str, int]
    rows_by_family: Mapping[str, int]
    """Broad family of models to rows: a classifier says little of a speech recogniser."""
    rows_by_framework: Mapping[str, int]
    devices_by_kind: Mapping[str, int]
    """Kind of device to how many of it were in training; another kind is not corrected."""
    batch_sizes: tuple[int, int]
    """Smallest and largest in training."""
    newest_release: Mapping[str, float]
    """Framework to its newest release in training, a decimal year: assumed where none is given."""

    def covers(self, case: Case) -> bool:
        """Return whether something like the device of `case` was in training."""
        return case.device.kind.value in self.devices_by_kind

    def log_factors(self, cases: Sequence[Case], matrix: Floats) -> Floats:
        """Return ln(corrected / prior) of each case, shape (cases,); `matrix` as in FEATURES."""
        releases = matrix[:, _RELEASED]
        newest = [self.newest_release.get(c.workload.framework_name, np.nan) for c in cases]
        filled = matrix.copy()
        filled[:, _RELEASED] = np.where(np.isnan(releases), newest, releases)
        trust = np.array([self._trust(case) for case in cases])
        return np.asarray(self.learner.predict(filled) * trust, dtype=np.float64)

    def _trust(self, case: Case) -> float:
        """Return how much of what was learned is meant for the device of `case`, 0 to 1.

        What few devices of a varied kind taught is mostly their own: n of them are trusted as
        n / (n + (spread / TRUSTED_SPREAD)^2 - 1). Learned on one CPU and applied in full, the
        factor of error on another CPU rose from 1.41 to 1.77 (docs/accuracy.md).
        """
        kind = case.device.kind.value
        count = float(self.devices_by_kind[kind])
        doubt = max((EXPECTED_SPREAD[kind] / TRUSTED_SPREAD) ** 2 - 1.0, 0.0)
        strange = count / (count + doubt)
        rows = self.rows_by_device.get(case.device.name, 0)
        return strange + (1.0 - strange) * rows / (rows + NOVELTY_ROWS)

    def factors(self, case: Case, level: float) -> LogFactors:
        """Return the log factors around the corrected value, wider for a device hardly seen."""
        known = self.calibration.factors(situations(case), level)
        if self.new_architecture is not None and architecture_of(case) not in self.architectures:
            known = wider(known, self.new_architecture.factors(level))
        rows = self.rows_by_device.get(case.device.name, 0)
        wide = self.new_device.widened(known, case.device.kind.value, rows, level)
        novelty = _novelty(FAMILY_SPREAD, self.rows_by_family.get(family_of(case), 0))
        alike = self.rows_by_framework.get(execution_of(case.workload), 0)
        novelty += _novelty(FRAMEWORK_SPREAD, alike)
        added = NormalDist().inv_cdf((1.0 + level) / 2.0) ** 2 * novelty
        return LogFactors(
            lower=-math.sqrt(wide.lower**2 + added), upper=math.sqrt(wide.upper**2 + added)
        )

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return in which ways `case` lies outside of what was learned from."""
        found = []
        if case.device.name not in self.rows_by_device:
            found.append(f"no row of {case.device.name} was in training")
        if architecture_of(case) not in self.architectures:
            found.append("no model of its architecture was in training")
        if family_of(case) not in self.rows_by_family:
            family = case.workload.family
            found.append(
                f"no {family} model was in training" if family else "its family is not known"
            )
        if execution_of(case.workload) not in self.rows_by_framework:
            found.append(f"no row of {execution_of(case.workload)} was in training")
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
        "new_architecture": (
            None
            if corrector.new_architecture is None
            else residuals_to_json(corrector.new_architecture)
        ),
        "architectures": list(corrector.architectures),
        "rows_by_device": dict(corrector.rows_by_device),
        "rows_by_model": dict(corrector.rows_by_model),
        "rows_by_family": dict(corrector.rows_by_family),
        "rows_by_framework": dict(corrector.rows_by_framework),
        "devices_by_kind": dict(corrector.devices_by_kind),
        "batch_sizes": list(corrector.batch_sizes),
        "newest_release": dict(corrector.newest_release),
    }


def corrector_from_json(content: object) -> Corrector:
    """Return the corrector that `corrector_to_json` wrote; KeyError, TypeError, ValueError or
    InvalidInputError for anything else."""
    own = mapping(content)
    batch_sizes = own["batch_sizes"]
    new, architectures = own["new_architecture"], own["architectures"]
    if not isinstance(architectures, list):
        raise InvalidInputError("architectures are missing")
    if not isinstance(batch_sizes, list):
        raise InvalidInputError("batch sizes are missing")
    return Corrector(
        learner=learner_from_json(mapping(own["learner"])),
        calibration=Calibration.from_json(mapping(own["calibration"])),
        new_device=NewDevice.from_json(mapping(own["new_device"])),
        new_architecture=None if new is None else residuals_from_json(new),
        architectures=tuple(str(name) for name in architectures),
        rows_by_device=counts(own["rows_by_device"]),
        rows_by_model=counts(own["rows_by_model"]),
        rows_by_family=counts(own["rows_by_family"]),
        rows_by_framework=counts(own["rows_by_framework"]),
        devices_by_kind=counts(own["devices_by_kind"]),
        batch_sizes=(int(batch_sizes[0]), int(batch_sizes[1])),
        newest_release={k: float(str(v)) for k, v in mapping(own["newest_release"]).items()},
    )


def architecture_of(case: Case) -> str:
    """Return the architecture that the catalog gives the model; its own name where it has none."""
    return _architecture(case.workload.model)


@lru_cache(maxsize=4096)
def _architecture(model: str) -> str:
    try:
        return find_model(model).architecture
    except UnknownModelError:
        return model


def family_of(case: Case) -> str:
    """Return the broad family of the model."""
    return case.workload.family or "other"


def _novelty(spread: float, rows: int) -> float:
    """Return the log variance of what is shared by rows of which `rows` were in training."""
    return spread**2 / (1.0 + rows / NOVELTY_ROWS)
