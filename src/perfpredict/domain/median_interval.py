"""How sure a median is, without assuming a distribution: an interval between order statistics."""

import math
import statistics
from collections.abc import Sequence

from perfpredict.domain.accuracy import DEFAULT_CONFIDENCE

_NORMAL_FROM = 200
"""Values from which the normal approximation of the rank is off by less than one rank."""


def median_interval(
    ascending: Sequence[float], confidence: float = DEFAULT_CONFIDENCE
) -> tuple[float, float] | None:
    """Return bounds of the median of what `ascending` was drawn from; None for too few values.

    The k-th smallest and the k-th largest of n hold it with probability 1 - 2 P(B < k), where B
    is binomial (n, 1/2); k is the largest that keeps `confidence`. Six values are the fewest
    for 95 %.
    """
    n = len(ascending)
    k = _rank(n, confidence)
    return None if k == 0 else (ascending[k - 1], ascending[n - k])


def _rank(n: int, confidence: float) -> int:
    """Return the k of `median_interval`, 0 where there is none."""
    if n >= _NORMAL_FROM:
        z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
        return math.floor((n - z * math.sqrt(n)) / 2)
    below = 0.0
    for k in range(n // 2 + 1):
        below += math.comb(n, k) / 2**n
        if 2 * below > 1 - confidence:
            return k
    return 0
