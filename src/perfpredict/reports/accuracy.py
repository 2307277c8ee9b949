"""Reports of `perf analyze`, `perf errors` and `perf check`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfpredict.reports.ci import CiResult
from perfpredict.reports.report import Column, ColumnKind, Report, report_from_frame

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.gate import GateCheck

STATISTICS = (
    Column("metric", "metric", ColumnKind.ID, 0),
    Column("unit", "unit", ColumnKind.TEXT, 6),
    Column("n", "n", ColumnKind.COUNT, 0),
    Column("n_configs", "configs", ColumnKind.COUNT, 5),
    Column("n_excluded", "left out", ColumnKind.COUNT, 4),
    Column("median_abs_rel_error", "median APE", ColumnKind.PERCENT, 0),
    Column("mean_abs_rel_error", "MAPE", ColumnKind.PERCENT, 3),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 2),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 2),
    Column("mean_error", "mean error", ColumnKind.NUMBER, 7),
    Column("mae", "MAE", ColumnKind.NUMBER, 5),
    Column("rmse", "RMSE", ColumnKind.NUMBER, 6),
    Column("r2", "R²", ColumnKind.NUMBER, 4),
    Column("coverage", "coverage", ColumnKind.PERCENT, 1),
    Column("coverage_lo", "from", ColumnKind.PERCENT, 3),
    Column("coverage_hi", "to", ColumnKind.PERCENT, 3),
    Column("level", "level", ColumnKind.PERCENT, 5),
    Column("median_interval_ratio", "upper/lower", ColumnKind.NUMBER, 4),
)


def accuracy_report(statistics: "pl.DataFrame", by: Sequence[str], *, is_sample: bool) -> Report:
    """Return accuracy by group; R² is null under ten rows."""
    columns = (*(Column(name, name, ColumnKind.ID, 0) for name in by), *STATISTICS)
    notes = ("sample data: these rows are made up",) if is_sample else ()
    return Report("perf-analyze", columns, statistics.to_dicts(), notes=notes)


def errors_report(errors: "pl.DataFrame") -> Report:
    """Return one row a measurement and metric."""
    return report_from_frame("perf-errors", errors, ERROR_COLUMNS)


ERROR_COLUMNS = (
    Column("measurement_id", "measurement", ColumnKind.ID, 0),
    Column("prediction_id", "prediction", ColumnKind.ID, 5),
    Column("model_name", "model", ColumnKind.ID, 2),
    Column("device", "device", ColumnKind.ID, 2),
    Column("batch_size", "batch", ColumnKind.COUNT, 3),
    Column("metric", "metric", ColumnKind.TEXT, 0),
    Column("unit", "unit", ColumnKind.TEXT, 6),
    Column("predicted", "predicted", ColumnKind.NUMBER, 0),
    Column("actual", "actual", ColumnKind.NUMBER, 0),
    Column("lower", "from", ColumnKind.NUMBER, 4),
    Column("upper", "to", ColumnKind.NUMBER, 4),
    Column("error", "error", ColumnKind.NUMBER, 6),
    Column("rel_error", "rel. error", ColumnKind.PERCENT, 0),
    Column("ln_ratio", "ln ratio", ColumnKind.NUMBER, 7),
    Column("inside_interval", "inside", ColumnKind.FLAG, 1),
    Column("direction", "direction", ColumnKind.TEXT, 3),
    Column("in_sample", "in sample", ColumnKind.FLAG, 7),
    Column("is_retrospective", "retrospective", ColumnKind.FLAG, 7),
    Column("measured_at", "measured", ColumnKind.TIME, 4),
    Column("basis", "basis", ColumnKind.TEXT, 5),
)


def gate_report(checks: "Sequence[GateCheck]") -> Report:
    """Return one row a check with its result."""
    rows = [
        {
            "check": one.check,
            "value": one.value,
            "limit": one.limit,
            "n": one.n,
            "result": one.result.value,
        }
        for one in checks
    ]
    return Report("perf-check", GATE_COLUMNS, rows)


def gate_results(checks: "Sequence[GateCheck]") -> list[CiResult]:
    """Return the checks for continuous integration."""
    return [
        CiResult(
            group="accuracy",
            name=one.check,
            failure=_told(one) if one.result == "fail" else None,
            skipped=f"{one.check}: too few pairs ({one.n})"
            if one.result == "insufficient"
            else None,
        )
        for one in checks
    ]


def _told(one: "GateCheck") -> str:
    return f"{one.check} is {one.value:.4g}, limit {one.limit:.4g} ({one.n} pairs)"


GATE_COLUMNS = (
    Column("check", "check", ColumnKind.ID, 0),
    Column("value", "value", ColumnKind.NUMBER, 0),
    Column("limit", "limit", ColumnKind.NUMBER, 0),
    Column("n", "n", ColumnKind.COUNT, 0),
    Column("result", "result", ColumnKind.ID, 0),
)
