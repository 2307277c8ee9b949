"""How far predictions are from measurements: formulas in plain Python, each stated once.

p is a predicted and a the measured value, both above 0. Logarithms are natural.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from perfpredict.errors import InvalidInputError, TooFewRowsError

DEFAULT_CONFIDENCE = 0.95
"""Confidence of the Wilson interval around an observed share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One prediction beside what was measured."""

    predicted: float
    actual: float
    lower: float
    """Bounds of the prediction interval."""
    upper: float

    @property
    def ape(self) -> float:
        """Absolute relative error |p - a| / a, a fraction."""
        return abs(self.predicted - self.actual) / self.actual

    @property
    def log_ratio(self) -> float:
        """ln(p / a): above 0 where the prediction is too high."""
        return math.log(self.predicted / self.actual)

    @property
    def is_inside(self) -> bool:
        """True where lower <= a <= upper."""
        return self.lower <= self.actual <= self.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """All measures over one group of pairs; fractions, never percent."""

    median_ape: float
    mape: float
    within_10: float
    within_20: float
    geo_error_factor: float
    bias_factor: float
    spearman: float | None
    """None for fewer than two pairs, or where all values on one side are equal."""
    coverage: float
    coverage_lo: float
    coverage_hi: float
    median_interval_ratio: float


def measure_accuracy(pairs: Sequence[Pair]) -> Accuracy:
    """Return every accuracy measure of `pairs`; raises TooFewRowsError where there are none."""
    _check_not_empty(pairs)
    inside = sum(pair.is_inside for pair in pairs)
    lowest, highest = wilson_interval(inside, len(pairs))
    return Accuracy(
        median_ape=median_ape(pairs),
        mape=mape(pairs),
        within_10=share_within(pairs, 0.10),
        within_20=share_within(pairs, 0.20),
        geo_error_factor=geo_error_factor(pairs),
        bias_factor=bias_factor(pairs),
        spearman=spearman([p.predicted for p in pairs], [p.actual for p in pairs]),
        coverage=inside / len(pairs),
        coverage_lo=lowest,
        coverage_hi=highest,
        median_interval_ratio=median_interval_ratio(pairs),
    )


def median_ape(pairs: Sequence[Pair]) -> float:
    """Return median(|p - a| / a)."""
    _check_not_empty(pairs)
    return statistics.median(pair.ape for pair in pairs)


def mape(pairs: Sequence[Pair]) -> float:
    """Return mean(|p - a| / a)."""
    _check_not_empty(pairs)
    return math.fsum(pair.ape for pair in pairs) / len(pairs)


def share_within(pairs: Sequence[Pair], fraction: float) -> float:
    """Return the share of pairs with |p - a| / a <= fraction."""
    _check_not_empty(pairs)
    return sum(pair.ape <= fraction for pair in pairs) / len(pairs)


def geo_error_factor(pairs: Sequence[Pair]) -> float:
    """Return exp(mean |ln(p / a)|): 1 is exact, and swapping p and a changes nothing."""
    _check_not_empty(pairs)
    return math.exp(math.fsum(abs(pair.log_ratio) for pair in pairs) / len(pairs))


def bias_factor(pairs: Sequence[Pair]) -> float:
    """Return exp(mean ln(p / a)): above 1 where predictions are too high on the whole."""
    _check_not_empty(pairs)
    return math.exp(math.fsum(pair.log_ratio for pair in pairs) / len(pairs))


def spearman(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Return Pearson's correlation of the ranks, ties at their mean rank.

    None for fewer than two values, or where one side does not vary.
    """
    if len(left) != len(right):
        raise InvalidInputError(f"spearman needs equal lengths, got {len(left)} and {len(right)}")
    if len(left) < 2:
        return None
    x, y = _mean_ranks(left), _mean_ranks(right)
    middle = (len(left) + 1) / 2
    # ranks are multiples of 1/2, so these sums are exact and a flat side gives exactly 0
    var_x = math.fsum((rank - middle) ** 2 for rank in x)
    var_y = math.fsum((rank - middle) ** 2 for rank in y)
    if var_x == 0 or var_y == 0:
        return None
    covariance = math.fsum((a - middle) * (b - middle) for a, b in zip(x, y, strict=True))
    return covariance / math.sqrt(var_x * var_y)


def wilson_interval(
    hits: int, total: int, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of a share observed as `hits` of `total`.

    With s = hits / total and z the normal quantile of (1 + confidence) / 2:
    (s + z²/2n ± z·sqrt(s(1 - s)/n + z²/4n²)) / (1 + z²/n)  (Wilson 1927).
    """
    if not 0 <= hits <= total or total == 0:
        raise InvalidInputError(f"a share needs 0 <= hits <= total, got {hits} of {total}")
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def median_interval_ratio(pairs: Sequence[Pair]) -> float:
    """Return median(upper / lower): how wide the intervals are, 1 being exact."""
    _check_not_empty(pairs)
    return statistics.median(pair.upper / pair.lower for pair in pairs)


def _mean_ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def _check_not_empty(pairs: Sequence[Pair]) -> None:
    if not pairs:
        raise TooFewRowsError("accuracy needs at least one prediction beside its measurement")
