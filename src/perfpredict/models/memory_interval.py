"""How far measured memory lies from the formula, by situation."""

from functools import lru_cache
from statistics import NormalDist

from perfpredict.domain.prediction import Interval
from perfpredict.domain.workload import Mode
from perfpredict.models.memory_weights import is_quantized
from perfpredict.models.predictor import Case

NORMAL_90 = 1.645
"""Two-sided 90 % quantile of the normal distribution, to scale the factors to other levels."""

FACTORS = {
    "generation": (0.95, 1.2),
    "generation/quantized": (0.9, 1.35),
    "inference": (0.7, 2.0),
    "inference/compiled": (0.7, 2.3),
    "training": (0.7, 1.8),
}
"""Factors of the 90 % interval of measured over predicted.

Those of encoders meet the brackets of at least 90 % of the published `timm` runs that filled a
card. Those of generation are a round judgement: weights and cache are exact, and releases and
quantisers add to them more than they save. docs/memory.md says how often each holds.
"""


def situation(case: Case) -> str:
    """Return which of FACTORS is meant for `case`."""
    if case.workload.mode is Mode.TRAINING:
        return "training"
    if case.workload.phase is None:
        return "inference/compiled" if case.workload.is_compiled else "inference"
    return "generation/quantized" if is_quantized(case.workload) else "generation"


def memory_interval(case: Case, value: float, level: float) -> Interval:
    """Return the interval around `value` bytes that is meant to hold a share `level` of runs."""
    low, high = _factors(situation(case), level)
    return Interval(lower=value * low, upper=value * high, coverage=level)


@lru_cache(maxsize=64)
def _factors(situation: str, level: float) -> tuple[float, float]:
    stretch = NormalDist().inv_cdf((1.0 + level) / 2.0) / NORMAL_90
    low, high = FACTORS[situation]
    return low**stretch, high**stretch
