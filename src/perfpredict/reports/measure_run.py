"""The report of `measure run`: predicted beside measured, cold beside warm, and every doubt."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from perfpredict.domain.prediction import Prediction
from perfpredict.measuring.outcome import Completed, DidNotFit, Failed
from perfpredict.measuring.warnings import RunWarning
from perfpredict.reports.report import Column, ColumnKind, Drawing, JsonValue, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.measure_run import Finished, Sweep

_MIB = 2.0**20

COLUMNS = (
    Column("measurement_id", "id", ColumnKind.ID, 7),
    Column("model", "model", ColumnKind.ID, 0),
    Column("hardware", "device", ColumnKind.ID, 6),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("phase", "phase", ColumnKind.TEXT, 3),
    Column("precision", "precision", ColumnKind.TEXT, 4),
    Column("predicted_ms", "predicted ms", ColumnKind.MS, 0),
    Column("latency_lo", "from", ColumnKind.MS, 1),
    Column("latency_hi", "to", ColumnKind.MS, 1),
    Column("latency_ms", "measured ms", ColumnKind.MS, 0),
    Column("inside", "inside", ColumnKind.FLAG, 0),
    Column("rel_error", "error", ColumnKind.PERCENT, 1),
    Column("latency_p10_ms", "p10", ColumnKind.MS, 4),
    Column("latency_p90_ms", "p90", ColumnKind.MS, 3),
    Column("latency_p99_ms", "p99", ColumnKind.MS, 5),
    Column("cv", "cv", ColumnKind.PERCENT, 3),
    Column("runs", "runs", ColumnKind.COUNT, 2),
    Column("throughput_per_s", "per s", ColumnKind.RATE, 3),
    Column("throughput_unit", "unit", ColumnKind.TEXT, 8),
    Column("peak_memory_mib", "MiB", ColumnKind.MIB, 2),
    Column("predicted_memory_mib", "predicted MiB", ColumnKind.MIB, 5),
    Column("cold_ms", "cold ms", ColumnKind.MS, 5),
    Column("load_ms", "load ms", ColumnKind.MS, 6),
    Column("threads", "threads", ColumnKind.COUNT, 6),
    Column("prediction_id", "prediction", ColumnKind.ID, 8),
    Column("seq_length", "tokens", ColumnKind.COUNT, 8),
    Column("framework", "framework", ColumnKind.TEXT, 8),
    Column("framework_version", "version", ColumnKind.TEXT, 8),
    Column("level", "level", ColumnKind.PERCENT, 8),
    Column("median_lo_ms", "median from", ColumnKind.MS, 8),
    Column("median_hi_ms", "median to", ColumnKind.MS, 8),
    Column("warmup_runs", "warm-up", ColumnKind.COUNT, 8),
    Column("note", "note", ColumnKind.TEXT, 5),
)

_DRAWING = Drawing(
    "interval", "predicted_ms", "predicted_ms", "latency_lo", "latency_hi", "latency_ms",
    is_relative=True, priority=2, colored_as="inside",
)  # fmt: skip


def sweep_report(sweep: "Sweep") -> Report:
    """Return one row a measurement; a failed or unfitting one says so in its note."""
    notes = []
    if sweep.is_interrupted:
        notes.append(f"stopped: {len(sweep.finished)} of {sweep.planned} measurements are done")
    compared = [row for row in map(_row, sweep.finished) if row["inside"] is not None]
    if compared:
        inside = sum(row["inside"] is True for row in compared)
        notes.append(f"{inside} of {len(compared)} latencies lie inside their predicted intervals")
    predictions = [one.planned.prediction for one in sweep.finished if one.planned.prediction]
    assumed = dict.fromkeys(text for one in predictions for text in one.assumptions)
    if assumed:
        notes.append(f"assumed: {', '.join(assumed)}")
    rows = [_row(one) for one in sweep.finished]
    return Report("measure-run", _columns(rows), rows, notes=tuple(notes), drawings=(_DRAWING,))


def _columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return the columns; where there are phases, rows are told apart by them at any width."""
    has_phases = any(row["phase"] is not None for row in rows)
    return tuple(
        replace(column, priority=0) if column.key == "phase" and has_phases else column
        for column in COLUMNS
    )


def warning_lines(finished: "Sequence[Finished]") -> list[str]:
    """Return what to be wary of, each doubt said once with what was first seen of it."""
    found: dict[tuple[str, str, str], tuple[str, RunWarning, int]] = {}
    for one in finished:
        workload = one.planned.workload
        phase = f" {workload.phase}" if workload.phase else ""
        place = f"{workload.model}{phase} batch {workload.batch_size}"
        for warning in one.warnings:
            doubt = (warning.name, warning.cause, warning.remedy)
            first, seen, more = found.get(doubt, (place, warning, -1))
            found[doubt] = (first, seen, more + 1)
    return [f"{_together(place, more)}: {seen.text}" for place, seen, more in found.values()]


def _together(place: str, more: int) -> str:
    return f"{place} and {more} more" if more else place


def _row(one: "Finished") -> dict[str, JsonValue]:
    planned, workload = one.planned, one.planned.workload
    return {
        "measurement_id": one.recorded.measurement_id if one.recorded else None,
        "model": workload.model,
        "hardware": planned.hardware.device.name,
        "batch_size": workload.batch_size,
        "seq_length": workload.sequence_length or workload.input_tokens,
        "phase": workload.phase.value if workload.phase else None,
        "precision": workload.precision.value,
        "framework": workload.framework,
        "framework_version": workload.framework_version,
        **_predicted(planned.prediction),
        **_measured(one),
        "threads": planned.request.threads,
        "prediction_id": planned.prediction.prediction_id if planned.prediction else None,
        "note": _note(one),
    }


def _predicted(prediction: Prediction | None) -> Row:
    latency = prediction.latency_ms if prediction else None
    return {
        "predicted_ms": latency.value if latency else None,
        "latency_lo": latency.interval.lower if latency else None,
        "latency_hi": latency.interval.upper if latency else None,
        "level": latency.interval.coverage if latency else None,
        "predicted_memory_mib": prediction.memory_bytes.value / _MIB if prediction else None,
    }


def _measured(one: "Finished") -> Row:
    summary, outcome, row = one.summary, one.outcome, one.measurement
    memory = row.memory_bytes if row else None
    if summary is None or not isinstance(outcome, Completed):
        empty = dict.fromkeys(_MEASURED_KEYS)
        return {**empty, "peak_memory_mib": None if memory is None else memory / _MIB}
    latency = one.planned.prediction.latency_ms if one.planned.prediction else None
    return {
        "latency_ms": summary.median_ms,
        "inside": summary.median_ms in latency.interval if latency else None,
        "rel_error": latency.value / summary.median_ms - 1.0 if latency else None,
        "latency_p10_ms": summary.p10_ms,
        "latency_p90_ms": summary.p90_ms,
        "latency_p99_ms": summary.p99_ms,
        "median_lo_ms": summary.median_lower_ms,
        "median_hi_ms": summary.median_upper_ms,
        "cv": summary.variation,
        "runs": summary.runs,
        "warmup_runs": outcome.sampled.warmup_runs,
        "throughput_per_s": row.throughput_per_s if row else None,
        "throughput_unit": row.throughput_unit.value if row else None,
        "peak_memory_mib": None if memory is None else memory / _MIB,
        "cold_ms": outcome.sampled.cold_ms,
        "load_ms": outcome.load_ms,
    }


_MEASURED_KEYS = (
    "latency_ms", "inside", "rel_error", "latency_p10_ms", "latency_p90_ms", "latency_p99_ms",
    "median_lo_ms", "median_hi_ms", "cv", "runs", "warmup_runs", "throughput_per_s",
    "throughput_unit", "cold_ms", "load_ms",
)  # fmt: skip


def _note(one: "Finished") -> str:
    match one.outcome:
        case DidNotFit(reason=reason):
            return f"does not fit: {reason}"
        case Failed(message=message):
            return f"failed: {message}"
        case None:
            return "not run"
        case _:
            return ", ".join(warning.name for warning in one.warnings)
