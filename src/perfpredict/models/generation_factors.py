"""The learned factors of generation's terms: what physics expects, plus effects of groups.

ln factor = centre + effect of the framework + of framework and vendor + of framework and device
+ of framework and precision. A group that was never seen has no effect of its own, so a new device
of a known vendor is predicted as that vendor's devices are, and a new framework as physics says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.device import DeviceKind
from perfpredict.errors import InvalidInputError
from perfpredict.models.generation_sum import FACTORS
from perfpredict.models.generation_terms import Term
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]
DIGITS = 4
"""Decimals kept of a logarithm: 0.01 % of a term."""


class Level(StrEnum):
    """What rows share an effect by, each within one framework."""

    FRAMEWORK = "framework"
    VENDOR = "vendor"
    DEVICE = "device"
    PRECISION = "precision"


Groups = Mapping[Level, NDArray[np.str_]]
"""Level to the group of each case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What physics expects of the logarithm of one factor."""

    mean: float
    spread: float
    """Standard deviation of the centre around `mean`."""
    width: float
    """Standard deviation of a group's effect, before the scale of its level."""


EXPECTED = {
    Term.PROMPT_PRODUCTS: Expected(mean=0.6, spread=0.25, width=0.6),
    Term.PROMPT_ATTENTION: Expected(mean=1.2, spread=0.4, width=0.6),
    Term.PROMPT_WEIGHTS: Expected(mean=0.2, spread=0.25, width=0.6),
    Term.PROMPT_TRAFFIC: Expected(mean=0.5, spread=0.4, width=0.6),
    Term.STEP_WEIGHTS: Expected(mean=0.2, spread=0.25, width=0.7),
    Term.STEP_CACHE: Expected(mean=0.3, spread=0.4, width=1.0),
    Term.STEP_UNSHARED_CACHE: Expected(mean=-1.5, spread=1.0, width=1.5),
    Term.STEP_PRODUCTS: Expected(mean=0.8, spread=0.5, width=1.0),
    Term.STEP_TRAFFIC: Expected(mean=0.5, spread=0.4, width=1.0),
    Term.STEP_MATRIX_LAUNCHES: Expected(mean=1.5, spread=1.0, width=1.5),
    Term.STEP_SMALL_LAUNCHES: Expected(mean=0.3, spread=1.0, width=1.5),
    Term.PASSES: Expected(mean=0.0, spread=1.0, width=1.5),
    Term.SEQUENCE_STEPS: Expected(mean=0.0, spread=1.0, width=1.5),
    Term.SYNC_LATENCY: Expected(mean=0.5, spread=0.7, width=1.0),
    Term.SYNC_TRAFFIC: Expected(mean=0.5, spread=0.7, width=1.0),
    Term.REQUEST: Expected(mean=0.0, spread=1.0, width=2.0),
    Term.PROMPT_TOKENS: Expected(mean=-1.0, spread=1.0, width=1.0),
    Term.OTHER_LAYERS: Expected(mean=-4.0, spread=1.0, width=3.0),
    Term.PROMPT_UNPACKING: Expected(mean=-1.0, spread=1.0, width=1.5),
    Term.STEP_UNPACKING: Expected(mean=-3.5, spread=1.0, width=1.5),
}
"""Means are efficiencies that kernels reach (exp(-0.6) = 55 % of peak for products, 82 % of the
bandwidth for weights); of what no rate gives, they are the order of magnitude. Spreads and widths
are judgements, narrower where physics bounds a factor; docs/generation.md says what was tried."""

MEANS = np.array([EXPECTED[term].mean for term in FACTORS])
SPREADS = np.array([EXPECTED[term].spread for term in FACTORS])
WIDTHS = np.array([EXPECTED[term].width for term in FACTORS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Logarithms of the factors: a centre and effects, rounded to DIGITS."""

    centre: Floats
    effects: Mapping[Level, Mapping[str, Floats]]
    host_overlap: float
    """p of the norm that joins device and host, see models/generation_sum.py."""

    def log_factors(self, groups: Groups) -> Floats:
        """Return the logarithms, shape (cases, FACTORS)."""
        found = np.tile(self.centre, (len(groups[Level.FRAMEWORK]), 1))
        nothing = np.zeros(len(FACTORS))
        for level, effects in self.effects.items():
            names, member_of = np.unique(groups[level], return_inverse=True)
            table = np.array([effects.get(str(name), nothing) for name in names])
            found += table.reshape(-1, len(FACTORS))[member_of]
        return found

    @classmethod
    def by_physics(cls, mean: Floats, host_overlap: float) -> Self:
        """Return what is expected before any measurement."""
        return cls(centre=mean, effects={level: {} for level in Level},
                   host_overlap=host_overlap)  # fmt: skip

    def to_json(self) -> dict[str, object]:
        """Return plain lists and numbers, for `from_json`."""
        return {
            "centre": self.centre.tolist(),
            "effects": {
                level.value: {name: effect.tolist() for name, effect in effects.items()}
                for level, effects in self.effects.items()
            },
            "host_overlap": self.host_overlap,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        effects = content["effects"]
        if not isinstance(effects, dict):
            raise InvalidInputError("the effects of groups are missing")
        return cls(
            centre=_vector(content["centre"]),
            effects={
                level: {str(name): _vector(own) for name, own in effects[level.value].items()}
                for level in Level
            },
            host_overlap=float(str(content["host_overlap"])),
        )


def groups_of(cases: Sequence[Case]) -> dict[Level, NDArray[np.str_]]:
    """Return which groups each case is in."""
    frameworks = [framework_of(case) for case in cases]
    names = {
        Level.FRAMEWORK: frameworks,
        Level.VENDOR: [f"{f}|{_maker(c)}" for f, c in zip(frameworks, cases, strict=True)],
        Level.DEVICE: [cell_of(case) for case in cases],
        Level.PRECISION: [f"{f}|{precision_of(c)}" for f, c in zip(frameworks, cases, strict=True)],
    }
    return {level: np.array(own, dtype=str) for level, own in names.items()}


def framework_of(case: Case) -> str:
    """Return the framework of a case, PyTorch where none is named."""
    return case.workload.framework_name


def cell_of(case: Case) -> str:
    """Return framework and device."""
    return f"{framework_of(case)}|{case.device.name}"


def precision_of(case: Case) -> str:
    """Return precision and scheme of quantisation."""
    workload = case.workload
    scheme = f"/{workload.quantization}" if workload.quantization else ""
    return f"{workload.precision.value}{scheme}"


def _maker(case: Case) -> str:
    """Return the vendor; its CPUs and accelerators have nothing in common with its GPUs."""
    device = case.device
    is_gpu = device.kind in {DeviceKind.GPU, DeviceKind.SOC}
    return device.vendor if is_gpu else f"{device.vendor}-{device.kind.value}"


def _vector(content: object) -> Floats:
    vector = np.array(content, dtype=np.float64)
    if vector.shape != (len(FACTORS),):
        raise InvalidInputError(f"expected {len(FACTORS)} factors, got {vector.shape}")
    return vector
