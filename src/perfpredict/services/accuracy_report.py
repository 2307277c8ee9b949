"""Everything that `perf report` shows, read from the store and ready to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from perfpredict.domain.median_interval import median_interval
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError
from perfpredict.services.pair_charts import PairCharts, pair_charts, quantity_order
from perfpredict.services.roofline_points import DeviceRoofline, device_rooflines
from perfpredict.store.accuracy import PairChoice, accuracy, error_counts, list_pairs
from perfpredict.store.feedback import feedback_summary
from perfpredict.store.gateway import Store
from perfpredict.store.recommendations import list_recommendations
from perfpredict.store.samples import has_real_rows

DEFAULT_GROUPS = ("device", "model", "precision", "basis")
MOST_GROUPS = 20
"""Groups of one kind that are shown, those with the most pairs."""
WORST_PAIRS = 20
MOST_RECOMMENDATIONS = 50
_MOST_PERIODS = 40
_PERIODS = {
    "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7),
    "month": timedelta(days=30), "year": timedelta(days=365),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAccuracy:
    """Accuracy split by one property; a row a group, metric and unit."""

    by: str
    """Empty for everything together."""
    statistics: pl.DataFrame
    """As `perf analyze` gives them, with median_lo and median_hi, 95 % bounds of the median APE."""
    group_count: int
    """Groups that there are; at most MOST_GROUPS are in `statistics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyReport:
    """What the report says, before any formatting."""

    now: datetime
    database: str
    """Name of the file, without its folder."""
    filters: Mapping[str, str]
    """Options that chose the rows, as given."""
    measurements: int
    linked: int
    left_out: int
    """Pairs that do not count."""
    is_sample: bool
    overall: GroupAccuracy
    groups: tuple[GroupAccuracy, ...]
    pair_count: int
    """Pairs that count."""
    charts: tuple[PairCharts, ...]
    """Of latency, throughput and memory, as far as there are pairs."""
    worst: pl.DataFrame
    period: str
    """Length of the periods of `over_time`: hour, day, week, month or year."""
    over_time: pl.DataFrame
    """Columns metric, unit, period, n, and the quartiles of the APE: q1, median and q3."""
    rooflines: tuple[DeviceRoofline, ...]
    recommendations: pl.DataFrame
    recommendation_count: int
    feedback: Mapping[str, object]
    """Of all recommendations that fit, as `feedback summary` counts them."""


def build_report(
    store: Store,
    row_filter: RowFilter,
    which: PairChoice,
    *,
    by: Sequence[str] = DEFAULT_GROUPS,
    filters: Mapping[str, str],
    now: datetime,
) -> AccuracyReport:
    """Return the report of the rows that fit.

    Raises CannotAnswerError where there is neither a measurement nor a recommendation.
    """
    counts = error_counts(store, row_filter)
    recommendations = list_recommendations(store, row_filter)
    if not counts["measurements"] and recommendations.is_empty():
        raise CannotAnswerError(
            "nothing to report: no measurement and no recommendation fits",
            hint="'perfpredict measure import FILE' or 'measure record' gives it something",
        )
    pairs = list_pairs(store, row_filter, which)
    overall = _grouped(store, row_filter, which, pairs, "")
    period = _period(pairs)
    return AccuracyReport(
        now=now,
        database=store.path.name,
        filters=filters,
        measurements=counts["measurements"],
        linked=counts["linked"],
        left_out=int(overall.statistics["n_excluded"].sum()),
        is_sample=row_filter.only_sample or not has_real_rows(store),
        overall=overall,
        groups=tuple(_grouped(store, row_filter, which, pairs, name) for name in by),
        pair_count=pairs.height,
        charts=pair_charts(pairs),
        worst=_worst(pairs),
        period=period,
        over_time=_over_time(pairs, period),
        rooflines=device_rooflines(store, row_filter),
        recommendations=recommendations.head(MOST_RECOMMENDATIONS),
        recommendation_count=recommendations.height,
        feedback=_feedback(store, row_filter),
    )


def _grouped(
    store: Store, row_filter: RowFilter, which: PairChoice, pairs: pl.DataFrame, by: str
) -> GroupAccuracy:
    keys = [*([by] if by else []), "metric", "unit"]
    found = accuracy(
        store, row_filter, which.metrics, [by] if by else [],
        include_retrospective=which.include_retrospective,
        include_in_sample=which.include_in_sample,
    )  # fmt: skip
    found = found.filter(pl.col("n") > 0) if by else found
    bounds = _median_bounds(pairs, keys)
    keyed = [bounds.get(tuple(row)) or (None, None) for row in found.select(keys).iter_rows()]
    complete = found.with_columns(
        pl.Series("median_lo", [low for low, _ in keyed], pl.Float64),
        pl.Series("median_hi", [high for _, high in keyed], pl.Float64),
    )
    if not by:
        rows = sorted(
            complete.to_dicts(), key=lambda row: quantity_order((row["metric"], row["unit"]))
        )
        ordered = pl.DataFrame(rows, schema=complete.schema)
        return GroupAccuracy(by=by, statistics=ordered, group_count=1)
    sizes = complete.group_by(by).agg(pl.col("n").sum()).sort("n", by, descending=[True, False])
    shown = sizes[by].head(MOST_GROUPS).to_list()
    place = {name: number for number, name in enumerate(shown)}
    kept = [row for row in complete.to_dicts() if row[by] in place]
    kept.sort(key=lambda row: (quantity_order((row["metric"], row["unit"])), place[row[by]]))
    ordered = pl.DataFrame(kept, schema=complete.schema)
    return GroupAccuracy(by=by, statistics=ordered, group_count=sizes.height)


def _median_bounds(
    pairs: pl.DataFrame, keys: Sequence[str]
) -> dict[tuple[object, ...], tuple[float, float] | None]:
    """Return bounds of the median APE by the values of `keys`."""
    week = pl.col("measured_at").dt.truncate("1w").dt.strftime("%Y-%m-%d").alias("week")
    apes = (
        pairs.with_columns(week).group_by(keys).agg(pl.col("rel_error").abs().sort().alias("ape"))
    )
    return {tuple(row[:-1]): median_interval(row[-1]) for row in apes.iter_rows()}


def _worst(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that are off by the largest factors; one a measurement."""
    order = pl.col("ln_ratio").abs()
    ranked = pairs.filter(pl.col("ln_ratio").is_not_null()).sort(order, descending=True)
    return ranked.unique("measurement_id", keep="first", maintain_order=True).head(WORST_PAIRS)


def _period(pairs: pl.DataFrame) -> str:
    """Return the shortest period of which not too many cover all pairs."""
    if pairs.is_empty():
        return "day"
    times = pairs["measured_at"].to_list()
    span = max(times) - min(times)
    return next((n for n, length in _PERIODS.items() if span / length <= _MOST_PERIODS), "year")


def _over_time(pairs: pl.DataFrame, period: str) -> pl.DataFrame:
    every = {"hour": "1h", "day": "1d", "week": "1w", "month": "1mo", "year": "1y"}[period]
    ape = pl.col("rel_error").abs()
    return (
        pairs.lazy()
        .group_by("metric", "unit", pl.col("measured_at").dt.truncate(every).alias("period"))
        .agg(
            pl.len().alias("n"),
            ape.quantile(0.25, "linear").alias("q1"),
            ape.median().alias("median"),
            ape.quantile(0.75, "linear").alias("q3"),
        )
        .sort("metric", "unit", "period")
        .collect()
    )


def _feedback(store: Store, row_filter: RowFilter) -> Mapping[str, object]:
    rows = feedback_summary(store, row_filter).to_dicts()
    return rows[0] if rows else {}
