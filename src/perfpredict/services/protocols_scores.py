"""Figures of held-out answers: by slice and group, coverage with width, and ranking of devices."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from perfpredict.services.protocols_rows import ScoredRow, Slice
from perfpredict.services.protocols_splits import ProtocolName, group_of

FEWEST_GROUP_ROWS = 5
"""Groups of fewer rows count in the pooled figures but not in medians over groups."""
FEWEST_COVERAGE_ROWS = 50
"""Rows of a group needed before its coverage is named the worst."""
FEWEST_RANKED = 3
"""Devices of one class with the same workload needed for a rank correlation; regret needs two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How one group was covered."""

    group: str
    rows: int
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """One held-out group in one slice; errors are of latency, fractions, means over seeds."""

    slice: str
    group: str
    rows: int
    median_ape: float
    mape: float
    geo_error_factor: float
    bias_factor: float
    coverage: float
    median_interval_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceScore:
    """One slice, all its groups together; errors are of latency, fractions, means over seeds."""

    slice: str
    rows: int
    groups: int
    group_median_ape: float | None
    """Median, over groups of FEWEST_GROUP_ROWS rows, of each group's median APE."""
    median_ape: float
    mape: float
    geo_error_factor: float
    bias_factor: float
    coverage: float
    median_interval_ratio: float
    worst_group: Coverage | None
    """Least covered held-out group of FEWEST_COVERAGE_ROWS rows."""
    worst_device: Coverage | None
    ranked_sets: int
    """Workloads that were measured on two devices of one class."""
    top1_regret: float | None
    """Mean of how much longer the device takes that was predicted fastest, 0 where it is."""
    rank_correlation: float | None
    """Mean Spearman over workloads measured on FEWEST_RANKED devices of one class."""
    correlated_sets: int


def score(
    answers: pl.DataFrame, rows: Sequence[ScoredRow], protocol: ProtocolName
) -> tuple[tuple[SliceScore, ...], tuple[GroupScore, ...]]:
    """Return the figures of `answers` (row, seed, predicted, lower, upper), largest slice first."""
    facts = _facts(rows, protocol)
    told = answers.join(facts, on="row", how="left", maintain_order="left").with_columns(_ERRORS)
    long = told.explode("slices").rename({"slices": "slice"})
    groups = _means(long, "slice", "group")
    devices = _means(long, "slice", "device").rename({"device": "group"})
    whole = _means(long, "slice")
    ranking = _ranking(long)
    names = {row["slice"]: row for row in whole.iter_rows(named=True)}
    slices = [
        _slice_score(
            names[one.value],
            groups.filter(pl.col("slice") == one.value),
            _worst(devices.filter(pl.col("slice") == one.value)),
            ranking.get(one.value, _Ranking()),
        )
        for one in Slice
        if one.value in names
    ]
    return tuple(slices), tuple(GroupScore(**row) for row in groups.iter_rows(named=True))


_RATIO = pl.col("predicted") / pl.col("actual")
_ERRORS = (
    (_RATIO - 1).abs().alias("ape"),
    _RATIO.log().alias("log_ratio"),
    pl.col("actual").is_between("lower", "upper").alias("is_inside"),
    (pl.col("upper") / pl.col("lower")).alias("interval_ratio"),
)
_FIGURES = (
    pl.len().alias("rows"),
    pl.col("ape").median().alias("median_ape"),
    pl.col("ape").mean().alias("mape"),
    pl.col("log_ratio").abs().mean().exp().alias("geo_error_factor"),
    pl.col("log_ratio").mean().exp().alias("bias_factor"),
    pl.col("is_inside").mean().alias("coverage"),
    pl.col("interval_ratio").median().alias("median_interval_ratio"),
)


def _facts(rows: Sequence[ScoredRow], protocol: ProtocolName) -> pl.DataFrame:
    group = group_of(protocol)
    columns = {
        "row": range(len(rows)),
        "actual": [row.latency_ms for row in rows],
        "batch": [row.case.workload.batch_size for row in rows],
        "group": [group(row) for row in rows],
        "device": [row.device for row in rows],
        "class": [row.case.device.kind.value for row in rows],
        "ranked_as": [row.ranked_as for row in rows],
        "slices": [[one.value for one in row.slices] for row in rows],
    }
    return pl.DataFrame(columns)


def _means(long: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Return the figures of each seed's rows by `keys`, then their means over the seeds."""
    by_seed = long.group_by("seed", *keys, maintain_order=True).agg(_FIGURES)
    figures = pl.exclude("seed", "rows", *keys)
    return (
        by_seed.group_by(*keys, maintain_order=True)
        .agg(pl.col("rows").mean().round().cast(pl.Int64), figures.mean())
        .sort("rows", *keys, descending=[True, *(False for _ in keys)])
    )


def _slice_score(
    whole: dict[str, float], groups: pl.DataFrame, worst_device: Coverage | None,
    ranking: "_Ranking",
) -> SliceScore:  # fmt: skip
    enough = groups.filter(pl.col("rows") >= FEWEST_GROUP_ROWS)["median_ape"]
    median = enough.median()
    return SliceScore(
        slice=str(whole["slice"]),
        rows=int(whole["rows"]),
        groups=groups.height,
        group_median_ape=float(median) if isinstance(median, float) else None,
        median_ape=whole["median_ape"],
        mape=whole["mape"],
        geo_error_factor=whole["geo_error_factor"],
        bias_factor=whole["bias_factor"],
        coverage=whole["coverage"],
        median_interval_ratio=whole["median_interval_ratio"],
        worst_group=_worst(groups),
        worst_device=worst_device,
        ranked_sets=ranking.sets,
        top1_regret=ranking.regret,
        rank_correlation=ranking.correlation,
        correlated_sets=ranking.correlated_sets,
    )


def _worst(groups: pl.DataFrame) -> Coverage | None:
    enough = groups.filter(pl.col("rows") >= FEWEST_COVERAGE_ROWS).sort("coverage", "group")
    if enough.is_empty():
        return None
    row = enough.row(0, named=True)
    return Coverage(group=row["group"], rows=row["rows"], coverage=row["coverage"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranking:
    sets: int = 0
    regret: float | None = None
    correlated_sets: int = 0
    correlation: float | None = None


def _ranking(long: pl.DataFrame) -> dict[str, _Ranking]:
    """Return by slice how well devices of one class are put in order for equal workloads.

    Repeats on a device are medians; latency is per sample, since batches may differ.
    """
    keys = ["slice", "seed", "class", "ranked_as"]
    per_device = (
        long.group_by(*keys, "device", maintain_order=True)
        .agg((pl.col("predicted", "actual") / pl.col("batch")).median())
        .filter(pl.len().over(keys) >= 2)
    )
    sets = per_device.group_by(keys, maintain_order=True).agg(
        pl.len().alias("devices"),
        (pl.col("actual").get(pl.col("predicted").arg_min()) / pl.col("actual").min() - 1)
        .alias("regret"),
        pl.corr(pl.col("predicted").rank(), pl.col("actual").rank()).alias("correlation"),
    )  # fmt: skip
    is_long = pl.col("devices") >= FEWEST_RANKED
    known = is_long & pl.col("correlation").is_not_nan()
    table = sets.group_by("slice", maintain_order=True).agg(
        (pl.len() / pl.col("seed").n_unique()).round().cast(pl.Int64).alias("sets"),
        pl.col("regret").mean(),
        (known.sum() / pl.col("seed").n_unique()).round().cast(pl.Int64).alias("correlated_sets"),
        pl.col("correlation").filter(known).mean(),
    )
    return {row.pop("slice"): _Ranking(**row) for row in table.iter_rows(named=True)}
