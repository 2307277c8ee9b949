"""Finds the one row that an identifier, or the beginning of one, stands for."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from perfpredict.errors import AmbiguousIdError, UnknownIdError
from perfpredict.store.access import Access
from perfpredict.store.failures import translated
from perfpredict.store.ids import IdKind, check_id
from perfpredict.store.opening import connect_for_reading, locked

if TYPE_CHECKING:
    from perfpredict.store.gateway import Store

_QUERIES = {
    IdKind.PREDICTION: "select prediction_id from performance_predictions where prediction_id",
    IdKind.MEASUREMENT: "select measurement_id from performance_measurements where measurement_id",
    IdKind.RECOMMENDATION: (
        "select recommendation_id from recommendation_history where recommendation_id"
    ),
    IdKind.MODEL: "select model_id from prediction_models where model_id",
    IdKind.IMPORT: "select import_id from imports where import_id",
    IdKind.FEEDBACK: "select feedback_id from feedback_events where feedback_id",
}
_SHOWN = 3
_PREFIX = re.compile(r"[a-z]+-[0-9A-Z]*")


def newest_ids(path: Path, kind: IdKind, beginning: str, most: int) -> list[str]:
    """Return at most `most` identifiers of a file that begin so, the newest first.

    Raises where the file is busy, at once.
    """
    named, _, digits = beginning.partition("-")
    prefix = f"{kind.value}-{digits.upper()}"
    if not kind.value.startswith(named.lower()) or not _PREFIX.fullmatch(prefix):
        return []
    # a shell waits for this: for the first `$name` DuckDB loads NumPy and pandas, which takes long
    query = f"{_QUERIES[kind]} between '{prefix}' and '{prefix}~' order by 1 desc limit {most:d}"
    with locked(path, Access.READ, lock_timeout_s=0.0) as held, translated(path):
        connection = connect_for_reading(held)
        try:
            rows = connection.execute(query).fetchall()
        finally:
            connection.close()
    return [str(row[0]) for row in rows]


def find_id(store: "Store", kind: IdKind, id_or_prefix: str) -> str:
    """Return the full identifier; raises UnknownIdError, AmbiguousIdError or InvalidInputError."""
    prefix = check_id(kind, id_or_prefix)
    # the key sorts as text, so the rows with this prefix are one range
    found = store.rows(
        f"{_QUERIES[kind]} between $prefix and $prefix || '~' order by 1 limit $most",
        {"prefix": prefix, "most": _SHOWN},
    )
    if not found:
        raise UnknownIdError(
            f"no {kind.name.lower()} has the id '{id_or_prefix}' in '{store.path}'"
        )
    if len(found) > 1:
        names = ", ".join(str(row[0]) for row in found)
        raise AmbiguousIdError(f"'{id_or_prefix}' fits more than one id: {names}")
    return str(found[0][0])
