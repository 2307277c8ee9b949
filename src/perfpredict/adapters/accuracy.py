"""Accuracy under the documented keys: one dictionary a metric, and one for all of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perfpredict.adapters.answers import Row
from perfpredict.domain.metrics import Metric, ThroughputUnit
from perfpredict.errors import InvalidInputError

_NAMES = {"memory_usage": Metric.MEMORY} | {metric.value: metric for metric in Metric}
_KEYS = {
    "mean_absolute_error": "mae",
    "mean_relative_error": "mean_abs_rel_error",
    "mean_signed_relative_error": "mean_rel_error",
    "median_absolute_relative_error": "median_abs_rel_error",
    "rmse": "rmse",
    "std": "std",
    "min": "min_error",
    "max": "max_error",
    "bias": "mean_error",
    "bias_factor": "bias_factor",
    "geo_error_factor": "geo_error_factor",
    "r_squared": "r2",
    "mean_predicted": "mean_predicted",
    "mean_actual": "mean_actual",
    "coverage": "coverage",
    "coverage_lower": "coverage_lo",
    "coverage_upper": "coverage_hi",
    "level": "level",
    "median_interval_ratio": "median_interval_ratio",
}
"""Documented key → column of the store's statistics."""


def parse_metrics(metric: str | Sequence[str] | None) -> list[Metric]:
    """Return the metrics that are meant, all where none is given."""
    if metric is None:
        return list(Metric)
    names = [metric] if isinstance(metric, str) else metric
    for name in names:
        if name.casefold() not in _NAMES:
            known = "throughput, latency, memory_usage"
            raise InvalidInputError(f"metric must be one of {known}, got '{name}'")
    return list(dict.fromkeys(_NAMES[name.casefold()] for name in names))


def statistics_row(rows: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> Row:
    """Return the statistics of each metric, with a count of 0 where there are no pairs."""
    found: Row = {}
    for metric in metrics:
        of_metric = [row for row in rows if row["metric"] == metric.value]
        samples = [row for row in of_metric if row["unit"] != ThroughputUnit.TOKENS.value]
        tokens = [row for row in of_metric if row["unit"] == ThroughputUnit.TOKENS.value]
        name = "memory_usage" if metric is Metric.MEMORY else metric.value
        found[name] = _statistics((samples or tokens)[0]) if of_metric else _no_statistics()
        if samples and tokens:
            found["throughput_tokens"] = _statistics(tokens[0])
    return {**found, "overall": _overall(rows)}


def _no_statistics() -> Row:
    counts: Row = {"unit": None, "count": 0, "n_configs": 0, "n_excluded": 0}
    return counts | dict.fromkeys(_KEYS)


def _statistics(row: Mapping[str, Any]) -> Row:
    counts = {
        "unit": row["unit"],
        "count": row["n"],
        "n_configs": row["n_configs"],
        "n_excluded": row["n_excluded"],
    }
    return counts | {key: row[column] for key, column in _KEYS.items()}


def _overall(rows: Sequence[Mapping[str, Any]]) -> Row:
    """Return what can be pooled over metrics of unlike units: counts and relative errors.

    Means over all pairs, so a metric weighs as much as it has pairs.
    """
    counted = [row for row in rows if row["n"]]
    total = sum(row["n"] for row in counted)
    overall: Row = {"count": total, "n_excluded": sum(row["n_excluded"] for row in rows)}
    if not total:
        return overall | dict.fromkeys(("mean_relative_error", "geo_error_factor", "coverage"))
    covered = [row for row in counted if row["coverage"] is not None]
    n_covered = sum(row["n"] for row in covered)
    logs = math.fsum(row["n"] * math.log(row["geo_error_factor"]) for row in counted)
    relative = math.fsum(row["n"] * row["mean_abs_rel_error"] for row in counted)
    inside = math.fsum(row["n"] * row["coverage"] for row in covered)
    return overall | {
        "mean_relative_error": relative / total,
        "geo_error_factor": math.exp(logs / total),
        "coverage": inside / n_covered if n_covered else None,
    }
