"""Imports files of measurements: all rows or none, and every bad row by its place."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import polars as pl

from perfpredict.domain.prediction import Prediction
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError
from perfpredict.importers.raw import FILE, PROBLEM, ROW
from perfpredict.importers.table import MeasurementRows
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate_rows import pairs_of
from perfpredict.store.corrections import link_measurements
from perfpredict.store.gateway import Store
from perfpredict.store.measurement_rows import IMPORT_SCHEMA
from perfpredict.store.measurements import (
    ImportCounts,
    ImportRecord,
    import_measurements,
    list_measurements,
)
from perfpredict.store.predictions import insert_predictions

_SHOWN_ROWS = 10


class OnError(StrEnum):
    """What a bad row means for the others."""

    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What an import did, or would do."""

    import_id: str | None
    """None for a dry run."""
    files: tuple[str, ...]
    read: int
    imported: int
    duplicates: int
    rejected: int
    linked: int
    suspect: int
    predicted: int
    """Predictions made first, marked as made afterwards."""


def check_bad_rows(rows: MeasurementRows, on_error: OnError, max_errors: int | None) -> None:
    """Raise InvalidInputError listing the bad rows where they must not be skipped."""
    count = rows.bad.height
    is_too_many = max_errors is not None and count > max_errors
    if not count or (on_error is OnError.SKIP and not is_too_many):
        return
    told = [
        f"{file}:{row}: {problem}"
        for file, row, problem in rows.bad.head(_SHOWN_ROWS).select(FILE, ROW, PROBLEM).iter_rows()
    ]
    if count > _SHOWN_ROWS:
        told.append(f"… and {count - _SHOWN_ROWS:,} more bad rows")
    hint = f"nothing was imported; {count:,} of {rows.read:,} rows are bad"
    if on_error is OnError.FAIL:
        hint += ": --on-error skip imports the others, --rejects FILE keeps the bad ones"
    raise InvalidInputError("\n".join(told), hint=hint)


def predict_first(
    engine: Engine, rows: MeasurementRows, *, now: datetime, make_id: Callable[[], str]
) -> list[Prediction]:
    """Return a prediction for every distinct workload and device, marked as made afterwards.

    Workloads that cannot be predicted are left out: they are imported all the same.
    """
    known = rows.good.filter(pl.col("device_platform").is_not_null())
    distinct = known.unique(["workload_key", "device"], maintain_order=True)
    answers = engine.predict_many(pairs_of(engine, distinct))
    return [
        replace(answer, prediction_id=make_id(), created_at=now, is_retrospective=True)
        for answer in answers
        if isinstance(answer, Prediction)
    ]


def import_rows(
    store: Store,
    rows: MeasurementRows,
    *,
    import_id: str,
    source: str,
    link: bool,
    predictions: list[Prediction],
    user: str | None,
    now: datetime,
) -> ImportOutcome:
    """Store the good rows that are not there yet, in one transaction; return what became of all."""
    record = ImportRecord(
        import_id=import_id,
        recorded_at=now,
        source=source,
        files_json=json.dumps([{"name": f.name, "sha256": f.sha256} for f in rows.files]),
        rows_rejected=rows.bad.height,
        user=user,
    )
    with store.transaction():
        insert_predictions(store, predictions, user=user)
        counts = import_measurements(store, _import_frame(rows), record, link=link)
        linked = counts.linked
        if link and predictions and counts.imported:
            linked += _link_to(store, rows, counts, predictions)
    return ImportOutcome(
        import_id=import_id,
        files=tuple(file.name for file in rows.files),
        read=rows.read,
        imported=counts.imported,
        duplicates=counts.duplicates,
        rejected=rows.bad.height,
        linked=linked,
        suspect=rows.suspect_rows,
        predicted=len(predictions),
    )


def preview(store: Store | None, rows: MeasurementRows) -> ImportOutcome:
    """Return what an import would do; nothing is changed."""
    keys = rows.good.select("import_key")
    fresh = keys.unique()
    if store is not None:
        every = list_measurements(store, RowFilter(include_sample=True)).select("import_key")
        fresh = fresh.join(every, on="import_key", how="anti")
    return ImportOutcome(
        import_id=None,
        files=tuple(file.name for file in rows.files),
        read=rows.read,
        imported=fresh.height,
        duplicates=keys.height - fresh.height,
        rejected=rows.bad.height,
        linked=0,
        suspect=rows.suspect_rows,
        predicted=0,
    )


def _import_frame(rows: MeasurementRows) -> pl.DataFrame:
    return rows.good.select(IMPORT_SCHEMA.keys())


def _link_to(
    store: Store, rows: MeasurementRows, counts: ImportCounts, predictions: list[Prediction]
) -> int:
    """Link the rows that no earlier prediction fits to the ones made for them; return how many."""
    made = pl.DataFrame(
        [(one.workload.key, one.hardware.device.name, one.prediction_id) for one in predictions],
        schema=["workload_key", "device", "prediction_id"],
        orient="row",
    )
    since = rows.good["measured_at"].min()
    assert isinstance(since, datetime)
    stored = list_measurements(store, RowFilter(since=since, include_sample=True))
    unlinked = stored.filter(
        pl.col("prediction_id").is_null()
        & pl.col("measurement_id").is_in(list(counts.measurement_ids))
    )
    links = unlinked.drop("prediction_id").join(made, on=["workload_key", "device"])
    return link_measurements(store, links.select("measurement_id", "prediction_id"))
