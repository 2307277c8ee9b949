"""How far predictions were from measurements: one statement per question."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from perfpredict.domain.metrics import Metric
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError
from perfpredict.store.filters import Table, condition
from perfpredict.store.gateway import Store
from perfpredict.store.wilson import Z_95, wilson_bounds

FEWEST_ROWS_FOR_R2 = 10
LARGEST_INCONSISTENCY = 2.0
"""Throughput and latency that contradict each other by more are not evidence."""


class GroupBy(StrEnum):
    """What accuracy can be split by."""

    MODEL = "model"
    FAMILY = "family"
    DEVICE = "device"
    HARDWARE = "hardware"
    PRECISION = "precision"
    BATCH_SIZE = "batch_size"
    PREDICTOR = "predictor"
    BASIS = "basis"
    WEEK = "week"


_GROUP_COLUMNS = {
    GroupBy.MODEL: "t.model_name",
    GroupBy.FAMILY: "t.model_family",
    GroupBy.DEVICE: "t.device",
    GroupBy.HARDWARE: "coalesce(t.device_platform, t.hardware_platform)",
    GroupBy.PRECISION: "t.precision",
    GroupBy.BATCH_SIZE: "t.batch_size",
    GroupBy.PREDICTOR: "p.predictor",
    GroupBy.BASIS: "p.basis",
    GroupBy.WEEK: "strftime(date_trunc('week', t.measured_at), '%Y-%m-%d')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChoice:
    """Which pairs of prediction and measurement count; no metric is every metric."""

    metrics: tuple[Metric, ...] = ()
    include_retrospective: bool = False
    include_in_sample: bool = False


def accuracy(
    store: Store,
    row_filter: RowFilter,
    metrics: Sequence[Metric],
    by: Sequence[str] = (),
    *,
    include_retrospective: bool = False,
    include_in_sample: bool = False,
) -> pl.DataFrame:
    """Return one row per group, metric and unit; `row_filter.limit` does not matter here.

    Left out and counted in n_excluded: pairs that the predictor was trained on, predictions
    made afterwards or looked up from measurements (unless grouped by basis), open-loop and
    self-contradicting measurements, forced links, and an actual value of 0.
    """
    groups = [_group(name) for name in by]
    names = "".join(f"{group.value}, " for group in groups)
    pairs, parameters = _pairs(
        row_filter, metrics, groups,
        include_retrospective=include_retrospective, include_in_sample=include_in_sample,
    )  # fmt: skip
    parameters |= {"fewest_rows": FEWEST_ROWS_FOR_R2, "z": Z_95}
    low, high = wilson_bounds("coverage", "with_interval")
    statistics = _STATISTICS.format(groups=names, coverage_lo=low, coverage_hi=high)
    return store.frame(pairs + statistics, parameters)


def counted_pairs(
    store: Store,
    row_filter: RowFilter,
    metric: Metric,
    *,
    include_retrospective: bool = False,
    include_in_sample: bool = False,
) -> pl.DataFrame:
    """Return the pairs of one metric that `accuracy` counts: unit, predicted, actual, inside."""
    pairs, parameters = _pairs(
        row_filter, [metric], [],
        include_retrospective=include_retrospective, include_in_sample=include_in_sample,
    )  # fmt: skip
    return store.frame(pairs.rstrip().rstrip(",") + _COUNTED, parameters)


def list_pairs(store: Store, row_filter: RowFilter, which: PairChoice) -> pl.DataFrame:
    """Return the pairs that `accuracy` counts, the newest first, with their workloads."""
    pairs, parameters = _pairs(
        row_filter, which.metrics, [],
        include_retrospective=which.include_retrospective,
        include_in_sample=which.include_in_sample,
    )  # fmt: skip
    return store.frame(pairs.rstrip().rstrip(",") + _COUNTED_ROWS, parameters)


def _pairs(
    row_filter: RowFilter, metrics: Sequence[Metric], groups: Sequence[GroupBy], *,
    include_retrospective: bool, include_in_sample: bool,
) -> tuple[str, dict[str, object]]:  # fmt: skip
    where = condition(row_filter, Table.MEASUREMENTS)
    columns = "".join(f"{_GROUP_COLUMNS[group]} as {group.value}, " for group in groups)
    parameters = where.parameters | {
        "metrics": [metric.value for metric in metrics or list(Metric)],
        "include_retrospective": include_retrospective,
        "include_in_sample": include_in_sample,
        "include_measured": GroupBy.BASIS in groups,
        "largest_inconsistency": LARGEST_INCONSISTENCY,
    }
    return _PAIRS.format(groups=columns, condition=where.sql), parameters


def list_errors(
    store: Store, row_filter: RowFilter, metrics: Sequence[Metric] = ()
) -> pl.DataFrame:
    """Return one row per measurement and metric, newest first, whether or not it counts."""
    where = condition(row_filter, Table.MEASUREMENTS)
    parameters = where.parameters | {"metrics": [m.value for m in metrics or list(Metric)]}
    return store.frame(_LIST.format(condition=where.sql), parameters)


def error_counts(store: Store, row_filter: RowFilter) -> dict[str, int]:
    """Return how many measurements fit and how many of them are linked, to explain no pairs."""
    where = condition(row_filter, Table.MEASUREMENTS)
    ((measurements, linked),) = store.rows(
        f"""
        select count(*), count(t.prediction_id)
        from performance_measurements as t where {where.sql}
        """,
        where.parameters,
    )
    return {"measurements": int(str(measurements)), "linked": int(str(linked))}


def _group(name: str) -> GroupBy:
    try:
        return GroupBy(name)
    except ValueError:
        names = ", ".join(GroupBy)
        raise InvalidInputError(
            f"accuracy cannot be split by '{name}'", hint=f"it can be split by {names}"
        ) from None


_PAIRS = """
with pair as (
    select
        {groups}
        e.measurement_id, e.prediction_id, e.metric, e.unit, e.predicted, e.actual, e.lower,
        e.upper, e.level, e.error, e.rel_error, e.ln_ratio, e.inside_interval,
        t.workload_key || '/' || t.device as config,
        ($include_in_sample or not e.in_sample)
            and ($include_retrospective or not e.is_retrospective)
            and ($include_measured or p.basis <> 'measured')
            and (t.load = 'closed' or e.metric = 'memory')
            and not t.is_forced_link
            and (e.metric = 'memory' or t.consistency is null
                 or t.consistency between 1 / $largest_inconsistency and $largest_inconsistency)
            and e.rel_error is not null as counts
    from prediction_errors as e
    join performance_measurements as t on t.measurement_id = e.measurement_id
    join performance_predictions as p on p.prediction_id = e.prediction_id
    where list_contains($metrics::varchar[], e.metric) and {condition}
),
"""

_COUNTED_ROWS = """
select
    e.measurement_id, e.metric, e.unit, e.predicted, e.actual, e.lower, e.upper, e.level,
    e.rel_error, e.ln_ratio, e.inside_interval, t.measured_at, t.model_name as model,
    t.model_family as family, t.device,
    coalesce(t.device_platform, t.hardware_platform) as hardware, t.batch_size, t.precision,
    t.mode, t.phase, t.sequence_length, t.image_size, t.framework, p.predictor, p.basis
from pair as e
join performance_measurements as t on t.measurement_id = e.measurement_id
join performance_predictions as p on p.prediction_id = e.prediction_id
where e.counts
order by t.measured_at desc, t.measurement_id desc, e.metric
"""

_COUNTED = """
select unit, predicted, actual, inside_interval
from pair
where counts
order by all
"""

# R² is 1 − SSE/SST: the built-in regr_r2 is a squared correlation and blind to bias
_STATISTICS = """
moments as (
    select
        {groups} metric, unit,
        count(*) filter (counts) as n,
        count(distinct config) filter (counts) as n_configs,
        count(*) filter (not counts) as n_excluded,
        median(abs(rel_error)) filter (counts) as median_abs_rel_error,
        avg(abs(rel_error)) filter (counts) as mean_abs_rel_error,
        avg(rel_error) filter (counts) as mean_rel_error,
        exp(avg(abs(ln_ratio)) filter (counts)) as geo_error_factor,
        exp(avg(ln_ratio) filter (counts)) as bias_factor,
        avg(error) filter (counts) as mean_error,
        avg(abs(error)) filter (counts) as mae,
        sqrt(avg(error * error) filter (counts)) as rmse,
        case when count(*) filter (counts) > 1
             then stddev_samp(error) filter (counts) end as std,
        min(error) filter (counts) as min_error,
        max(error) filter (counts) as max_error,
        avg(predicted) filter (counts) as mean_predicted,
        avg(actual) filter (counts) as mean_actual,
        sum(error * error) filter (counts) as sse,
        var_pop(actual) filter (counts) * count(*) filter (counts) as sst,
        count(*) filter (counts and inside_interval) as inside,
        count(inside_interval) filter (counts) as with_interval,
        case when min(level) filter (counts) = max(level) filter (counts)
             then min(level) filter (counts) end as level,
        median(upper / nullif(lower, 0)) filter (counts) as median_interval_ratio
    from pair
    group by all
),
shares as (
    select *, inside / nullif(with_interval, 0) as coverage from moments
)
select
    {groups} metric, unit, n, n_configs, n_excluded,
    median_abs_rel_error, mean_abs_rel_error, mean_rel_error, geo_error_factor, bias_factor,
    mean_error, mae, rmse,
    case when n >= $fewest_rows and sst > 0 then 1 - sse / sst end as r2,
    std, min_error, max_error, mean_predicted, mean_actual,
    coverage,
    {coverage_lo} as coverage_lo,
    {coverage_hi} as coverage_hi,
    level, median_interval_ratio
from shares
order by all
"""

_LIST = """
select
    e.measurement_id, e.prediction_id, e.metric, e.unit, e.predicted, e.actual,
    e.lower, e.upper, e.level, e.error, e.rel_error, e.ln_ratio, e.inside_interval,
    case when e.error = 0 then 'exact'
         when (e.error > 0) = (e.metric = 'throughput') then 'optimistic'
         else 'pessimistic' end as direction,
    e.in_sample, e.is_retrospective, t.measured_at, t.model_name, t.model_family,
    t.device, t.hardware_platform, t.batch_size, t.precision, t.mode, t.load,
    p.predictor, p.basis, t.is_sample
from prediction_errors as e
join performance_measurements as t on t.measurement_id = e.measurement_id
join performance_predictions as p on p.prediction_id = e.prediction_id
where list_contains($metrics::varchar[], e.metric) and {condition}
order by t.measured_at desc, t.measurement_id desc, e.metric
limit $limit
"""
