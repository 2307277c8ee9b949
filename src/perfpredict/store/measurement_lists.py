"""Reads measurements: lists, single ones, and the latencies that calibrate a device."""

from dataclasses import dataclass

import polars as pl

from perfpredict.domain.measurement import CONTENDED, Measurement
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import UnknownIdError
from perfpredict.store.filters import Table, condition
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.lookup import find_id
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA, measurement_from_row
from perfpredict.store.workload_columns import WORKLOAD_SCHEMA, workload_from_row


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """One measured closed-loop latency."""

    workload: Workload
    device: str
    latency_ms: float


def list_measurements(store: Store, row_filter: RowFilter) -> pl.DataFrame:
    """Return the stored measurements that fit, newest first, with the columns of the table."""
    where = condition(row_filter, Table.MEASUREMENTS)
    return store.frame(
        f"""
        select {column_list(list(MEASUREMENT_SCHEMA), prefix="t.")}
        from performance_measurements as t
        where {where.sql}
        order by t.measured_at desc, t.measurement_id desc
        limit $limit
        """,
        where.parameters,
    )


def latency_rows(store: Store, row_filter: RowFilter) -> list[LatencyRow]:
    """Return the newest measured latencies that fit and are worth their number.

    Samples, self-contradictions and runs that waited for cores are not.
    """
    where = condition(row_filter, Table.MEASUREMENTS)
    frame = store.frame(
        f"""
        select {column_list(list(WORKLOAD_SCHEMA), prefix="t.")}, t.device, t.latency_ms
        from performance_measurements as t
        where {where.sql}
            and t.latency_ms is not null and t.load = 'closed' and not t.is_sample
            and (t.consistency is null or t.consistency between 0.5 and 2)
            and not list_contains(string_split(coalesce(t.note, ''), ', '), $contended)
        order by t.measured_at desc, t.measurement_id desc
        limit $limit
        """,
        {**where.parameters, "contended": CONTENDED},
    )
    return _latency_rows(frame)


def measured_latencies(
    store: Store, row_filter: RowFilter, most_per_device: int
) -> tuple[list[LatencyRow], dict[str, int]]:
    """Return the newest closed-loop latency of each workload, and how many there are by device.

    Of each device at most `most_per_device` workloads, the newest first; sample rows as the
    filter says.
    """
    where = condition(row_filter, Table.MEASUREMENTS)
    frame = store.frame(
        f"""
        with latest as (
            select {column_list(list(WORKLOAD_SCHEMA), prefix="t.")}, t.device, t.latency_ms,
                t.measured_at, t.measurement_id
            from performance_measurements as t
            where {where.sql} and t.latency_ms is not null and t.load = 'closed'
            qualify row_number() over (
                partition by t.device, t.workload_key
                order by t.measured_at desc, t.measurement_id desc
            ) = 1
        )
        select {column_list(list(WORKLOAD_SCHEMA))}, device, latency_ms,
            count(*) over (partition by device) as workloads
        from latest
        qualify row_number() over (
            partition by device order by measured_at desc, measurement_id desc
        ) <= $most_per_device
        order by workloads desc, device, measured_at desc, measurement_id desc
        """,
        {**where.parameters, "most_per_device": most_per_device},
    )
    counts = dict(frame.select("device", "workloads").iter_rows())
    return _latency_rows(frame), counts


def _latency_rows(frame: pl.DataFrame) -> list[LatencyRow]:
    return [
        LatencyRow(
            workload=workload_from_row(row), device=row["device"], latency_ms=row["latency_ms"]
        )
        for row in frame.iter_rows(named=True)
    ]


def get_measurement(store: Store, id_or_prefix: str) -> Measurement:
    """Return one measurement that is not deleted; raises UnknownIdError or AmbiguousIdError."""
    measurement_id = find_id(store, IdKind.MEASUREMENT, id_or_prefix)
    frame = store.frame(
        f"""
        select {column_list(list(MEASUREMENT_SCHEMA))} from performance_measurements
        where measurement_id = $measurement_id and deleted_at is null
        """,
        {"measurement_id": measurement_id},
    )
    if frame.is_empty():
        raise UnknownIdError(f"measurement '{measurement_id}' was deleted")
    return measurement_from_row(frame.row(0, named=True))
