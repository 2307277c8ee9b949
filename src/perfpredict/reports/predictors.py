"""Reports of the `models` group: training, lists, contents, importance, scores, verification."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, Drawing, JsonValue, Report, Row

if TYPE_CHECKING:
    import polars as pl

TRAIN_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID, 0),
    Column("metric", kind=ColumnKind.ID, priority=0),
    Column("algorithm", kind=ColumnKind.ID, priority=2),
    Column("rows", kind=ColumnKind.COUNT, priority=2),
    Column("configs", kind=ColumnKind.COUNT, priority=3),
    Column("models_held_out", "held out", ColumnKind.COUNT, 2),
    Column("geo_error_factor_test", "error factor", ColumnKind.NUMBER, 0),
    Column("geo_error_factor_roofline", "roofline's", ColumnKind.NUMBER, 1),
    Column("geo_error_factor_calibrated", "calibrated", ColumnKind.NUMBER, 3),
    Column("geo_error_factor_active", "active one's", ColumnKind.NUMBER, 3),
    Column("median_abs_rel_error_test", "median error", ColumnKind.PERCENT, 3),
    Column("coverage_test", "coverage", ColumnKind.PERCENT, 1),
    Column("coverage_lo", "from", ColumnKind.PERCENT, 4),
    Column("coverage_hi", "to", ColumnKind.PERCENT, 4),
    Column("level", kind=ColumnKind.PERCENT, priority=4),
    Column("active", kind=ColumnKind.FLAG, priority=1),
    Column("note", priority=2),
)

LIST_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID, 0),
    Column("created_at", "created", ColumnKind.TIME, 3),
    Column("type", kind=ColumnKind.ID, priority=1),
    Column("metric", kind=ColumnKind.ID, priority=0),
    Column("hardware", kind=ColumnKind.ID, priority=2),
    Column("family", kind=ColumnKind.ID, priority=2),
    Column("train_score", kind=ColumnKind.NUMBER, priority=5),
    Column("validation_score", kind=ColumnKind.NUMBER, priority=5),
    Column("test_score", kind=ColumnKind.NUMBER, priority=4),
    Column("geo_error_factor_test", "error factor", ColumnKind.NUMBER, 1),
    Column("rows", kind=ColumnKind.COUNT, priority=3),
    Column("size_kib", "KiB", ColumnKind.NUMBER, 4),
    Column("format", kind=ColumnKind.ID, priority=4),
    Column("active", kind=ColumnKind.FLAG, priority=0),
    Column("stale", kind=ColumnKind.FLAG, priority=4),
    Column("trusted", kind=ColumnKind.FLAG, priority=1),
    Column("sample", kind=ColumnKind.FLAG, priority=5),
)

SHOW_COLUMNS = (
    *LIST_COLUMNS,
    Column("coverage_test", kind=ColumnKind.PERCENT),
    Column("configs", kind=ColumnKind.COUNT),
    Column("training_cut_off", kind=ColumnKind.TIME),
    Column("features"),
    Column("library_versions"),
    Column("held_out"),
    Column("sha256", kind=ColumnKind.ID),
    Column("globals"),
    Column("globals_complete", kind=ColumnKind.FLAG),
    Column("user", kind=ColumnKind.ID),
    Column("note"),
)

_IMPORTANCE_DRAWING = Drawing("", "share", "share", priority=0)
IMPORTANCE_COLUMNS = (
    Column("rank", kind=ColumnKind.COUNT, priority=0),
    Column("feature", kind=ColumnKind.ID, priority=0),
    Column("importance", kind=ColumnKind.NUMBER, priority=1),
    Column("share", kind=ColumnKind.PERCENT, priority=0),
    Column("method", kind=ColumnKind.ID, priority=2),
)

ACCURACY_COLUMNS = (
    Column("metric", kind=ColumnKind.ID, priority=0),
    Column("n", kind=ColumnKind.COUNT, priority=0),
    Column("n_configs", "configs", ColumnKind.COUNT, 3),
    Column("n_in_sample", "in training", ColumnKind.COUNT, 3),
    Column("median_abs_rel_error", "median error", ColumnKind.PERCENT, 0),
    Column("mean_abs_rel_error", "mean error", ColumnKind.PERCENT, 3),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 0),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 1),
    Column("mean_error", kind=ColumnKind.NUMBER, priority=4),
    Column("mae", kind=ColumnKind.NUMBER, priority=4),
    Column("rmse", kind=ColumnKind.NUMBER, priority=4),
    Column("r2", "R²", ColumnKind.NUMBER, 4),
    Column("coverage", kind=ColumnKind.PERCENT, priority=0),
    Column("coverage_lo", "from", ColumnKind.PERCENT, 2),
    Column("coverage_hi", "to", ColumnKind.PERCENT, 2),
    Column("level", kind=ColumnKind.PERCENT, priority=4),
)

COMPARE_COLUMNS = (
    Column("model_id", "predictor", ColumnKind.ID, 0),
    Column("n", kind=ColumnKind.COUNT, priority=0),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 0),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 1),
    Column("coverage", kind=ColumnKind.PERCENT, priority=1),
    Column("wins", kind=ColumnKind.COUNT, priority=0),
    Column("p_value", kind=ColumnKind.NUMBER, priority=0),
)

VERIFY_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID, 0),
    Column("intact", kind=ColumnKind.FLAG, priority=0),
    Column("trusted", kind=ColumnKind.FLAG, priority=0),
    Column("same", "answers as stored", ColumnKind.FLAG, 0),
    Column("note", priority=1),
)

STORED_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID, 0),
    Column("type", kind=ColumnKind.ID),
    Column("metric", kind=ColumnKind.ID),
    Column("hardware", kind=ColumnKind.ID),
    Column("family", kind=ColumnKind.ID),
    Column("features"),
    Column("size_kib", "KiB", ColumnKind.NUMBER),
    Column("format", kind=ColumnKind.ID),
    Column("trusted", kind=ColumnKind.FLAG),
    Column("active", kind=ColumnKind.FLAG),
)
DELETE_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID),
    Column("deleted", kind=ColumnKind.FLAG),
)
EXPORT_COLUMNS = (
    Column("model_id", "id", ColumnKind.ID),
    Column("file", kind=ColumnKind.ID),
    Column("size_kib", "KiB", ColumnKind.NUMBER),
    Column("sha256", kind=ColumnKind.ID),
)


def trained(rows: Sequence[Row], notes: Sequence[str]) -> Report:
    """Return one row for each quantity that was learned."""
    return Report("models-train", TRAIN_COLUMNS, rows, notes=tuple(notes))


def listed(frame: "pl.DataFrame") -> Report:
    """Return one row for each stored predictor."""
    return Report("models-list", LIST_COLUMNS, [_list_row(row) for row in frame.to_dicts()])


def shown(row: Row) -> Report:
    """Return all that is known of one predictor."""
    return Report("models-show", SHOW_COLUMNS, [row], is_single=True)


def importance(frame: "pl.DataFrame") -> Report:
    """Return how much each feature matters, most important first."""
    rows = [
        {
            "rank": row["rank"],
            "feature": row["feature_name"],
            "importance": row["importance_score"],
            "share": row["share"],
            "method": row["method"],
        }
        for row in frame.to_dicts()
    ]
    return Report("models-importance", IMPORTANCE_COLUMNS, rows, drawings=(_IMPORTANCE_DRAWING,))


def evaluated(rows: Sequence[Row], notes: Sequence[str]) -> Report:
    """Return accuracy by metric."""
    return Report("models-evaluate", ACCURACY_COLUMNS, rows, notes=tuple(notes))


def compared(rows: Sequence[Row]) -> Report:
    """Return one row for each contender."""
    return Report("models-compare", COMPARE_COLUMNS, rows)


def verified(rows: Sequence[Row]) -> Report:
    """Return one row for each predictor that was checked."""
    return Report("models-verify", VERIFY_COLUMNS, rows)


def stored(row: Row, notes: Sequence[str] = ()) -> Report:
    """Return what was stored or changed."""
    return Report("models-store", STORED_COLUMNS, [row], is_single=True, notes=tuple(notes))


def deleted(model_id: str) -> Report:
    """Return which predictor is gone."""
    row: Row = {"model_id": model_id, "deleted": True}
    return Report("models-delete", DELETE_COLUMNS, [row], is_single=True)


def exported(model_id: str, path: str, size_bytes: int, sha256: str) -> Report:
    """Return where the bytes were written."""
    row: Row = {
        "model_id": model_id, "file": path, "size_kib": size_bytes / 1024, "sha256": sha256,
    }  # fmt: skip
    return Report("models-export", EXPORT_COLUMNS, [row], is_single=True)


def _list_row(row: Mapping[str, JsonValue]) -> Row:
    size_bytes = row["size_bytes"]
    assert isinstance(size_bytes, int)
    return {
        "model_id": row["model_id"],
        "created_at": row["created_at"],
        "type": row["model_type"],
        "metric": row["target_metric"],
        "hardware": row["hardware_platform"],
        "family": row["model_family"],
        "train_score": row["training_score"],
        "validation_score": row["validation_score"],
        "test_score": row["test_score"],
        "geo_error_factor_test": row["geo_error_factor_test"],
        "rows": row["training_rows"],
        "size_kib": size_bytes / 1024,
        "format": row["format"],
        "active": row["is_active"],
        "stale": row["is_stale"],
        "trusted": row["is_trusted"],
        "sample": row["is_sample"],
    }
