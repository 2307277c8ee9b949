"""What is known of a stored predictor without its blob, to and from its row."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from perfpredict.store import row_values as value


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


PREDICTOR_COLUMNS = (
    "model_id", "created_at", "model_type", "target_metric", "hardware_platform",
    "model_family", "format", "features_json", "training_score", "validation_score",
    "test_score", "geo_error_factor_test", "coverage_test", "training_rows",
    "training_configs", "training_cut_off", "metadata_json", "size_bytes", "sha256",
    "signature", "is_active", "is_stale", "is_sample", "user_name", "note",
)  # fmt: skip
"""Columns of `prediction_models` without the blob."""


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


def predictor_row(record: PredictorRecord, blob: bytes) -> dict[str, object]:
    """Return `record` as the values of its columns, with size and sha256 of `blob`."""
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
