"""The tables of the schema, their keys, and what must hold between them."""

from dataclasses import dataclass

TABLE_KEYS: dict[str, tuple[str, ...]] = {
    "performance_predictions": ("prediction_id",),
    "performance_measurements": ("measurement_id",),
    "prediction_errors": ("error_id",),
    "hardware_model_mappings": ("mapping_id",),
    "prediction_models": ("model_id",),
    "prediction_model_rows": ("model_id", "measurement_id"),
    "feature_importance": ("importance_id",),
    "recommendation_history": ("recommendation_id",),
    "feedback_events": ("feedback_id",),
    "user_devices": ("device",),
    "platform_aliases": ("platform",),
    "device_prices": ("device",),
    "imports": ("import_id",),
}
"""Every table that holds rows of the user, with the columns that name one row."""

MODEL_TABLES = ("prediction_models", "prediction_model_rows", "feature_importance")
"""Tables that come with stored predictors."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`table.column`, where it is not null, must be the key of a row of `target`."""

    table: str
    column: str
    target: str


REFERENCES = (
    Reference("performance_measurements", "prediction_id", "performance_predictions"),
    Reference("performance_measurements", "import_id", "imports"),
    Reference("prediction_errors", "measurement_id", "performance_measurements"),
    Reference("prediction_errors", "prediction_id", "performance_predictions"),
    Reference("prediction_model_rows", "model_id", "prediction_models"),
    Reference("feature_importance", "model_id", "prediction_models"),
    Reference("feedback_events", "recommendation_id", "recommendation_history"),
)
"""Kept by the writing functions and tested by `db check`; foreign keys would cost an index each."""
