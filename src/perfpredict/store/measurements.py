"""Writes and reads measurements, each in one transaction with its prediction errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from perfpredict.domain.measurement import Measurement
from perfpredict.errors import InvalidInputError, UnknownIdError
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_ids
from perfpredict.store.key_lookup import narrowed
from perfpredict.store.linking import (
    PredictionErrorRow,
    check_links,
    differing_fields,
    errors_of,
    fitting_predictions,
    has_later_prediction,
    insert_errors,
)
from perfpredict.store.lookup import find_id
from perfpredict.store.measurement_lists import (
    LatencyRow,
    get_measurement,
    latency_rows,
    list_measurements,
)
from perfpredict.store.measurement_rows import (
    IMPORT_SCHEMA,
    MEASUREMENT_SCHEMA,
    complete_import,
    measurement_row,
    platforms_filled,
)
from perfpredict.store.one_measurement import store_measurement

__all__ = [
    "IMPORT_SCHEMA", "MEASUREMENT_SCHEMA", "ImportCounts", "ImportRecord", "LatencyRow",
    "PredictionErrorRow", "Recorded", "get_measurement", "import_measurements", "latency_rows",
    "list_measurements", "record_measurement", "record_measurements",
]  # fmt: skip

_COLUMNS = column_list(list(MEASUREMENT_SCHEMA))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One measurement as it was stored."""

    measurement_id: str
    prediction_id: str | None
    errors: tuple[PredictionErrorRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One run of an import; `rows_rejected` did not reach the frame."""

    import_id: str
    recorded_at: datetime
    source: str
    files_json: str = "[]"
    """List of objects with name and sha256."""
    rows_rejected: int = 0
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What became of the rows of an import."""

    read: int
    imported: int
    duplicates: int
    linked: int
    measurement_ids: tuple[str, ...] = ()


def record_measurement(
    store: Store,
    measurement: Measurement,
    *,
    prediction_id: str | None = None,
    link: bool = True,
    force: bool = False,
    now: datetime | None = None,
    platform_by_device: Mapping[str, str] | None = None,
) -> Recorded:
    """Store one measurement with the errors of the prediction it belongs to.

    `prediction_id` (or its beginning) must be of the same workload and device unless `force`;
    `now` is when it is recorded, by default this moment.
    """
    if prediction_id is not None:
        full = find_id(store, IdKind.PREDICTION, prediction_id)
        measurement = replace(measurement, prediction_id=full)
    with store.transaction():
        if measurement.prediction_id is not None:
            return _record_linked(
                store, measurement, link=link, force=force, now=now,
                platform_by_device=platform_by_device,
            )  # fmt: skip
        (row,) = _rows([measurement], now, platform_by_device)
        measurement_id = str(row["measurement_id"])
        linked, errors = store_measurement(store, row, link=link)
        notes = []
        if linked is None and link:
            key = measurement.workload.key
            if has_later_prediction(store, key, measurement_id):
                notes.append("clock: a prediction would fit, but was made after the measurement")
        return Recorded(
            measurement_id=measurement_id, prediction_id=linked, errors=errors, notes=tuple(notes)
        )


def _record_linked(
    store: Store,
    measurement: Measurement,
    *,
    link: bool,
    force: bool,
    now: datetime | None,
    platform_by_device: Mapping[str, str] | None,
) -> Recorded:
    """Store one measurement whose prediction is named."""
    frame = record_measurements(
        store, [measurement], link=link, force=force, now=now,
        platform_by_device=platform_by_device,
    )  # fmt: skip
    measurement_id = str(frame["measurement_id"][0])
    notes = []
    if frame["is_forced_link"][0]:
        notes.append("the prediction is of another workload: marked, and out of accuracy")
    return Recorded(
        measurement_id=measurement_id,
        prediction_id=frame["prediction_id"][0],
        errors=errors_of(store, measurement_id),
        notes=tuple(notes),
    )


def record_measurements(
    store: Store,
    measurements: Sequence[Measurement],
    *,
    link: bool = True,
    force: bool = False,
    now: datetime | None = None,
    platform_by_device: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Store all `measurements` or none; returns their rows in the order given."""
    rows = _rows(measurements, now, platform_by_device)
    frame = pl.DataFrame(rows, schema=MEASUREMENT_SCHEMA)
    return _store_rows(store, frame, link=link, force=force)


def _rows(
    measurements: Sequence[Measurement],
    now: datetime | None,
    platform_by_device: Mapping[str, str] | None,
) -> list[dict[str, object]]:
    now = now or datetime.now(UTC)
    platforms = platform_by_device or {}
    ids = new_ids(IdKind.MEASUREMENT, now, len(measurements))
    return [
        measurement_row(m, m.measurement_id or new, now, platforms.get(m.device))
        for m, new in zip(measurements, ids, strict=True)
    ]


def import_measurements(
    store: Store,
    frame: pl.DataFrame,
    import_record: ImportRecord,
    *,
    link: bool = True,
    platform_by_device: Mapping[str, str] | None = None,
) -> ImportCounts:
    """Store the rows of `frame` (columns of IMPORT_SCHEMA) whose import_key is not there yet."""
    complete = platforms_filled(complete_import(frame), platform_by_device or {})
    with store.transaction():
        fresh = _not_yet_stored(store, complete)
        ids = new_ids(IdKind.MEASUREMENT, import_record.recorded_at, fresh.height)
        rows = fresh.with_columns(
            pl.Series("measurement_id", ids, dtype=pl.String()),
            pl.lit(import_record.recorded_at).cast(MEASUREMENT_SCHEMA["recorded_at"])
            .alias("recorded_at"),
            pl.lit(import_record.import_id).alias("import_id"),
            pl.lit(None, dtype=pl.String()).alias("prediction_id"),
            pl.lit(value=False).alias("is_forced_link"),
        ).select(list(MEASUREMENT_SCHEMA))  # fmt: skip
        stored = _store_rows(store, rows, link=link, force=False)
        counts = ImportCounts(
            read=frame.height,
            imported=stored.height,
            duplicates=frame.height - stored.height,
            linked=stored.height - stored["prediction_id"].null_count(),
            measurement_ids=tuple(ids),
        )
        _insert_import(store, import_record, counts)
    return counts


def _store_rows(store: Store, frame: pl.DataFrame, *, link: bool, force: bool) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    with store.transaction():
        linked = _linked(store, frame, link=link, force=force)
        with store.incoming(linked):
            store.execute(
                f"insert into performance_measurements ({_COLUMNS}) select {_COLUMNS} from incoming"
            )
        compared = linked.filter(pl.col("prediction_id").is_not_null())
        if compared.height:
            insert_errors(store, compared)
    return linked


def _linked(store: Store, frame: pl.DataFrame, *, link: bool, force: bool) -> pl.DataFrame:
    given = differing_fields(store, frame)
    missing = given.filter(~pl.col("found"))
    if missing.height:
        raise UnknownIdError(f"no prediction has the id '{missing['prediction_id'][0]}'")
    if not force:
        check_links(given)
    forced = given.filter(pl.col("fields").list.len() > 0)["measurement_id"]
    columns = ["measurement_id", "prediction_id", "predicted_platform"]
    found = given.select(columns)
    if link:
        found = pl.concat([found, fitting_predictions(store, frame).select(columns)])
    # only the ids are joined: a join of all columns would copy them
    links = frame.select("measurement_id").join(
        found, on="measurement_id", how="left", maintain_order="left"
    )
    return frame.with_columns(
        links["prediction_id"],
        is_forced_link=pl.col("measurement_id").is_in(forced.to_list()),
        device_platform=pl.coalesce("device_platform", links["predicted_platform"]),
    ).select(list(MEASUREMENT_SCHEMA))


def _not_yet_stored(store: Store, frame: pl.DataFrame) -> pl.DataFrame:
    keys = frame["import_key"]
    with (
        narrowed(store, "performance_measurements", "import_key", keys) as measurements,
        store.incoming(frame.select("import_key")),
    ):
        known = store.frame(
            f"""
            select distinct m.import_key
            from {measurements} as m
            semi join incoming as i on i.import_key = m.import_key
            where m.deleted_at is null
            """
        )
    is_fresh = pl.col("import_key").is_first_distinct() & ~pl.col("import_key").is_in(
        known["import_key"].implode()
    )
    fresh = frame.select(is_fresh).to_series()
    # the usual import repeats nothing, and its rows need no copy
    return frame if fresh.all() else frame.filter(fresh)


def _insert_import(store: Store, record: ImportRecord, counts: ImportCounts) -> None:
    if record.rows_rejected < 0:
        raise InvalidInputError(f"rows_rejected must be at least 0, got {record.rows_rejected}")
    store.execute(
        """
        insert into imports (
            import_id, recorded_at, user_name, source, files_json,
            rows_read, rows_imported, rows_duplicate, rows_rejected, rows_linked
        ) values (
            $import_id, $recorded_at, $user_name, $source, $files_json,
            $rows_read, $rows_imported, $rows_duplicate, $rows_rejected, $rows_linked
        )
        """,
        {
            "import_id": record.import_id,
            "recorded_at": record.recorded_at,
            "user_name": record.user,
            "source": record.source,
            "files_json": record.files_json,
            "rows_read": counts.read,
            "rows_imported": counts.imported,
            "rows_duplicate": counts.duplicates,
            "rows_rejected": record.rows_rejected,
            "rows_linked": counts.linked,
        },
    )
