"""Reports of stored predictions: the list, and one with what became of it."""

from typing import TYPE_CHECKING

from perfpredict.reports.perf import MIB, PREDICTION_COLUMNS, version_given, with_version_column
from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, Row

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.looking_back import ShownPrediction

_RENAMED = {
    "model_name": "model",
    "device": "hardware",
    "sequence_length": "seq_length",
    "throughput_lower_per_s": "throughput_lo",
    "throughput_upper_per_s": "throughput_hi",
    "latency_lower_ms": "latency_lo",
    "latency_upper_ms": "latency_hi",
    "similar_rows": "n_similar",
}
LIST_COLUMNS = (
    Column("prediction_id", "id", ColumnKind.ID, 0),
    Column("created_at", "made", ColumnKind.TIME, 1),
    *(column for column in PREDICTION_COLUMNS if column.key not in {"note", "prediction_id"}),
    Column("is_sample", "sample", ColumnKind.FLAG, 7),
)


def stored_predictions_report(frame: "pl.DataFrame") -> Report:
    """Return the rows of `store.predictions.list_predictions`."""
    rows = [_row(row) for row in frame.iter_rows(named=True)]
    return Report("perf-list", with_version_column(LIST_COLUMNS, rows), rows)


def _row(row: dict[str, JsonValue]) -> Row:
    named = {_RENAMED.get(key, key): value for key, value in row.items()}
    for source, target in (("memory", "memory_mib"), ("memory_lower", "memory_lo"),
                           ("memory_upper", "memory_hi")):  # fmt: skip
        value = row[f"{source}_bytes"]
        named[target] = None if value is None else float(str(value)) / MIB
    return named


def shown_prediction_report(shown: "ShownPrediction") -> Report:
    """Return one stored prediction as an object with its errors in it."""
    one = shown.prediction
    work = one.workload
    verify = (
        f"perfpredict measure record {work.model} --hardware {one.device} "
        f"--batch-size {work.batch_size} --precision {work.precision} "
        f"--prediction-id {one.prediction_id} --latency …ms"
    )
    values: dict[str, JsonValue] = {
        "prediction_id": one.prediction_id,
        "created_at": one.created_at,
        "model": work.model,
        "hardware": one.device,
        "platform": one.hardware_platform,
        "batch_size": work.batch_size,
        "seq_length": work.sequence_length or work.input_tokens,
        "image_size": work.image_size,
        "precision": work.precision.value,
        "mode": work.mode.value,
        "framework": work.framework,
        **version_given(work),
        "latency_ms": one.latency_ms.value if one.latency_ms else None,
        "latency_lo": one.latency_ms.interval.lower if one.latency_ms else None,
        "latency_hi": one.latency_ms.interval.upper if one.latency_ms else None,
        "throughput_per_s": one.throughput_per_s.value if one.throughput_per_s else None,
        "throughput_unit": one.throughput_unit.value,
        "memory_mib": one.memory_bytes.value / MIB,
        "fits": one.fits,
        "basis": one.basis.value,
        "predictor": one.predictor,
        "predictor_version": one.predictor_version,
        "cautions": list(one.cautions),
        "assumptions": list(one.assumptions),
        "verify_command": verify,
    }
    columns = tuple(Column(key, kind=_KINDS.get(key, ColumnKind.TEXT)) for key in values)
    errors = [dict(row) for row in shown.errors.iter_rows(named=True)]
    return Report(
        "perf-show",
        columns,
        [values],
        is_single=True,
        extra={"errors": errors},
        notes=tuple(_error_line(row) for row in errors),
    )


_KINDS = {
    "prediction_id": ColumnKind.ID,
    "created_at": ColumnKind.TIME,
    "batch_size": ColumnKind.COUNT,
    "latency_ms": ColumnKind.MS,
    "latency_lo": ColumnKind.MS,
    "latency_hi": ColumnKind.MS,
    "throughput_per_s": ColumnKind.RATE,
    "memory_mib": ColumnKind.MIB,
    "fits": ColumnKind.FLAG,
}


def _error_line(row: dict[str, JsonValue]) -> str:
    error = row["rel_error"]
    shown = "no relative error" if error is None else f"{float(str(error)):+.1%}"
    where = "inside" if row["inside_interval"] else "outside"
    return f"{row['metric']} measured by {row['measurement_id']}: {shown}, {where} the interval"
