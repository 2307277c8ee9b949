"""What a predictor of generation has learned of each manner of running, and from what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from perfpredict.errors import InvalidInputError
from perfpredict.models.generation_factors import Factors, cell_of, framework_of, precision_of
from perfpredict.models.generation_trees import Trees
from perfpredict.models.json_parts import counts, mapping
from perfpredict.models.predictor import Case

EAGER, SERVED = "eager", "served"
"""Manners of running: nothing but what physics expects is shared by the two."""
EAGER_FRAMEWORKS = frozenset({"pytorch", "transformers"})
"""They launch each kernel from Python."""


def manner_of(case: Case) -> str:
    """Return how a case is run, EAGER or SERVED."""
    return EAGER if framework_of(case) in EAGER_FRAMEWORKS else SERVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was learned of one manner of running."""

    factors: Factors
    trees: Trees | None = None
    """None where there were too few rows."""

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        trees = None if self.trees is None else self.trees.text
        return {"factors": self.factors.to_json(), "trees": trees}

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        own = mapping(content)
        trees = own["trees"]
        return cls(
            factors=Factors.from_json(mapping(own["factors"])),
            trees=None if trees is None else Trees(str(trees)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was in training."""

    rows_by_cell: Mapping[str, int]
    """`framework|device` to rows."""
    rows_by_model: Mapping[str, int]
    precisions: frozenset[str]
    """`framework|precision`."""
    frameworks: frozenset[str]
    batch_sizes: tuple[int, int]
    """Smallest and largest."""

    @classmethod
    def of(cls, cases: Sequence[Case], models: Sequence[str]) -> Self:
        """Return what is seen in `cases`, whose models' names are `models`."""
        batch_sizes = [case.workload.batch_size for case in cases]
        return cls(
            rows_by_cell=dict(sorted(Counter(cell_of(case) for case in cases).items())),
            rows_by_model=dict(sorted(Counter(models).items())),
            precisions=frozenset(_numbers_of(case) for case in cases),
            frameworks=frozenset(framework_of(case) for case in cases),
            batch_sizes=(min(batch_sizes), max(batch_sizes)),
        )

    def cell_rows(self, case: Case) -> int:
        """Return how many rows were of the framework and device of a case."""
        return self.rows_by_cell.get(cell_of(case), 0)

    def similar_rows(self, case: Case) -> int:
        """Return how many rows were of the same framework and device, or of the same model."""
        return max(self.cell_rows(case), self.rows_by_model.get(case.workload.model, 0))

    def cautions(self, case: Case) -> tuple[str, ...]:
        """Return in which ways a case lies outside of what was learned from."""
        framework, found = framework_of(case), []
        if framework not in self.frameworks:
            found.append(f"no row of {framework} was in training: predicted by physics alone")
        else:
            if self.cell_rows(case) == 0:
                found.append(f"no row of {framework} on {case.device.name} was in training")
            if _numbers_of(case) not in self.precisions:
                found.append(f"no row of {framework} in {precision_of(case)} was in training")
        lowest, highest = self.batch_sizes
        if not lowest <= case.workload.batch_size <= highest:
            found.append(
                f"batch_size {case.workload.batch_size} is outside the {lowest} to {highest} "
                "seen in training"
            )
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`."""
        return {
            "rows_by_cell": dict(self.rows_by_cell),
            "rows_by_model": dict(self.rows_by_model),
            "precisions": sorted(self.precisions),
            "frameworks": sorted(self.frameworks),
            "batch_sizes": list(self.batch_sizes),
        }

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Return what `to_json` wrote; InvalidInputError, KeyError or ValueError for damage."""
        own = mapping(content)
        lowest, highest = _texts(own["batch_sizes"])
        return cls(
            rows_by_cell=counts(own["rows_by_cell"]),
            rows_by_model=counts(own["rows_by_model"]),
            precisions=frozenset(_texts(own["precisions"])),
            frameworks=frozenset(_texts(own["frameworks"])),
            batch_sizes=(int(lowest), int(highest)),
        )


def _texts(content: object) -> list[str]:
    if not isinstance(content, list):
        raise InvalidInputError("a list is missing")
    return [str(one) for one in content]


def _numbers_of(case: Case) -> str:
    return f"{framework_of(case)}|{precision_of(case)}"
