"""Turns a RowFilter into a condition with named parameters; no value enters as text."""

from dataclasses import dataclass
from enum import StrEnum

from perfpredict.domain.families import family_spellings
from perfpredict.domain.row_filter import RowFilter


class Table(StrEnum):
    """Tables whose rows a RowFilter can choose."""

    PREDICTIONS = "performance_predictions"
    MEASUREMENTS = "performance_measurements"
    RECOMMENDATIONS = "recommendation_history"


@dataclass(frozen=True, slots=True)
class Condition:
    """What stands after `where`, and the parameters it needs."""

    sql: str
    parameters: dict[str, object]


def condition(row_filter: RowFilter, table: Table) -> Condition:
    """Return the condition that fits the rows of `table`, which the statement must call `t`."""
    parts = [_WORKLOAD, _SAMPLES[table], *_BY_TABLE[table]]
    return Condition(" and ".join(parts), parameters(row_filter))


def parameters(row_filter: RowFilter) -> dict[str, object]:
    """Return the named parameters of every condition made from `row_filter`."""
    return {
        "models": [glob.casefold() for glob in row_filter.models],
        "families": list(family_spellings(row_filter.family)) if row_filter.family else [],
        "devices": list(row_filter.devices),
        "platforms": list(row_filter.platforms),
        "precision": row_filter.precision.value if row_filter.precision else None,
        "mode": row_filter.mode.value if row_filter.mode else None,
        "batch_size": row_filter.batch_size,
        "since": row_filter.since,
        "until": row_filter.until,
        "source": row_filter.source,
        "user": row_filter.user,
        "include_sample": row_filter.include_sample,
        "only_sample": row_filter.only_sample,
        "limit": row_filter.limit,
    }


_WORKLOAD = """
    (len($models::varchar[]) = 0
     or len(list_filter($models::varchar[], lambda g: lower(t.model_name) glob g)) > 0)
    and (len($families::varchar[]) = 0 or list_contains($families::varchar[], t.model_family))
    and ($precision is null or t.precision = $precision)
    and ($mode is null or t.mode = $mode)
    and ($batch_size::integer is null or t.batch_size = $batch_size::integer)
"""

_HARDWARE = """
    ((len($devices::varchar[]) = 0 and len($platforms::varchar[]) = 0)
     or list_contains($devices::varchar[], t.{device})
     or list_contains($platforms::varchar[], t.{platform})
     or list_contains($platforms::varchar[], t.{given}))
"""

_TIME = """
    ($since::timestamptz is null or t.{time} >= $since::timestamptz)
    and ($until::timestamptz is null or t.{time} < $until::timestamptz)
"""

_USER = "($user is null or t.user_name = $user)"

# real and sample rows never mix unasked: the first real row makes the sample rows invisible
_SAMPLE_RULE = """
    (case when $only_sample then t.is_sample
          else $include_sample or not t.is_sample
               or not exists (select 1 from {table} as real_row where {is_real}) end)
"""

_SAMPLES = {
    table: _SAMPLE_RULE.format(table=table.value, is_real="not real_row.is_sample")
    for table in Table
} | {
    Table.MEASUREMENTS: _SAMPLE_RULE.format(
        table=Table.MEASUREMENTS.value,
        is_real="not real_row.is_sample and real_row.deleted_at is null",
    )
}

_OF_A_RUN = _HARDWARE.format(device="device", platform="device_platform", given="hardware_platform")

_BY_TABLE: dict[Table, tuple[str, ...]] = {
    Table.PREDICTIONS: (_OF_A_RUN, _TIME.format(time="created_at"), _USER),
    Table.MEASUREMENTS: (
        _OF_A_RUN,
        _TIME.format(time="measured_at"),
        "($source is null or t.source = $source)",
        "t.deleted_at is null",
    ),
    Table.RECOMMENDATIONS: (
        _HARDWARE.format(
            device="primary_device", platform="primary_platform", given="primary_hardware"
        ),
        _TIME.format(time="created_at"),
        _USER,
    ),
}
