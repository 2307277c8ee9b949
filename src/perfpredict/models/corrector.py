"""A learned factor on a prior's latency: what was learned, from what, and how far it was off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.features import FEATURES
from perfpredict.models.conformal import (
    Calibration,
    LogFactors,
    Residuals,
    residuals_from_json,
    residuals_to_json,
)
from perfpredict.models.experience import NOVELTY_ROWS, Experience, family_of
from perfpredict.models.json_parts import mapping
from perfpredict.models.learners import Learner, learner_from_json
from perfpredict.models.new_device import NewDevice, wider
from perfpredict.models.observations import situations
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

DOUBT = {"gpu": 0.0, "cpu": 6.0, "soc": 3.0, "accelerator": 15.0}
"""Devices of a kind that must have been learned before what they taught is half trusted on another.

What one GPU taught of a framework serves the next, at the price of its level. CPUs differ in vector
units and threads, accelerators in their software altogether."""
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
    experience: Experience
    newest_release: Mapping[str, float]
    """Framework to its newest release in training, a decimal year: assumed where none is given."""

    def covers(self, case: Case) -> bool:
        """Return whether something like the device of `case` was in training."""
        return case.device.kind.value in self.experience.devices_by_kind

    def log_factors(self, cases: Sequence[Case], matrix: Floats) -> Floats:
        """Return ln(corrected / prior) of each case, shape (cases,); `matrix` as in FEATURES."""
        releases = matrix[:, _RELEASED]
        newest = [self.newest_release.get(c.workload.framework_name, np.nan) for c in cases]
        filled = matrix.copy()
        filled[:, _RELEASED] = np.where(np.isnan(releases), newest, releases)
        kinds = [(case.device.name, family_of(case)) for case in cases]
        one_of_each = dict(zip(kinds, cases, strict=True))
        trusts = {kind: self._trust(case) for kind, case in one_of_each.items()}
        trust = np.array([trusts[kind] for kind in kinds])
        return np.asarray(self.learner.predict(filled) * trust, dtype=np.float64)

    def _trust(self, case: Case) -> float:
        """Return how much of what was learned is meant for `case`, 0 to 1.

        What few devices of a varied kind taught is mostly their own: n of them are trusted as
        n / (n + DOUBT). Learned on one CPU and applied in full, the factor of error on another
        CPU rose from 1.41 to 1.77 (docs/accuracy.md).
        """
        kind = case.device.kind.value
        count = float(self.experience.devices_by_kind[kind])
        strange = count / (count + DOUBT[kind])
        rows = self.experience.by_device.get(case.device.name, 0)
        of_device = strange + (1.0 - strange) * rows / (rows + NOVELTY_ROWS)
        return of_device * self.experience.family_trust(case)

    def factors(self, case: Case, level: float) -> LogFactors:
        """Return the log factors around the corrected value, wider for a device hardly seen.

        They are the same for every model and batch size of that device and way to run, but for
        models of an architecture that was not learned.
        """
        known = self.calibration.factors(situations(case), level)
        if self.new_architecture is not None and not self.experience.knows_architecture(case):
            known = wider(known, self.new_architecture.factors(level))
        rows = self.experience.rows_of_run(case)
        return self.new_device.widened(known, case, rows, level)


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
        "experience": corrector.experience.to_json(),
        "newest_release": dict(corrector.newest_release),
    }


def corrector_from_json(content: object) -> Corrector:
    """Return the corrector that `corrector_to_json` wrote; KeyError, TypeError, ValueError or
    InvalidInputError for anything else."""
    own = mapping(content)
    new = own["new_architecture"]
    return Corrector(
        learner=learner_from_json(mapping(own["learner"])),
        calibration=Calibration.from_json(mapping(own["calibration"])),
        new_device=NewDevice.from_json(mapping(own["new_device"])),
        new_architecture=None if new is None else residuals_from_json(new),
        experience=Experience.from_json(own["experience"]),
        newest_release={k: float(str(v)) for k, v in mapping(own["newest_release"]).items()},
    )
