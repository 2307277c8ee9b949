"""Where the facts of a model come from: the catalog, a configuration file, or bare totals."""

from dataclasses import dataclass
from pathlib import Path

from perfpredict.catalog.hf_config import read_config
from perfpredict.catalog.models import (
    ModelEntry,
    WorkloadProfile,
    describe,
    find_model,
    profile,
    profile_from_totals,
)
from perfpredict.domain.measurement import check_positive
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """What is known of a model that only its user knows."""

    parameters: float
    """Weights, count."""
    flops_per_sample: float
    """Of one forward pass of one sample; a multiply-add counts as two."""

    def __post_init__(self) -> None:
        check_positive("params", self.parameters)
        check_positive("flops", self.flops_per_sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model's entry, with its totals where there are no operations to read off."""

    entry: ModelEntry
    totals: ModelTotals | None = None

    def profile(self, workload: Workload) -> WorkloadProfile:
        """Return the passes that `workload` runs through this model."""
        if self.totals is None:
            return profile(self.entry, workload)
        if workload.phase is not None:
            raise InvalidInputError(
                f"phase '{workload.phase.value}' needs the architecture of '{workload.model}'",
                hint="give its configuration with --config FILE instead of --params and --flops",
            )
        return profile_from_totals(
            parameters=self.totals.parameters,
            flops_per_sample=self.totals.flops_per_sample,
            batch_size=workload.batch_size,
        )


def known_model(
    name: str,
    *,
    config: Path | None = None,
    totals: ModelTotals | None = None,
    family: str | None = None,
) -> KnownModel:
    """Return the model from `config` or `totals` if given, else from the catalog.

    Raises UnknownModelError where the catalog has no such name either.
    """
    if config is not None and totals is not None:
        raise InvalidInputError("give --config or --params with --flops, not both")
    if config is not None:
        return KnownModel(entry=describe(read_config(config, name=name), source=str(config)))
    if totals is not None:
        entry = ModelEntry(
            name=name,
            family=family or "other",
            architecture="totals",
            parameters=round(totals.parameters),
            source="totals",
        )
        return KnownModel(entry=entry, totals=totals)
    return KnownModel(entry=find_model(name))
