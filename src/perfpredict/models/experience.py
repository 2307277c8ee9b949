"""What a learner has seen: how many rows of which devices, models and ways to run them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Self

from perfpredict.catalog.models import ModelEntry, find_model
from perfpredict.domain.precision import Precision
from perfpredict.errors import InvalidInputError, UnknownModelError
from perfpredict.models.json_parts import counts, mapping
from perfpredict.models.predictor import Case
from perfpredict.models.work_kinds import execution_of

FAMILY_SPREAD = 0.4
EXECUTION_SPREAD = 0.4
"""Log standard deviations of the level of a family of models, and of a framework and precision, not
learned.

Judgements: the roofline's level differs by about as much between families and frameworks whose rows
took part in its fit and those that did not (docs/accuracy.md, by source)."""
SIXTEEN_BITS = (Precision.FP16, Precision.BF16, Precision.AMP_FP16, Precision.AMP_BF16)
SIXTEEN_BIT_SPREAD = 0.15
"""Log standard deviation between two of these formats under one framework, a judgement: they
compute at one rate, and autocast adds conversions and normalises in fp32."""
BATCH_SPREAD = 0.1
"""Log standard deviation for each e-fold that a batch lies outside of what was learned of its way
to run: a judgement. Small batches wait for the host, which large ones say nothing of."""
NOVELTY_ROWS = 10.0
"""Rows at which half of that variance is gone."""
FAMILY_ROWS, FAMILY_SHARE = 30.0, 0.02
"""Rows of a family, or share of all rows where that is fewer, at which half of what was learned is
meant for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """Counts of training rows."""

    by_device: Mapping[str, int]
    by_run: Mapping[str, int]
    """Device and framework: a device known from one says little of another."""
    by_execution: Mapping[str, int]
    """Kind of device, framework, compiled or eager, and precision."""
    batch_sizes: Mapping[str, tuple[int, int]]
    """Smallest and largest of each execution."""
    by_model: Mapping[str, int]
    by_family: Mapping[str, int]
    """Broad family of models: a classifier says little of a speech recogniser."""
    by_family_run: Mapping[str, int]
    """Family and framework: text served by one says little of text under another."""
    architectures: tuple[str, ...]
    """Sorted."""
    devices_by_kind: Mapping[str, int]
    """Kind of device to how many of it were in training; another kind is not corrected."""

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Self:
        """Return the counts of `cases`, of which there is at least one."""
        sizes: dict[str, list[int]] = {}
        for case in cases:
            sizes.setdefault(_execution(case), []).append(case.workload.batch_size)
        return cls(
            by_device=Counter(case.device.name for case in cases),
            by_run=Counter(_run(case) for case in cases),
            by_execution={name: len(own) for name, own in sizes.items()},
            batch_sizes={name: (min(own), max(own)) for name, own in sizes.items()},
            by_model=Counter(case.workload.model for case in cases),
            by_family=Counter(family_of(case) for case in cases),
            by_family_run=Counter(_family_run(case) for case in cases),
            architectures=tuple(sorted({architecture_of(case) for case in cases})),
            devices_by_kind=Counter(
                kind for _, kind in sorted({(c.device.name, c.device.kind.value) for c in cases})
            ),
        )

    @property
    def rows(self) -> int:
        return sum(self.by_device.values())

    def rows_of_run(self, case: Case) -> int:
        """Return how many rows are of the device of `case` under its framework."""
        return self.by_run.get(_run(case), 0)

    def knows_architecture(self, case: Case) -> bool:
        return architecture_of(case) in self.architectures

    def novelty(self, case: Case) -> float:
        """Return the log variance of what of `case` was hardly seen, device and batch aside."""
        strange = _novelty(FAMILY_SPREAD, self.by_family_run.get(_family_run(case), 0))
        return self._novelty_of_execution(case) + strange

    def batch_range(self, case: Case) -> "BatchRange | None":
        """Return the batch sizes seen of the way that `case` is run, None where there are none."""
        sizes = self.batch_sizes.get(_execution(case))
        return None if sizes is None else BatchRange(*sizes)

    def _novelty_of_execution(self, case: Case) -> float:
        rows = self.by_execution.get(_execution(case), 0)
        alone = _novelty(EXECUTION_SPREAD, rows)
        if case.workload.precision not in SIXTEEN_BITS:
            return alone
        siblings = [self.by_execution.get(_execution(case, other), 0) for other in SIXTEEN_BITS]
        near = _novelty(EXECUTION_SPREAD, sum(siblings)) + _novelty(SIXTEEN_BIT_SPREAD, rows)
        return min(alone, near)

    def family_trust(self, case: Case) -> float:
        """Return how much of what was learned is meant for the family of `case`, 0 to 1.

        What image models taught is wrong for text: learned in full, training of BERT on 29 GPUs was
        predicted twice too fast, by the sum alone 1.4 times (docs/design.md).
        """
        rows = self.by_family.get(family_of(case), 0)
        half = min(FAMILY_ROWS, FAMILY_SHARE * self.rows)
        return rows**2 / (rows**2 + half**2)

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return in which ways `case` lies outside of what was learned from, batch size aside."""
        found: list[str] = []
        workload = case.workload
        if case.device.name not in self.by_device:
            found.append(f"no row of {case.device.name} was in training")
        elif not self.rows_of_run(case):
            found.append(
                f"no row of {case.device.name} under {workload.framework_name} was in training"
            )
        if not self.knows_architecture(case):
            found.append("no model of its architecture was in training")
        if family_of(case) not in self.by_family:
            family = workload.family
            found.append(
                f"no {family} model was in training" if family else "its family is not known"
            )
        elif _family_run(case) not in self.by_family_run:
            found.append(
                f"no {family_of(case)} model under {workload.framework_name} was in training"
            )
        if _execution(case) not in self.by_execution:
            found.append(
                f"no row of {execution_of(workload)} in {workload.precision} on a "
                f"{case.device.kind} was in training"
            )
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {
            "by_device": dict(self.by_device),
            "by_run": dict(self.by_run),
            "by_execution": dict(self.by_execution),
            "batch_sizes": {name: list(sizes) for name, sizes in self.batch_sizes.items()},
            "by_model": dict(self.by_model),
            "by_family": dict(self.by_family),
            "by_family_run": dict(self.by_family_run),
            "architectures": list(self.architectures),
            "devices_by_kind": dict(self.devices_by_kind),
        }

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Return what `to_json` wrote; KeyError, TypeError, ValueError or InvalidInputError for
        anything else."""
        own = mapping(content)
        architectures = own["architectures"]
        if not isinstance(architectures, list):
            raise InvalidInputError("architectures are missing")
        return cls(
            by_device=counts(own["by_device"]),
            by_run=counts(own["by_run"]),
            by_execution=counts(own["by_execution"]),
            batch_sizes={k: _sizes(v) for k, v in mapping(own["batch_sizes"]).items()},
            by_model=counts(own["by_model"]),
            by_family=counts(own["by_family"]),
            by_family_run=counts(own["by_family_run"]),
            architectures=tuple(str(name) for name in architectures),
            devices_by_kind=counts(own["devices_by_kind"]),
        )


@dataclass(frozen=True, slots=True)
class BatchRange:
    """The smallest and the largest batch size seen."""

    lowest: int
    highest: int

    def novelty(self, batch_size: int) -> float:
        """Return the log variance that being outside adds."""
        if self.lowest <= batch_size <= self.highest:
            return 0.0
        outside = max(log(self.lowest / batch_size), log(batch_size / self.highest))
        return (BATCH_SPREAD * outside) ** 2

    def cautions(self, batch_size: int) -> tuple[str, ...]:
        """Return that `batch_size` is outside, if so."""
        if self.lowest <= batch_size <= self.highest:
            return ()
        seen = f"the {self.lowest} to {self.highest} seen in training"
        return (f"batch_size {batch_size} is outside {seen}",)


def architecture_of(case: Case) -> str:
    """Return the architecture that the catalog gives the model; its own name where it has none."""
    known = _known(case.workload.model)
    return case.workload.model if known is None else known.architecture


def family_of(case: Case) -> str:
    """Return the broad family that the catalog gives the model, else the one that was stated."""
    known = _known(case.workload.model)
    return (known and known.family) or case.workload.family or "other"


@lru_cache(maxsize=4096)
def _known(model: str) -> ModelEntry | None:
    try:
        return find_model(model)
    except UnknownModelError:
        return None


def _run(case: Case) -> str:
    return f"{case.device.name}/{case.workload.framework_name}"


def _family_run(case: Case) -> str:
    return f"{family_of(case)}/{case.workload.framework_name}"


def _execution(case: Case, precision: Precision | None = None) -> str:
    own = precision or case.workload.precision
    return f"{case.device.kind}/{execution_of(case.workload)}/{own}"


def _novelty(spread: float, rows: int) -> float:
    """Return the log variance of what is shared by rows of which `rows` were in training."""
    return spread**2 / (1.0 + rows / NOVELTY_ROWS)


def _sizes(value: object) -> tuple[int, int]:
    if not isinstance(value, list):
        raise InvalidInputError("batch sizes are missing")
    smallest, largest = value
    return int(smallest), int(largest)
