"""The gate on accuracy: which limits hold, which do not, and which cannot be told yet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from pathlib import Path

import polars as pl

from perfpredict.catalog.given_files import read_given
from perfpredict.catalog.written_files import write_atomically
from perfpredict.errors import InvalidInputError

_LARGEST_BASELINE_BYTES = 2**20
_SURE = 0.01
"""A coverage counts as too low where chance alone gives so few inside with less probability."""


class Outcome(StrEnum):
    """What a check came to."""

    PASS = "pass"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """Limits on the accuracy of every metric asked about; None is not checked."""

    max_median_error: float | None = None
    max_geo_factor: float | None = None
    max_bias_factor: float | None = None
    """In either direction: 1.2 allows 0.83 to 1.2."""
    min_coverage: float | None = None
    min_samples: int = 20
    max_worsening: float = 0.1
    """Share by which the error factor may exceed the baseline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One limit on one metric."""

    check: str
    value: float | None
    limit: float
    n: int
    result: Outcome


def run_gate(
    statistics: pl.DataFrame, limits: GateLimits, baseline: Mapping[str, float] | None = None
) -> list[GateCheck]:
    """Return a check for every limit and metric, given ungrouped accuracy statistics.

    Raises InvalidInputError where nothing is limited.
    """
    checks: list[GateCheck] = []
    for row in statistics.iter_rows(named=True):
        checks += _checks(row, limits, baseline or {})
    given = (
        limits.max_median_error, limits.max_geo_factor, limits.max_bias_factor,
        limits.min_coverage,
    )  # fmt: skip
    if all(limit is None for limit in given) and baseline is None:
        raise InvalidInputError(
            "nothing to check", hint="give --max-median-error, --min-coverage or --baseline"
        )
    return checks


def _checks(
    row: Mapping[str, float], limits: GateLimits, baseline: Mapping[str, float]
) -> list[GateCheck]:
    name, n = str(row["metric"]), int(row["n"])
    upper: list[tuple[str, float | None, float | None]] = [
        ("median_abs_rel_error", row["median_abs_rel_error"], limits.max_median_error),
        ("geo_error_factor", row["geo_error_factor"], limits.max_geo_factor),
    ]
    if limits.max_bias_factor is not None and row["bias_factor"] is not None:
        either_way = max(row["bias_factor"], 1.0 / row["bias_factor"])
        upper.append(("bias_factor", either_way, limits.max_bias_factor))
    if name in baseline:
        allowed = baseline[name] * (1.0 + limits.max_worsening)
        upper.append(("geo_error_factor against the baseline", row["geo_error_factor"], allowed))
    found = [
        _judged(f"{name} {what}", value, limit, n, limits.min_samples, is_held=value <= limit)
        if value is not None
        else _judged(f"{name} {what}", None, limit, n, limits.min_samples, is_held=False)
        for what, value, limit in upper
        if limit is not None
    ]
    if limits.min_coverage is not None:
        coverage = row["coverage"]
        is_held = coverage is not None and not is_refuted(
            round(coverage * n), n, limits.min_coverage
        )
        found.append(
            _judged(
                f"{name} coverage", coverage, limits.min_coverage, n, limits.min_samples,
                is_held=is_held,
            )
        )  # fmt: skip
    return found


def _judged(
    check: str, value: float | None, limit: float, n: int, min_samples: int, *, is_held: bool
) -> GateCheck:
    result = Outcome.PASS if is_held else Outcome.FAIL
    if n < min_samples or value is None:
        result = Outcome.INSUFFICIENT
    return GateCheck(check=check, value=value, limit=limit, n=n, result=result)


def is_refuted(inside: int, n: int, nominal: float) -> bool:
    """Return whether `inside` of n is clearly too few for a coverage of at least `nominal`.

    One-sided binomial test at 1 %: 81 of 100 refutes 90 %, 85 of 100 does not.
    """
    at_most = sum(comb(n, k) * nominal**k * (1.0 - nominal) ** (n - k) for k in range(inside + 1))
    return at_most < _SURE


def read_baseline(path: Path) -> dict[str, float]:
    """Return the error factor per metric that `save_baseline` wrote; InvalidInputError if bad."""
    data = read_given(path, most_bytes=_LARGEST_BASELINE_BYTES)
    try:
        raw = json.loads(data)
        return {str(name): float(value) for name, value in raw["geo_error_factor"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise InvalidInputError(
            f"--baseline: '{path}' is no baseline", hint="--save-baseline FILE writes one"
        ) from exc


def save_baseline(statistics: pl.DataFrame, path: Path) -> None:
    """Write the error factor of every metric, for `read_baseline`."""
    factors = {
        row["metric"]: row["geo_error_factor"]
        for row in statistics.iter_rows(named=True)
        if row["geo_error_factor"] is not None
    }
    text = json.dumps({"geo_error_factor": factors}, indent=1, sort_keys=True) + "\n"
    write_atomically(path, text.encode())
