"""Finds the one row that an identifier, or the beginning of one, stands for."""

from perfpredict.errors import AmbiguousIdError, UnknownIdError
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, check_id

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


def newest_ids(store: Store, kind: IdKind, beginning: str, most: int) -> list[str]:
    """Return at most `most` identifiers that begin so, the newest first."""
    named, _, digits = beginning.partition("-")
    prefix = f"{kind.value}-{digits.upper()}"
    if not kind.value.startswith(named.lower()):
        return []
    rows = store.rows(
        f"{_QUERIES[kind]} between $prefix and $prefix || '~' order by 1 desc limit $most",
        {"prefix": prefix, "most": most},
    )
    return [str(row[0]) for row in rows]


def find_id(store: Store, kind: IdKind, id_or_prefix: str) -> str:
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
