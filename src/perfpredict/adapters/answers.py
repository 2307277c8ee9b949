"""From domain objects and stored rows to the documented dictionaries, in the guide's units."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from perfpredict.adapters.workloads import NamedDevices
from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Estimate, Prediction
from perfpredict.domain.recommendation import Candidate, Recommendation
from perfpredict.domain.workload import Workload
from perfpredict.models.named_features import unknown_features
from perfpredict.store.linking import PredictionErrorRow
from perfpredict.store.predictors import PredictorRecord
from perfpredict.store.workload_columns import workload_row

Row: TypeAlias = dict[str, Any]
"""Keys are documented; their values differ in type, so that indexing needs Any."""

MIB = 2.0**20

_RENAMED = {
    "user_name": "user_id",
    "is_accepted": "was_accepted",
    "comment": "user_feedback",
    "chosen": "chosen_hardware",
    "primary_hardware": "primary_recommendation",
    "throughput_per_s": "throughput",
    "throughput_lower_per_s": "throughput_lower",
    "throughput_upper_per_s": "throughput_upper",
    "latency_ms": "latency",
    "latency_lower_ms": "latency_lower",
    "latency_upper_ms": "latency_upper",
    "latency_p90_ms": "latency_p90",
    "latency_p99_ms": "latency_p99",
    "memory_bytes": "memory_usage",
    "memory_lower_bytes": "memory_usage_lower",
    "memory_upper_bytes": "memory_usage_upper",
    "memory_capacity_bytes": "memory_capacity",
    "max_memory_bytes": "max_memory",
}
"""Column → documented key, where they differ; columns in bytes become MiB."""
_ERROR_KEYS = {
    "predicted": "predicted_value",
    "actual": "actual_value",
    "rel_error": "relative_error",
}
_DROPPED = frozenset({"workload_key"})


def stored_row(row: Mapping[str, Any]) -> Row:
    """Return a row of a list under the documented keys."""
    found: Row = {}
    for name, value in row.items():
        if name in _DROPPED:
            continue
        if name.endswith("_json"):
            found[name.removesuffix("_json")] = json.loads(value)
        elif name.endswith("_bytes") and name in _RENAMED:
            found[_RENAMED[name]] = None if value is None else value / MIB
        else:
            found[_RENAMED.get(name, name)] = value
    return found


def workload_keys(workload: Workload) -> Row:
    """Return the model and shape keys that every answer carries, as the tables name them."""
    return {k: value for k, value in workload_row(workload).items() if k != "workload_key"}


def prediction_row(prediction: Prediction) -> Row:
    """Return what is predicted for one device, without the keys of the workload."""
    device = prediction.hardware.device
    return {
        "prediction_id": prediction.prediction_id,
        "hardware_platform": prediction.hardware.requested,
        "device": device.name,
        "device_platform": device.platform.value,
        "resolved_how": prediction.hardware.how,
        **_estimate("throughput", prediction.throughput_per_s),
        "throughput_unit": prediction.throughput_unit.value,
        **_estimate("latency", prediction.latency_ms),
        **_estimate("memory_usage", prediction.memory_bytes, MIB),
        "memory_capacity": prediction.memory_capacity_bytes / MIB,
        "level": prediction.memory_bytes.interval.coverage,
        "fits": prediction.fits,
        "basis": prediction.basis.value,
        "source": prediction.basis.value,
        "predictor": prediction.predictor,
        "predictor_version": prediction.predictor_version,
        "similar_rows": prediction.similar_rows,
        "is_extrapolated": prediction.is_extrapolated,
        "cautions": list(prediction.cautions),
        "assumptions": list(prediction.assumptions),
    }


def _estimate(name: str, estimate: Estimate | None, unit: float = 1.0) -> Row:
    if estimate is None:
        return {name: None, f"{name}_lower": None, f"{name}_upper": None}
    interval = estimate.interval
    return {
        name: estimate.value / unit,
        f"{name}_lower": interval.lower / unit,
        f"{name}_upper": interval.upper / unit,
    }


def recommendation_row(recommendation: Recommendation, devices: NamedDevices) -> Row:
    """Return a recommendation; devices are called as they were given."""
    primary = recommendation.primary
    limits = recommendation.limits
    return {
        "recommendation_id": recommendation.recommendation_id,
        **workload_keys(recommendation.workload),
        "objective": recommendation.objective.value,
        "max_latency": limits.max_latency_ms,
        "min_throughput": limits.min_throughput_per_s,
        "max_memory": None if limits.max_memory_bytes is None else limits.max_memory_bytes / MIB,
        "max_price_per_hour": limits.max_price_per_hour,
        "confidence": limits.confidence,
        "primary_recommendation": primary.hardware.requested if primary else None,
        "primary_device": primary.hardware.device.name if primary else None,
        "fallback_options": [c.hardware.requested for c in recommendation.fallbacks],
        "compatible_hardware": [
            name
            for candidate in recommendation.candidates
            for name in devices.names_of(candidate.hardware.device.name)
        ],
        "excluded_hardware": [
            {"hardware": name, "device": one.hardware, "reason": one.reason}
            for one in recommendation.excluded
            for name in devices.names_of(one.hardware)
        ],
        "explanation": recommendation.explanation,
        "candidates": [_candidate(candidate) for candidate in recommendation.candidates],
        "assumptions": list(recommendation.assumptions),
        "cautions": list(recommendation.cautions),
        "user_id": recommendation.user,
    }


def _candidate(candidate: Candidate) -> Row:
    return {
        "rank": candidate.rank,
        "hardware": candidate.hardware.requested,
        "meets": candidate.meets.value,
        "score": candidate.score,
        "reason": candidate.reason,
        "price_per_hour": candidate.price_per_hour,
        "currency": candidate.currency,
        "cost_per_million": candidate.cost_per_million,
        "rejections": candidate.rejections,
        **prediction_row(candidate.prediction),
    }


def error_row(error: PredictionErrorRow) -> Row:
    """Return one metric of one measurement against its prediction."""
    return error_keys(asdict(error))


def error_keys(row: Mapping[str, Any]) -> Row:
    """Return a stored error under the documented keys; errors are predicted - actual."""
    renamed = {_ERROR_KEYS.get(name, name): value for name, value in row.items()}
    metric = Metric(renamed["metric"])
    return renamed | {
        "metric": "memory_usage" if metric is Metric.MEMORY else metric.value,
        "absolute_error": abs(renamed["error"]),
    }


def predictor_row(record: PredictorRecord, *, is_trusted: bool) -> Row:
    """Return what is known of a stored predictor, without its blob."""
    return {
        "model_id": record.model_id,
        "created_at": record.created_at,
        "model_type": record.model_type,
        "target_metric": record.target_metric,
        "hardware_platform": record.hardware_platform,
        "model_family": record.model_family,
        "features": list(record.features),
        "unknown_features": list(unknown_features(record.features)),
        "training_score": record.training_score,
        "validation_score": record.validation_score,
        "test_score": record.test_score,
        "geo_error_factor_test": record.geo_error_factor_test,
        "coverage_test": record.coverage_test,
        "training_rows": record.training_rows,
        "training_configs": record.training_configs,
        "format": record.format,
        "size_bytes": record.size_bytes,
        "sha256": record.sha256,
        "library_versions": record.metadata.get("library_versions", {}),
        "is_active": record.is_active,
        "is_stale": record.is_stale,
        "is_trusted": is_trusted,
        "is_sample": record.is_sample,
        "user_id": record.user,
        "note": record.note,
    }
