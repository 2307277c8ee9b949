"""Writes and reads how each workload last stood on each device."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from perfpredict.domain.workload import Workload
from perfpredict.store.frames import TIME, column_list
from perfpredict.store.gateway import Store
from perfpredict.store.workload_columns import HARDWARE_SCHEMA, WORKLOAD_SCHEMA, workload_row

MAPPING_SCHEMA: dict[str, pl.DataType] = {
    "mapping_id": pl.String(),
    "updated_at": TIME,
    **WORKLOAD_SCHEMA,
    **HARDWARE_SCHEMA,
    "fits": pl.Boolean(),
    "compatibility_score": pl.Float64(),
    "rank": pl.Int32(),
    "is_primary": pl.Boolean(),
    "reason": pl.String(),
    "recommendation_id": pl.String(),
    "is_sample": pl.Boolean(),
}
"""Columns of `hardware_model_mappings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareMapping:
    """How one workload stands on one device."""

    workload: Workload
    hardware_platform: str
    device: str
    device_platform: str | None
    fits: bool
    compatibility_score: float | None
    """0 to 1, 1 the best of its ranking; None where it was not ranked."""
    rank: int | None
    is_primary: bool
    reason: str
    updated_at: datetime
    recommendation_id: str | None = None
    is_sample: bool = False


def upsert_mappings(store: Store, mappings: Sequence[HardwareMapping]) -> None:
    """Store `mappings`; each replaces what was known of its workload and device.

    A sample one never replaces a real one.
    """
    if not mappings:
        return
    rows = {f"{m.workload.key}/{m.device}": _row(m) for m in mappings}
    columns = column_list(list(MAPPING_SCHEMA))
    frame = pl.DataFrame(list(rows.values()), schema=MAPPING_SCHEMA)
    with store.transaction(), store.incoming(frame):
        store.execute(
            f"""
            insert or replace into hardware_model_mappings ({columns})
            select {columns} from incoming as i
            where not i.is_sample or not exists (
                select 1 from hardware_model_mappings as m
                where m.mapping_id = i.mapping_id and not m.is_sample
            )
            """
        )


def list_mappings(store: Store, model: str | None = None) -> pl.DataFrame:
    """Return the mappings of one model, or all, by model and rank; real rows hide sample rows."""
    return store.frame(
        f"""
        select {column_list(list(MAPPING_SCHEMA))}
        from hardware_model_mappings as t
        where ($model is null or lower(t.model_name) = lower($model))
            and (not t.is_sample
                 or not exists (select 1 from hardware_model_mappings where not is_sample))
        order by model_name, workload_key, rank nulls last, device
        """,
        {"model": model},
    )


def _row(mapping: HardwareMapping) -> dict[str, object]:
    return {
        "mapping_id": f"{mapping.workload.key}/{mapping.device}",
        "updated_at": mapping.updated_at,
        **workload_row(mapping.workload),
        "hardware_platform": mapping.hardware_platform,
        "device": mapping.device,
        "device_platform": mapping.device_platform,
        "fits": mapping.fits,
        "compatibility_score": mapping.compatibility_score,
        "rank": mapping.rank,
        "is_primary": mapping.is_primary,
        "reason": mapping.reason,
        "recommendation_id": mapping.recommendation_id,
        "is_sample": mapping.is_sample,
    }
