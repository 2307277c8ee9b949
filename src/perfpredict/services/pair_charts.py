"""What the charts of pairs show, counted over many rows: spots, positions and coverage."""

import math
from dataclasses import dataclass

import polars as pl

from perfpredict.domain.metrics import Metric

MOST_SPOTS = 1200
"""Spots of one chart of predicted against measured values."""
_ORDER = (Metric.LATENCY, Metric.THROUGHPUT, Metric.MEMORY)
_FINEST_GRID = 200
_FURTHEST = 3.0
_BINS = 24
_WIDTH_GROUPS = 8
_FEWEST_IN_GROUP = 10
_EDGES = tuple(-_FURTHEST + 2 * _FURTHEST / _BINS * index for index in range(_BINS + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGroup:
    """How many measurements the intervals of one group hold."""

    level: float | None
    """What the intervals claim; None where they differ."""
    narrowest: float
    """Upper over lower bound."""
    widest: float
    n: int
    inside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCharts:
    """Of one metric in one unit."""

    metric: str
    unit: str
    bounds: tuple[float, float]
    """Least and greatest of all predicted and measured values above 0."""
    spots: pl.DataFrame
    """Pairs that stand for all that lie on each other, with their `count`; the one furthest off."""
    position_edges: tuple[float, ...]
    """Of the bins of `position_counts`; the outermost hold everything beyond."""
    position_counts: tuple[int, ...]
    """Pairs by ln(measured / predicted) over ln(bound / predicted), with the bound on that side."""
    by_width: tuple[CoverageGroup, ...]
    """Narrow intervals first; empty for too few pairs."""
    by_level: tuple[CoverageGroup, ...]


def pair_charts(pairs: pl.DataFrame) -> tuple[PairCharts, ...]:
    """Return what is drawn of `pairs`, for each metric and unit that they have."""
    quantities = pairs.select("metric", "unit").unique().rows()
    return tuple(
        _charts(pairs.filter(pl.col("metric") == metric, pl.col("unit") == unit), metric, unit)
        for metric, unit in sorted(quantities, key=quantity_order)
    )


def quantity_order(quantity: tuple[str, str]) -> tuple[int, str]:
    """Return what sorts metrics and units as the report shows them, latency first."""
    return _ORDER.index(Metric(quantity[0])), quantity[1]


def _charts(pairs: pl.DataFrame, metric: str, unit: str) -> PairCharts:
    positive = pairs.filter(pl.col("actual") > 0, pl.col("predicted") > 0)
    with_interval = positive.filter(
        pl.col("lower") > 0,
        pl.col("upper") > pl.col("lower"),
        pl.col("inside_interval").is_not_null(),
    ).with_columns((pl.col("upper") / pl.col("lower")).alias("width"))
    values = positive["actual"].to_list() + positive["predicted"].to_list()
    bounds = (min(values), max(values)) if values else (1.0, 10.0)
    return PairCharts(
        metric=metric,
        unit=unit,
        bounds=bounds,
        spots=_spots(positive, *bounds),
        position_edges=_EDGES,
        position_counts=_position_counts(with_interval),
        by_width=_by_width(with_interval),
        by_level=_by_level(with_interval),
    )


def _spots(pairs: pl.DataFrame, low: float, high: float) -> pl.DataFrame:
    """Return the pair furthest off in each cell of the finest grid with few enough of them."""
    span = max(math.log(high / low), 1e-9)
    off = pairs.with_columns(pl.col("inside_interval").fill_null(False).alias("is_inside"))
    cells = _FINEST_GRID
    while True:
        places = [
            ((pl.col(name) / low).log() * (cells / span))
            .floor()
            .cast(pl.Int32)
            .alias(f"{name}_cell")
            for name in ("actual", "predicted")
        ]
        keys = ["is_inside", "actual_cell", "predicted_cell"]
        chosen = (
            off.lazy()
            .with_columns(places)
            .sort(pl.col("ln_ratio").abs(), descending=True)
            .group_by(keys, maintain_order=True)
            .agg(pl.all().first(), pl.len().alias("count"))
            .sort("is_inside", descending=True, maintain_order=True)
            .collect()
        )
        if chosen.height <= MOST_SPOTS:
            return chosen
        cells = int(cells / 1.4)


def _position_counts(pairs: pl.DataFrame) -> tuple[int, ...]:
    is_higher = pl.col("actual") > pl.col("predicted")
    bound = pl.when(is_higher).then("upper").otherwise("lower")
    off = (pl.col("actual") / pl.col("predicted")).log()
    position = off / (bound / pl.col("predicted")).log().abs()
    place = ((position + _FURTHEST) / (2 * _FURTHEST / _BINS)).floor().clip(0, _BINS - 1)
    counted = pairs.select(place.cast(pl.Int64).alias("bin")).drop_nulls()
    counts = dict(counted.group_by("bin").len().iter_rows())
    return tuple(counts.get(index, 0) for index in range(_BINS))


def _by_width(pairs: pl.DataFrame) -> tuple[CoverageGroup, ...]:
    """Return groups of about equal size by the width of the interval, the narrow ones first."""
    groups = min(_WIDTH_GROUPS, pairs.height // _FEWEST_IN_GROUP)
    if groups < 2:
        return ()
    place = pl.int_range(pl.len()) * groups // pl.len()
    return _coverage(pairs.sort("width").with_columns(place.alias("group")))


def _by_level(pairs: pl.DataFrame) -> tuple[CoverageGroup, ...]:
    return _coverage(pairs.with_columns(pl.col("level").alias("group")))


def _coverage(pairs: pl.DataFrame) -> tuple[CoverageGroup, ...]:
    """Return the coverage by the column `group`, in its order."""
    found = pairs.group_by("group").agg(
        pl.when(pl.col("level").n_unique() == 1).then(pl.col("level").first()).alias("level"),
        pl.col("width").min().alias("narrowest"),
        pl.col("width").max().alias("widest"),
        pl.len().alias("n"),
        pl.col("inside_interval").sum().cast(pl.Int64).alias("inside"),
    )
    rows = found.sort("group").drop("group").iter_rows(named=True)
    return tuple(CoverageGroup(**row) for row in rows)
