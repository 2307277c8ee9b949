"""From results of the predictor services to rows of their reports."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from perfpredict.reports.report import Row

if TYPE_CHECKING:
    from perfpredict.services.predictor_accuracy import Evaluation, Standing
    from perfpredict.services.predictor_checks import Verification
    from perfpredict.services.predictors import ShownPredictor
    from perfpredict.services.train import Trained
    from perfpredict.store.predictors import PredictorRecord


def training_rows(trained: "Trained", *, model_id: str | None, is_active: bool) -> list[Row]:
    """Return one row for each quantity that was learned."""
    return [
        {
            "model_id": model_id,
            "metric": score.target.value,
            "algorithm": score.algorithm,
            "rows": trained.training_rows,
            "configs": score.training_configs,
            "models_held_out": len(score.held_out),
            "geo_error_factor_test": score.accuracy.geo_error_factor,
            "geo_error_factor_roofline": score.roofline_geo_error_factor,
            "geo_error_factor_calibrated": score.calibrated_geo_error_factor,
            "geo_error_factor_active": score.active_geo_error_factor,
            "median_abs_rel_error_test": score.accuracy.median_ape,
            "coverage_test": score.accuracy.coverage,
            "coverage_lo": score.accuracy.coverage_lo,
            "coverage_hi": score.accuracy.coverage_hi,
            "level": trained.plan.level,
            "active": is_active,
            "note": "better" if score.is_better else "not better than what is in force",
        }
        for score in trained.scores
    ]


def training_notes(trained: "Trained") -> list[str]:
    """Return what was left out, and what is to be known of the rows."""
    notes = [f"left out: {count} rows, {reason}" for reason, count in trained.left_out.items()]
    if trained.is_sample:
        notes.append("trained on sample data")
    return [*trained.notes, *notes]


def record_row(record: "PredictorRecord", *, is_trusted: bool) -> Row:
    """Return what lists show of a stored predictor."""
    return {
        "model_id": record.model_id,
        "created_at": record.created_at,
        "type": record.model_type,
        "metric": record.target_metric,
        "hardware": record.hardware_platform,
        "family": record.model_family,
        "features": list(record.features),
        "train_score": record.training_score,
        "validation_score": record.validation_score,
        "test_score": record.test_score,
        "geo_error_factor_test": record.geo_error_factor_test,
        "coverage_test": record.coverage_test,
        "rows": record.training_rows,
        "configs": record.training_configs,
        "training_cut_off": record.training_cut_off,
        "size_kib": None if record.size_bytes is None else record.size_bytes / 1024,
        "format": record.format,
        "active": record.is_active,
        "stale": record.is_stale,
        "trusted": is_trusted,
        "sample": record.is_sample,
        "library_versions": _mapping(record.metadata.get("library_versions")),
        "held_out": _names(record.metadata.get("held_out")),
        "sha256": record.sha256,
        "user": record.user,
        "note": record.note or None,
    }


def shown_row(found: "ShownPredictor") -> Row:
    """Return everything that is known of a stored predictor."""
    listing = found.listing
    return {
        **record_row(found.record, is_trusted=found.is_trusted),
        "globals": None if listing is None else list(listing.global_names),
        "globals_complete": None if listing is None else listing.is_complete,
    }


def evaluation_rows(found: "Evaluation", *, level: float) -> list[Row]:
    """Return accuracy by metric, columns as `perf analyze` has them."""
    return [
        {
            "metric": one.metric.value,
            "n": one.n,
            "n_configs": one.n_configs,
            "n_in_sample": found.in_sample,
            "median_abs_rel_error": one.accuracy.median_ape,
            "mean_abs_rel_error": one.accuracy.mape,
            "geo_error_factor": one.accuracy.geo_error_factor,
            "bias_factor": one.accuracy.bias_factor,
            "mean_error": one.mean_error,
            "mae": one.mae,
            "rmse": one.rmse,
            "r2": one.r_squared,
            "coverage": one.accuracy.coverage,
            "coverage_lo": one.accuracy.coverage_lo,
            "coverage_hi": one.accuracy.coverage_hi,
            "level": level,
        }
        for one in found.by_metric
    ]


def standing_rows(standings: "Sequence[Standing]") -> list[Row]:
    """Return one row for each contender."""
    return [
        {
            "model_id": one.name,
            "n": one.n,
            "geo_error_factor": one.accuracy.geo_error_factor,
            "bias_factor": one.accuracy.bias_factor,
            "coverage": one.accuracy.coverage,
            "wins": one.wins,
            "p_value": one.p_value,
        }
        for one in standings
    ]


def verification_rows(found: "Sequence[Verification]") -> list[Row]:
    """Return one row for each predictor that was checked."""
    return [
        {
            "model_id": one.model_id,
            "intact": one.is_intact,
            "trusted": one.is_trusted,
            "same": one.is_same,
            "note": one.note or None,
        }
        for one in found
    ]


def _mapping(content: object) -> dict[str, str] | None:
    if not isinstance(content, Mapping):
        return None
    return {str(name): str(value) for name, value in content.items()}


def _names(content: object) -> list[str] | None:
    return [str(name) for name in content] if isinstance(content, Sequence) else None
