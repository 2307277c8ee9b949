"""Changes to measurements after the fact: linking, unlinking and deleting."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from perfpredict.errors import UnknownIdError
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.linking import check_links, differing_fields, errors_of, insert_errors
from perfpredict.store.lookup import find_id
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA
from perfpredict.store.measurements import Recorded


def link_measurement(
    store: Store, measurement_id: str, prediction_id: str, *, force: bool = False
) -> Recorded:
    """Compare a measurement with another prediction from now on; ids may be prefixes.

    Raises InvalidInputError listing the fields in which they differ, unless `force`.
    """
    with store.transaction():
        measurement = find_id(store, IdKind.MEASUREMENT, measurement_id)
        prediction = find_id(store, IdKind.PREDICTION, prediction_id)
        link_measurements(
            store,
            pl.DataFrame({"measurement_id": [measurement], "prediction_id": [prediction]}),
            force=force,
        )
        return Recorded(
            measurement_id=measurement,
            prediction_id=prediction,
            errors=errors_of(store, measurement),
        )


def link_measurements(store: Store, links: pl.DataFrame, *, force: bool = False) -> int:
    """Link each measurement_id of `links` to its prediction_id, all or none; returns how many."""
    if links.is_empty():
        return 0
    with store.transaction():
        linked = _with_links(store, links)
        differences = differing_fields(store, linked)
        missing = differences.filter(~pl.col("found"))
        if missing.height:
            raise UnknownIdError(f"no prediction has the id '{missing['prediction_id'][0]}'")
        if not force:
            check_links(differences)
        changes = differences.select(
            "measurement_id",
            "prediction_id",
            (pl.col("fields").list.len() > 0).alias("is_forced_link"),
        )
        _replace_links(store, changes)
        insert_errors(store, changes)
    return links.height


def unlink_measurement(store: Store, measurement_id: str) -> str:
    """Compare a measurement with no prediction any more; returns its full id."""
    with store.transaction():
        full = find_id(store, IdKind.MEASUREMENT, measurement_id)
        _replace_links(
            store,
            pl.DataFrame(
                {"measurement_id": [full], "prediction_id": [None], "is_forced_link": [False]},
                schema_overrides={"prediction_id": pl.String()},
            ),
        )
    return full


def delete_measurements(
    store: Store, measurement_ids: Sequence[str], *, purge: bool = False, now: datetime
) -> list[str]:
    """Take measurements out of every list and statistic; returns their full ids.

    `purge` removes the rows themselves. Predictors that learned from one become stale.
    """
    with store.transaction():
        full = [find_id(store, IdKind.MEASUREMENT, given) for given in measurement_ids]
        with store.incoming(pl.DataFrame({"measurement_id": full}, schema=_ID_SCHEMA)):
            store.execute(_MARK_STALE)
            if purge:
                store.execute(_PURGE_ERRORS)
                store.execute(_PURGE)
            else:
                store.execute(_DELETE, {"now": now})
    return full


def _with_links(store: Store, links: pl.DataFrame) -> pl.DataFrame:
    columns = column_list(list(MEASUREMENT_SCHEMA))
    with store.incoming(links.select("measurement_id")):
        rows = store.frame(
            f"select {columns} from performance_measurements "
            "where deleted_at is null "
            "and measurement_id in (select measurement_id from incoming)"
        )
    joined = links.join(rows.drop("prediction_id"), on="measurement_id", how="left")
    unknown = joined.filter(pl.col("workload_key").is_null())
    if unknown.height:
        raise UnknownIdError(f"no measurement has the id '{unknown['measurement_id'][0]}'")
    return joined.select(list(MEASUREMENT_SCHEMA))


def _replace_links(store: Store, changes: pl.DataFrame) -> None:
    with store.incoming(changes):
        store.execute(_PURGE_ERRORS)
        store.execute(
            """
            update performance_measurements as m
            set prediction_id = i.prediction_id, is_forced_link = i.is_forced_link
            from incoming as i where i.measurement_id = m.measurement_id
            """
        )


_ID_SCHEMA = {"measurement_id": pl.String()}

_PURGE_ERRORS = """
delete from prediction_errors
where measurement_id in (select measurement_id from incoming)
"""

_PURGE = """
delete from performance_measurements
where measurement_id in (select measurement_id from incoming)
"""

_DELETE = """
update performance_measurements set deleted_at = $now
where deleted_at is null and measurement_id in (select measurement_id from incoming)
"""

_MARK_STALE = """
update prediction_models set is_stale = true
where model_id in (
    select r.model_id
    from prediction_model_rows as r
    semi join incoming as i on i.measurement_id = r.measurement_id
)
"""
