"""A model of which only totals are known: what `--params` and `--flops` say of it."""

from dataclasses import dataclass

from perfpredict.domain.measurement import check_positive


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """Facts of a model that only its user knows."""

    parameters: float
    """Weights, count."""
    flops_per_sample: float
    """Of one forward pass of one sample; a multiply-add counts as two."""

    def __post_init__(self) -> None:
        check_positive("params", self.parameters)
        check_positive("flops", self.flops_per_sample)
