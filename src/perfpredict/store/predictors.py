"""Writes and reads stored predictors; no list ever reads a blob, and nothing here loads one."""

import hashlib
from collections.abc import Sequence

import polars as pl

from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.lookup import find_id
from perfpredict.store.predictor_rows import (
    PREDICTOR_COLUMNS,
    FeatureImportance,
    PredictorRecord,
    predictor_record,
    predictor_row,
)

__all__ = [
    "FeatureImportance", "PredictorRecord", "activate", "active_predictor", "deactivate",
    "delete_predictor", "get_predictor", "insert_importance", "insert_predictor",
    "list_importance", "list_predictors", "predictor_blob", "predictor_record",
    "set_trust", "training_measurement_ids",
]  # fmt: skip

LARGEST_BLOB_BYTES = 256 * 2**20


def insert_predictor(
    store: Store,
    record: PredictorRecord,
    blob: bytes,
    importances: Sequence[FeatureImportance] = (),
    *,
    training_measurement_ids: Sequence[str] = (),
) -> None:
    """Store a predictor with its blob, feature importances and training rows.

    An active record takes the place of the active one with the same metric and scope.
    """
    if not 0 < len(blob) <= LARGEST_BLOB_BYTES:
        raise InvalidInputError(
            f"a stored predictor must have 1 to {LARGEST_BLOB_BYTES} bytes, got {len(blob)}"
        )
    names = (*PREDICTOR_COLUMNS, "blob")
    places = ", ".join(f"${name}" for name in names)
    with store.transaction():
        store.execute(
            f"insert into prediction_models ({column_list(names)}) values ({places})",
            {**predictor_row(record, blob), "blob": blob},
        )
        insert_importance(store, record.model_id, importances)
        _insert_training_rows(store, record.model_id, training_measurement_ids)
        if record.is_active:
            activate(store, record.model_id)


def list_predictors(
    store: Store,
    *,
    target_metric: str | None = None,
    hardware_platform: str | None = None,
    model_family: str | None = None,
    model_type: str | None = None,
    is_active: bool | None = None,
    include_sample: bool = False,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return what is known of the stored predictors, newest first; real ones hide sample ones."""
    return store.frame(
        f"""
        select {column_list(PREDICTOR_COLUMNS)}
        from prediction_models as t
        where ($target_metric is null or t.target_metric = $target_metric)
            and ($hardware_platform is null or t.hardware_platform = $hardware_platform)
            and ($model_family is null or t.model_family = $model_family)
            and ($model_type is null or t.model_type = $model_type)
            and ($is_active is null or t.is_active = $is_active)
            and ($include_sample or not t.is_sample
                 or not exists (select 1 from prediction_models where not is_sample))
        order by t.created_at desc, t.model_id desc
        limit $limit
        """,
        {
            "target_metric": target_metric,
            "hardware_platform": hardware_platform,
            "model_family": model_family,
            "model_type": model_type,
            "is_active": is_active,
            "include_sample": include_sample,
            "limit": limit,
        },
    )


def get_predictor(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Return one stored predictor; raises UnknownIdError or AmbiguousIdError."""
    model_id = find_id(store, IdKind.MODEL, id_or_prefix)
    frame = store.frame(
        f"""
        select {column_list(PREDICTOR_COLUMNS)}
        from prediction_models where model_id = $model_id
        """,
        {"model_id": model_id},
    )
    return predictor_record(frame.row(0, named=True))


def predictor_blob(store: Store, id_or_prefix: str) -> bytes:
    """Return the bytes as stored; raises StoreUnusableError where they were changed since."""
    model_id = find_id(store, IdKind.MODEL, id_or_prefix)
    ((blob, sha256),) = store.rows(
        "select blob, sha256 from prediction_models where model_id = $model_id",
        {"model_id": model_id},
    )
    if not isinstance(blob, bytes) or hashlib.sha256(blob).hexdigest() != sha256:
        raise StoreUnusableError(
            f"the bytes of predictor '{model_id}' are not those that were stored",
            hint="restore a backup with 'perfpredict db restore FILE', or store it again",
        )
    return blob


def activate(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Make one predictor the active one of its metric and scope; returns its record."""
    with store.transaction():
        record = get_predictor(store, id_or_prefix)
        store.execute(
            """
            update prediction_models set is_active = (model_id = $model_id)
            where target_metric = $target_metric
                and hardware_platform is not distinct from $hardware_platform
                and model_family is not distinct from $model_family
            """,
            {
                "model_id": record.model_id,
                "target_metric": record.target_metric,
                "hardware_platform": record.hardware_platform,
                "model_family": record.model_family,
            },
        )
        return get_predictor(store, record.model_id)


def deactivate(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Make one predictor inactive; returns its record."""
    with store.transaction():
        model_id = find_id(store, IdKind.MODEL, id_or_prefix)
        store.execute(
            "update prediction_models set is_active = false where model_id = $model_id",
            {"model_id": model_id},
        )
        return get_predictor(store, model_id)


def set_trust(store: Store, id_or_prefix: str, signature: str | None) -> PredictorRecord:
    """Store the signature by which a user trusts a blob, or None to take it back."""
    with store.transaction():
        model_id = find_id(store, IdKind.MODEL, id_or_prefix)
        store.execute(
            "update prediction_models set signature = $signature where model_id = $model_id",
            {"model_id": model_id, "signature": signature},
        )
        return get_predictor(store, model_id)


def delete_predictor(store: Store, id_or_prefix: str) -> str:
    """Delete a predictor, its importances and the list of its training rows; returns its id."""
    with store.transaction():
        model_id = find_id(store, IdKind.MODEL, id_or_prefix)
        for table in ("feature_importance", "prediction_model_rows", "prediction_models"):
            store.execute(f"delete from {table} where model_id = $model_id", {"model_id": model_id})
    return model_id


def active_predictor(
    store: Store,
    metric: str,
    *,
    hardware_platform: str | None = None,
    model_family: str | None = None,
) -> PredictorRecord | None:
    """Return the active predictor of `metric` with the narrowest scope that fits, if any.

    A predictor for all metrics stands in where none is for this one.
    """
    frame = store.frame(
        f"""
        select {column_list(PREDICTOR_COLUMNS)}
        from prediction_models
        where is_active
            and target_metric in ($metric, 'all')
            and (hardware_platform is null or hardware_platform = $hardware_platform)
            and (model_family is null or model_family = $model_family)
        order by
            target_metric = $metric desc,
            (hardware_platform is not null)::integer + (model_family is not null)::integer desc,
            created_at desc, model_id desc
        limit 1
        """,
        {"metric": metric, "hardware_platform": hardware_platform, "model_family": model_family},
    )
    return None if frame.is_empty() else predictor_record(frame.row(0, named=True))


def training_measurement_ids(store: Store, id_or_prefix: str) -> frozenset[str]:
    """Return the ids of the measurements that a predictor was trained on."""
    model_id = find_id(store, IdKind.MODEL, id_or_prefix)
    frame = store.frame(
        "select measurement_id from prediction_model_rows where model_id = $model_id",
        {"model_id": model_id},
    )
    return frozenset(frame["measurement_id"].to_list())


def insert_importance(
    store: Store, model_id: str, importances: Sequence[FeatureImportance]
) -> None:
    """Store how much each feature matters to the predictor, replacing what was known."""
    with store.transaction():
        for item in importances:
            store.execute(
                """
                insert or replace into feature_importance (
                    importance_id, model_id, feature_name, rank, importance_score, share, method
                ) values (
                    $model_id || '/' || $feature_name, $model_id, $feature_name, $rank,
                    $importance_score, $share, $method
                )
                """,
                {
                    "model_id": model_id,
                    "feature_name": item.feature_name,
                    "rank": item.rank,
                    "importance_score": item.importance_score,
                    "share": item.share,
                    "method": item.method,
                },
            )


def list_importance(store: Store, id_or_prefix: str) -> pl.DataFrame:
    """Return rank, feature_name, importance_score, share and method, most important first."""
    model_id = find_id(store, IdKind.MODEL, id_or_prefix)
    return store.frame(
        """
        select model_id, rank, feature_name, importance_score, share, method
        from feature_importance where model_id = $model_id order by rank, feature_name
        """,
        {"model_id": model_id},
    )


def _insert_training_rows(store: Store, model_id: str, measurement_ids: Sequence[str]) -> None:
    if not measurement_ids:
        return
    frame = pl.DataFrame({"measurement_id": list(measurement_ids)})
    with store.incoming(frame):
        store.execute(
            "insert into prediction_model_rows (model_id, measurement_id) "
            "select $model_id, measurement_id from incoming",
            {"model_id": model_id},
        )
