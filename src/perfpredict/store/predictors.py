"""Writes and reads stored predictors; no list ever reads a blob, and nothing here loads one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store import row_values as value
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind
from perfpredict.store.lookup import find_id

LARGEST_BLOB_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorRecord:
    """Everything about a stored predictor but its blob."""

    model_id: str
    created_at: datetime
    model_type: str
    """As its maker calls it, e.g. `lightgbm-residual` or `RandomForestRegressor`."""
    target_metric: str
    """throughput, latency, memory or all."""
    format: str
    """How the blob is read, e.g. `lightgbm-text` or `joblib`."""
    features: tuple[str, ...]
    """Names in the order the predictor wants them."""
    hardware_platform: str | None = None
    model_family: str | None = None
    training_score: float | None = None
    validation_score: float | None = None
    test_score: float | None = None
    geo_error_factor_test: float | None = None
    coverage_test: float | None = None
    training_rows: int | None = None
    training_configs: int | None = None
    training_cut_off: datetime | None = None
    """Time of the newest measurement it was trained on."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Library versions, settings, calibration: whatever JSON holds."""
    signature: str | None = None
    """HMAC of the blob by the key of the user who trusts it."""
    is_active: bool = False
    is_stale: bool = False
    is_sample: bool = False
    user: str | None = None
    note: str = ""
    size_bytes: int | None = None
    """Of the blob; filled in by the store."""
    sha256: str | None = None
    """Of the blob; filled in by the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureImportance:
    """How much one feature matters to one predictor."""

    feature_name: str
    importance_score: float
    """As the method gives it."""
    share: float
    """0 to 1; adds up to 1 over the features."""
    rank: int
    method: str


_COLUMNS = (
    "model_id", "created_at", "model_type", "target_metric", "hardware_platform",
    "model_family", "format", "features_json", "training_score", "validation_score",
    "test_score", "geo_error_factor_test", "coverage_test", "training_rows",
    "training_configs", "training_cut_off", "metadata_json", "size_bytes", "sha256",
    "signature", "is_active", "is_stale", "is_sample", "user_name", "note",
)  # fmt: skip


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
    names = (*_COLUMNS, "blob")
    places = ", ".join(f"${name}" for name in names)
    with store.transaction():
        store.execute(
            f"insert into prediction_models ({column_list(names)}) values ({places})",
            {**_row(record, blob), "blob": blob},
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
        select {column_list(_COLUMNS)}
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
        f"select {column_list(_COLUMNS)} from prediction_models where model_id = $model_id",
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
        select {column_list(_COLUMNS)}
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


def predictor_record(row: value.Row) -> PredictorRecord:
    """Return the record that one row of `list_predictors` holds."""
    return PredictorRecord(
        model_id=value.text(row, "model_id"),
        created_at=value.time(row, "created_at"),
        model_type=value.text(row, "model_type"),
        target_metric=value.text(row, "target_metric"),
        format=value.text(row, "format"),
        features=tuple(json.loads(value.text(row, "features_json"))),
        hardware_platform=value.text_or_none(row, "hardware_platform"),
        model_family=value.text_or_none(row, "model_family"),
        training_score=value.real_or_none(row, "training_score"),
        validation_score=value.real_or_none(row, "validation_score"),
        test_score=value.real_or_none(row, "test_score"),
        geo_error_factor_test=value.real_or_none(row, "geo_error_factor_test"),
        coverage_test=value.real_or_none(row, "coverage_test"),
        training_rows=value.integer_or_none(row, "training_rows"),
        training_configs=value.integer_or_none(row, "training_configs"),
        training_cut_off=value.time_or_none(row, "training_cut_off"),
        metadata=json.loads(value.text(row, "metadata_json")),
        signature=value.text_or_none(row, "signature"),
        is_active=bool(row["is_active"]),
        is_stale=bool(row["is_stale"]),
        is_sample=bool(row["is_sample"]),
        user=value.text_or_none(row, "user_name"),
        note=value.text(row, "note"),
        size_bytes=value.integer(row, "size_bytes"),
        sha256=value.text(row, "sha256"),
    )


def _row(record: PredictorRecord, blob: bytes) -> dict[str, object]:
    return {
        "model_id": record.model_id,
        "created_at": record.created_at,
        "model_type": record.model_type,
        "target_metric": record.target_metric,
        "hardware_platform": record.hardware_platform,
        "model_family": record.model_family,
        "format": record.format,
        "features_json": json.dumps(record.features, ensure_ascii=False),
        "training_score": record.training_score,
        "validation_score": record.validation_score,
        "test_score": record.test_score,
        "geo_error_factor_test": record.geo_error_factor_test,
        "coverage_test": record.coverage_test,
        "training_rows": record.training_rows,
        "training_configs": record.training_configs,
        "training_cut_off": record.training_cut_off,
        "metadata_json": json.dumps(dict(record.metadata), ensure_ascii=False),
        "size_bytes": len(blob),
        "sha256": hashlib.sha256(blob).hexdigest(),
        "signature": record.signature,
        "is_active": record.is_active,
        "is_stale": record.is_stale,
        "is_sample": record.is_sample,
        "user_name": record.user,
        "note": record.note,
    }


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
