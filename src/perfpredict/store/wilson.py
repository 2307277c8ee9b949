"""The Wilson interval of an observed share, as SQL.

(s + z²/2n ± z·sqrt(s(1 − s)/n + z²/4n²)) / (1 + z²/n) for a share s of n.
"""

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution: the parameter `$z` of a 95 % interval."""

# rounding may put it a hair outside 0 to 1; least() and greatest() pass over what is null
_BOUND = """
    case when {share} is not null then greatest(0.0, least(1.0, ({share} + $z * $z / (2 * {n})
        {sign} $z * sqrt({share} * (1 - {share}) / {n} + $z * $z / (4 * {n} * {n})))
        / (1 + $z * $z / {n}))) end
"""


def wilson_bounds(share: str, n: str) -> tuple[str, str]:
    """Return the lower and upper bound of the column `share`, which was observed on `n` rows."""
    low, high = (_BOUND.format(share=share, n=n, sign=sign) for sign in "-+")
    return low, high
