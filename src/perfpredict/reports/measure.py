"""Reports of the `measure` group: recorded and stored measurements, imports and checks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from perfpredict.domain.measurement import Measurement
from perfpredict.domain.metrics import Metric
from perfpredict.reports.ci import CiResult, ci_text
from perfpredict.reports.perf import with_version_column
from perfpredict.reports.report import Column, ColumnKind, Drawing, JsonValue, Report, Row

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.importing import ImportOutcome
    from perfpredict.services.measure_check import Checked
    from perfpredict.store.measurements import Recorded

_MIB = 2.0**20

RECORD_COLUMNS = (
    Column("metric", "metric", ColumnKind.TEXT, 0),
    Column("unit", "unit", ColumnKind.TEXT, 1),
    Column("predicted", "predicted", ColumnKind.NUMBER, 1),
    Column("lo", "from", ColumnKind.NUMBER, 2),
    Column("hi", "to", ColumnKind.NUMBER, 2),
    Column("actual", "measured", ColumnKind.NUMBER, 0),
    Column("rel_error", "error", ColumnKind.PERCENT, 0),
    Column("inside", "inside", ColumnKind.FLAG, 1),
    Column("measurement_id", "id", ColumnKind.ID, 3),
    Column("prediction_id", "prediction", ColumnKind.ID, 4),
)

_RECORD_DRAWING = Drawing(
    "interval", "predicted", "predicted", "lo", "hi", "actual",
    is_relative=True, priority=2, colored_as="inside",
)  # fmt: skip
RECORD_HEAD_COLUMNS = (
    Column("measurement_id", kind=ColumnKind.ID),
    Column("prediction_id", kind=ColumnKind.ID),
    Column("model", kind=ColumnKind.ID),
    Column("hardware", kind=ColumnKind.ID),
    Column("hardware_platform", kind=ColumnKind.ID),
    Column("measured_at", kind=ColumnKind.TIME),
    Column("consistency", kind=ColumnKind.ID),
)
"""What JSON says once, above the metrics."""


def recorded_report(
    measurement: Measurement, recorded: "Recorded | None", notes: Sequence[str]
) -> Report:
    """Return one row a measured metric beside its prediction; `recorded` is None in a dry run."""
    errors = {error.metric: error for error in recorded.errors} if recorded else {}
    rows: list[Row] = []
    for metric, (actual, unit) in _actuals(measurement).items():
        error = errors.get(metric)
        rows.append(
            {
                "metric": metric.value,
                "unit": error.unit if error else unit,
                "predicted": error.predicted if error else None,
                "lo": error.lower if error else None,
                "hi": error.upper if error else None,
                "actual": actual,
                "rel_error": error.rel_error if error else None,
                "inside": error.inside_interval if error else None,
                "measurement_id": recorded.measurement_id if recorded else None,
                "prediction_id": recorded.prediction_id if recorded else None,
            }
        )
    return Report(
        "measure-record",
        RECORD_COLUMNS,
        rows,
        extra=_recorded_extra(measurement, recorded),
        rows_key="metrics",
        notes=(*notes, *(recorded.notes if recorded else ()), *_link_note(recorded)),
        drawings=(_RECORD_DRAWING,),
    )


def _recorded_extra(measurement: Measurement, recorded: "Recorded | None") -> Row:
    return {
        "measurement_id": recorded.measurement_id if recorded else None,
        "prediction_id": recorded.prediction_id if recorded else None,
        "model": measurement.workload.model,
        "hardware": measurement.device,
        "hardware_platform": measurement.hardware_platform,
        "measured_at": measurement.measured_at,
        "consistency": measurement.consistency,
    }


def _link_note(recorded: "Recorded | None") -> list[str]:
    if recorded is None:
        return ["dry run: nothing was stored"]
    if recorded.prediction_id is None:
        return [f"{recorded.measurement_id}: stored; no earlier prediction is of this workload"]
    return [f"{recorded.measurement_id}: stored, compared with {recorded.prediction_id}"]


def _actuals(measurement: Measurement) -> dict[Metric, tuple[float, str]]:
    memory = measurement.memory_bytes
    values = {
        Metric.THROUGHPUT: (measurement.throughput_per_s, measurement.throughput_unit.value),
        Metric.LATENCY: (measurement.latency_ms, "ms"),
        Metric.MEMORY: (None if memory is None else memory / _MIB, "MiB"),
    }
    return {metric: (value, unit) for metric, (value, unit) in values.items() if value is not None}


LIST_COLUMNS = (
    Column("measurement_id", "id", ColumnKind.ID, 0),
    Column("measured_at", "measured", ColumnKind.TIME, 3),
    Column("model", "model", ColumnKind.ID, 0),
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 1),
    Column("seq_length", "tokens", ColumnKind.COUNT, 5),
    Column("precision", "precision", ColumnKind.TEXT, 3),
    Column("mode", "mode", ColumnKind.TEXT, 6),
    Column("throughput_per_s", "per s", ColumnKind.RATE, 1),
    Column("latency_ms", "latency ms", ColumnKind.MS, 0),
    Column("memory_mib", "MiB", ColumnKind.MIB, 2),
    Column("runs", "runs", ColumnKind.COUNT, 6),
    Column("source", "source", ColumnKind.ID, 4),
    Column("prediction_id", "prediction", ColumnKind.ID, 5),
    Column("sample", "sample", ColumnKind.FLAG, 7),
)

_MORE_COLUMNS = (
    Column("family", kind=ColumnKind.ID),
    Column("hardware_platform", kind=ColumnKind.ID),
    Column("device_platform", kind=ColumnKind.ID),
    Column("sequence_length", kind=ColumnKind.COUNT),
    Column("image_size", kind=ColumnKind.COUNT),
    Column("input_tokens", kind=ColumnKind.COUNT),
    Column("output_tokens", kind=ColumnKind.COUNT),
    Column("quantization", kind=ColumnKind.TEXT),
    Column("phase", kind=ColumnKind.TEXT),
    Column("framework", kind=ColumnKind.TEXT),
    Column("is_compiled", kind=ColumnKind.FLAG),
    Column("memory_format", kind=ColumnKind.TEXT),
    Column("device_count", kind=ColumnKind.COUNT),
    Column("concurrency", kind=ColumnKind.COUNT),
    Column("throughput_unit", kind=ColumnKind.TEXT),
    Column("latency_p90_ms", kind=ColumnKind.MS),
    Column("latency_p99_ms", kind=ColumnKind.MS),
    Column("consistency", kind=ColumnKind.NUMBER),
    Column("warmup_runs", kind=ColumnKind.COUNT),
    Column("load", kind=ColumnKind.TEXT),
    Column("note", kind=ColumnKind.TEXT),
    Column("environment", kind=ColumnKind.TEXT),
    Column("recorded_at", kind=ColumnKind.TIME),
    Column("import_id", kind=ColumnKind.ID),
    Column("source_row", kind=ColumnKind.COUNT),
    Column("is_forced_link", kind=ColumnKind.FLAG),
)


def measurement_list(frame: "pl.DataFrame") -> Report:
    """Return stored measurements, newest first."""
    rows = [_listed(row) for row in frame.to_dicts()]
    return Report("measure-list", with_version_column(LIST_COLUMNS, rows), rows)


def measurement_report(frame: "pl.DataFrame", errors: Sequence[Row]) -> Report:
    """Return everything stored of one measurement, with its errors against its prediction."""
    rows = [_listed(row) for row in frame.to_dicts()]
    return Report(
        "measure-show",
        with_version_column((*LIST_COLUMNS, *_MORE_COLUMNS), rows),
        rows,
        is_single=True,
        extra={"errors": list(errors)},
    )


def _listed(row: Mapping[str, JsonValue]) -> Row:
    memory = row["memory_bytes"]
    return {
        **row,
        "model": row["model_name"],
        "family": row["model_family"],
        "hardware": row["device"],
        "seq_length": row["sequence_length"] or row["input_tokens"],
        "memory_mib": memory / _MIB if isinstance(memory, int | float) else None,
        "sample": row["is_sample"],
    }


IMPORT_COLUMNS = (
    Column("import_id", kind=ColumnKind.ID),
    Column("files"),
    Column("read", kind=ColumnKind.COUNT),
    Column("imported", kind=ColumnKind.COUNT),
    Column("duplicates", kind=ColumnKind.COUNT),
    Column("rejected", kind=ColumnKind.COUNT),
    Column("linked", kind=ColumnKind.COUNT),
    Column("suspect", "suspect rows left out", ColumnKind.COUNT),
    Column("predicted", "predicted first", ColumnKind.COUNT),
)


def import_report(outcome: "ImportOutcome", mapping: Mapping[str, str]) -> Report:
    """Return what became of the rows of an import; JSON also has the columns' meanings."""
    row: Row = {
        "import_id": outcome.import_id,
        "files": list(outcome.files),
        "read": outcome.read,
        "imported": outcome.imported,
        "duplicates": outcome.duplicates,
        "rejected": outcome.rejected,
        "linked": outcome.linked,
        "suspect": outcome.suspect,
        "predicted": outcome.predicted,
    }
    is_dry = outcome.import_id is None
    notes = ["dry run: nothing was stored"] if is_dry else []
    return Report(
        "measure-import",
        IMPORT_COLUMNS,
        [row],
        is_single=True,
        extra={"mapping": dict(mapping)},
        notes=tuple(notes),
    )


CHECK_COLUMNS = (
    Column("measurement_id", "id", ColumnKind.ID, 1),
    Column("prediction_id", "prediction", ColumnKind.ID, 3),
    Column("metric", "metric", ColumnKind.TEXT, 0),
    Column("unit", "unit", ColumnKind.TEXT, 2),
    Column("lo", "from", ColumnKind.NUMBER, 1),
    Column("actual", "measured", ColumnKind.NUMBER, 0),
    Column("hi", "to", ColumnKind.NUMBER, 0),
    Column("inside", "inside", ColumnKind.FLAG, 0),
)


def check_report(checked: "Sequence[Checked]") -> Report:
    """Return each measured value beside the bounds it must keep."""
    rows: list[Row] = [
        {
            "measurement_id": one.measurement_id,
            "prediction_id": one.prediction_id,
            "metric": one.metric.value,
            "unit": one.unit,
            "lo": one.lower,
            "actual": one.actual,
            "hi": one.upper,
            "inside": one.is_inside,
        }
        for one in checked
    ]
    return Report("measure-check", CHECK_COLUMNS, rows)


LINK_COLUMNS = (
    Column("measurement_id", kind=ColumnKind.ID),
    Column("prediction_id", kind=ColumnKind.ID),
)


def link_report(measurement_id: str, prediction_id: str | None) -> Report:
    """Return what a measurement is compared with from now on."""
    row: Row = {"measurement_id": measurement_id, "prediction_id": prediction_id}
    return Report("measure-link", LINK_COLUMNS, [row], is_single=True)


DELETE_COLUMNS = (
    Column("measurement_id", kind=ColumnKind.ID),
    Column("purged", kind=ColumnKind.FLAG),
)


def deleted_report(ids: Sequence[str], *, is_purged: bool) -> Report:
    """Return what was deleted."""
    rows: list[Row] = [{"measurement_id": one, "purged": is_purged} for one in ids]
    return Report("measure-delete", DELETE_COLUMNS, rows)


def check_text(checked: "Sequence[Checked]", wanted: str) -> str:
    """Return the checks as GitHub annotations (failed ones only) or as JUnit XML."""
    results = [
        CiResult(
            group=one.measurement_id,
            name=one.metric.value,
            failure=None if one.is_inside else _told(one),
        )
        for one in checked
    ]
    return ci_text("perfpredict measure check", results, wanted)


def _told(one: "Checked") -> str:
    low = "" if one.lower is None else f"{one.lower:.4g} to "
    high = "and more" if one.upper is None else f"{one.upper:.4g}"
    return (
        f"{one.measurement_id}: {one.metric.value} {one.actual:.4g} {one.unit} is outside "
        f"{low}{high} {one.unit}"
    )
