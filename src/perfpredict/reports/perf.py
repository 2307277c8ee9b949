"""Reports of `perf predict` and `perf matrix`."""

from collections.abc import Sequence

from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Estimate, Prediction
from perfpredict.domain.workload import Workload
from perfpredict.reports.measure_lines import record_line, run_line
from perfpredict.reports.report import (
    Column,
    ColumnKind,
    Drawing,
    JsonValue,
    Report,
    Row,
)

MIB = 2.0**20
MOST_CAUTIONS = 6
"""Cautions that are written out below a table."""

PREDICTION_COLUMNS = (
    Column("prediction_id", "id", ColumnKind.ID, 6),
    Column("model", "model", ColumnKind.ID, 3),
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("seq_length", "tokens", ColumnKind.COUNT, 6),
    Column("precision", "precision", ColumnKind.TEXT, 5),
    Column("mode", "mode", ColumnKind.TEXT, 7),
    Column("throughput_per_s", "per s", ColumnKind.RATE, 1),
    Column("throughput_lo", "from", ColumnKind.RATE, 5),
    Column("throughput_hi", "to", ColumnKind.RATE, 5),
    Column("latency_ms", "latency ms", ColumnKind.MS, 0),
    Column("latency_lo", "from", ColumnKind.MS, 2),
    Column("latency_hi", "to", ColumnKind.MS, 2),
    Column("memory_mib", "MiB", ColumnKind.MIB, 1),
    Column("memory_lo", "from", ColumnKind.MIB, 7),
    Column("memory_hi", "to", ColumnKind.MIB, 7),
    Column("level", "level", ColumnKind.PERCENT, 6),
    Column("fits", "fits", ColumnKind.FLAG, 1),
    Column("basis", "basis", ColumnKind.TEXT, 4),
    Column("n_similar", "rows", ColumnKind.COUNT, 5),
    Column("predictor", "predictor", ColumnKind.ID, 7),
    Column("throughput_unit", "unit", ColumnKind.TEXT, 5),
    Column("note", "note", ColumnKind.TEXT, 8),
)

_DRAWINGS = (
    Drawing("interval", "latency_ms", "latency_ms", "latency_lo", "latency_hi", priority=2),
)
VERSION_COLUMN = Column("framework_version", "version", ColumnKind.TEXT, 5)


def prediction_row(prediction: Prediction) -> Row:
    """Return the flat row of one prediction; memory in MiB, latency in ms."""
    workload = prediction.workload
    return {
        "prediction_id": prediction.prediction_id,
        "model": workload.model,
        "hardware": prediction.hardware.device.name,
        "platform": prediction.hardware.requested,
        "batch_size": workload.batch_size,
        "seq_length": workload.sequence_length or workload.input_tokens,
        "output_tokens": workload.output_tokens,
        "image_size": workload.image_size,
        "precision": workload.precision.value,
        "mode": workload.mode.value,
        "phase": workload.phase.value if workload.phase else None,
        "framework": workload.framework,
        **version_given(workload),
        **_bounds("throughput", "_per_s", prediction.throughput_per_s),
        **_bounds("latency", "_ms", prediction.latency_ms),
        **_bounds("memory", "_mib", prediction.memory_bytes, 1.0 / MIB),
        "memory_capacity_mib": prediction.memory_capacity_bytes / MIB,
        "level": prediction.memory_bytes.interval.coverage,
        "fits": prediction.fits,
        "basis": prediction.basis.value,
        "n_similar": prediction.similar_rows,
        "predictor": prediction.predictor,
        "predictor_version": prediction.predictor_version,
        "throughput_unit": prediction.throughput_unit.value,
        "note": _note(prediction),
        "cautions": list(prediction.cautions),
        "assumptions": list(prediction.assumptions),
    }


def version_given(workload: Workload) -> Row:
    """Return the framework's version under its key, nothing where it was not given."""
    version = workload.framework_version
    return {} if version is None else {"framework_version": version}


def with_version_column(columns: tuple[Column, ...], rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return `columns`, and the framework's version after them where a row has one."""
    if all(row.get(VERSION_COLUMN.key) is None for row in rows):
        return columns
    return (*columns, VERSION_COLUMN)


def predictions_report(
    predictions: Sequence[Prediction], *, is_measured_by_run: bool = False
) -> Report:
    """Return predictions as a list, with what was assumed as notes.

    `is_measured_by_run` says of the first of them whether `measure run` checks it.
    """
    assumed = dict.fromkeys(text for one in predictions for text in one.assumptions)
    notes = [f"assumed: {', '.join(assumed)}"] if assumed else []
    notes += caution_notes(predictions)
    notes += _basis_notes(predictions, is_measured_by_run=is_measured_by_run)
    rows = [prediction_row(one) for one in predictions]
    return Report(
        "perf-predict",
        with_version_column(PREDICTION_COLUMNS, rows),
        rows,
        title=_shared_title(predictions),
        notes=tuple(notes),
        drawings=_DRAWINGS,
    )


def _shared_title(predictions: Sequence[Prediction]) -> str:
    """Return what all predictions have in common, nothing where their models differ."""
    kinds = {(one.workload.model, one.workload.precision, one.workload.mode) for one in predictions}
    return ", ".join(*kinds) if len(kinds) == 1 else ""


def caution_notes(predictions: Sequence[Prediction]) -> list[str]:
    """Return each caution once, with the devices that it is about; the rest are only counted."""
    devices: dict[str, list[str]] = {}
    for one in predictions:
        for text in one.cautions:
            devices.setdefault(text, []).append(one.hardware.device.name)
    count = len({one.hardware.device.name for one in predictions})
    notes = []
    for text, own in list(devices.items())[:MOST_CAUTIONS]:
        names = list(dict.fromkeys(own))
        is_clear = len(names) == count or names[0] in text
        notes.append(text if is_clear else f"{text} ({_some(names)})")
    if len(devices) > MOST_CAUTIONS:
        notes.append(f"{len(devices) - MOST_CAUTIONS} more cautions: --json has them all")
    return notes


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def is_unmeasured(predictions: Sequence[Prediction]) -> bool:
    """Return whether nothing alike was measured of any of `predictions`."""
    return bool(predictions) and not any(one.similar_rows for one in predictions)


def _basis_notes(predictions: Sequence[Prediction], *, is_measured_by_run: bool) -> list[str]:
    if not is_unmeasured(predictions):
        return []
    first = predictions[0]
    device, basis = first.hardware.device.name, f"basis: {first.basis}, no measurements yet"
    if is_measured_by_run:
        line = run_line(first.workload, device)
        return [f"{basis}, so the intervals are wide; on that device '{line}' checks it"]
    line = record_line(first.workload, device)
    return [f"{basis}, so the intervals are wide; '{line}' narrows them"]


def _bounds(
    name: str, unit: str, estimate: Estimate | None, scale: float = 1.0
) -> dict[str, JsonValue]:
    if estimate is None:
        return {f"{name}{unit}": None, f"{name}_lo": None, f"{name}_hi": None}
    return {
        f"{name}{unit}": estimate.value * scale,
        f"{name}_lo": estimate.interval.lower * scale,
        f"{name}_hi": estimate.interval.upper * scale,
    }


def _note(prediction: Prediction) -> str:
    if prediction.fits:
        return "; ".join(prediction.cautions)
    needed = prediction.memory_bytes.value / 2**30
    there = prediction.memory_capacity_bytes / 2**30
    return f"does not fit: needs {needed:.1f} GiB of {there:.1f}"


MATRIX_METRICS = {
    Metric.LATENCY: ("latency_ms", ColumnKind.MS),
    Metric.THROUGHPUT: ("throughput_per_s", ColumnKind.RATE),
    Metric.MEMORY: ("memory_mib", ColumnKind.MIB),
}


MATRIX_COLUMNS = (
    Column("model", "model", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("precision", "precision", ColumnKind.TEXT, 0),
)
"""And a column for each device."""


def matrix_report(predictions: Sequence[Prediction], metric: Metric) -> Report:
    """Return one row a model, batch size and precision, with a column a device."""
    key, kind = MATRIX_METRICS[metric]
    devices = list(dict.fromkeys(one.hardware.device.name for one in predictions))
    cells: dict[tuple[str, int, str], dict[str, JsonValue]] = {}
    for one in predictions:
        work = one.workload
        place = (work.model, work.batch_size, work.precision.value)
        value = prediction_row(one)[key] if one.fits else None
        cells.setdefault(place, {})[one.hardware.device.name] = value
    columns = (*MATRIX_COLUMNS, *(Column(name, name, kind, 1) for name in devices))
    rows = [
        {"model": model, "batch_size": batch, "precision": precision, **values}
        for (model, batch, precision), values in cells.items()
    ]
    title = f"{key} by device"
    unfit = sum(not one.fits for one in predictions)
    notes = (f"{unfit} cells are empty: the workload does not fit there",) if unfit else ()
    return Report("perf-matrix", columns, rows, title=title, notes=notes)
