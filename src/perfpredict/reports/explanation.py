"""The report of `--explain`: where the time of each prediction goes and what led to it."""

from collections.abc import Mapping, Sequence

from perfpredict.domain.explanation import Explanation, Step, TimePart
from perfpredict.domain.prediction import Estimate, Prediction
from perfpredict.reports.measure_lines import record_line, run_line
from perfpredict.reports.part_names import part_name
from perfpredict.reports.report import (
    Column,
    ColumnKind,
    Drawing,
    JsonValue,
    Report,
    Row,
)
from perfpredict.reports.text import TABLE_DIGITS, percent, significant

MIB = 2.0**20
SMALL_PART = 0.005
"""Share below which parts are shown together."""

EXPLANATION_COLUMNS = (
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("part", "part of the time", ColumnKind.ID, 0),
    Column("latency_ms", "ms", ColumnKind.MS, 0),
    Column("share", "share", ColumnKind.PERCENT, 0),
    Column("bound", "bound", ColumnKind.ID, 0),
    Column("full_rate_ms", "at full rates", ColumnKind.MS, 3),
    Column("launches", "launches", ColumnKind.COUNT, 4),
    Column("arithmetic_intensity", "FLOP/byte", ColumnKind.NUMBER, 5),
)
HEAD_COLUMNS = (Column("explanations"),)
"""What JSON holds besides the parts."""
_STEP_COLUMNS = (
    Column("step", "step", ColumnKind.ID, 0),
    Column("latency_ms", "ms", ColumnKind.MS, 0),
    Column("factor", "factor", ColumnKind.NUMBER, 0),
    Column("detail", "what it takes into account", ColumnKind.TEXT, 1),
)
_MEMORY_COLUMNS = (
    Column("part", "part of the memory", ColumnKind.ID, 0),
    Column("memory_mib", "MiB", ColumnKind.MIB, 0),
    Column("share", "share", ColumnKind.PERCENT, 0),
)
_OPERATION_COLUMNS = (
    Column("op_class", "operations", ColumnKind.ID, 0),
    Column("full_rate_ms", "ms", ColumnKind.MS, 0),
    Column("compute_ms", "computing", ColumnKind.MS, 2),
    Column("memory_ms", "moving", ColumnKind.MS, 2),
    Column("bound", "bound", ColumnKind.ID, 0),
    Column("launches", "launches", ColumnKind.COUNT, 1),
    Column("arithmetic_intensity", "FLOP/byte", ColumnKind.NUMBER, 1),
)
_FULL_RATES = "each operation at peak arithmetic or full bandwidth, whichever is slower"


def explanation_report(explanations: Sequence[Explanation]) -> Report:
    """Return the parts of each prediction as rows; people see them beside what led to them."""
    return Report(
        "perf-explain",
        EXPLANATION_COLUMNS,
        [row for one in explanations for row in part_rows(one)],
        extra={"explanations": [_document(one) for one in explanations]},
        rows_key="parts",
        shown=[section for one in explanations for section in _sections(one)],
    )


def part_rows(explanation: Explanation) -> list[Row]:
    """Return one row a part of the time, the largest first; latencies add up to the predicted."""
    prediction = explanation.prediction
    latency = prediction.latency_ms
    if latency is None:
        return []
    return [_part_row(explanation, part, latency.value) for part in explanation.parts]


def _part_row(explanation: Explanation, part: TimePart, latency_ms: float) -> Row:
    work = next((one for one in explanation.work if one.op_class.value == part.name), None)
    return {
        "hardware": explanation.prediction.hardware.device.name,
        "batch_size": explanation.prediction.workload.batch_size,
        "part": part.name,
        "latency_ms": part.share * latency_ms,
        "share": part.share,
        "bound": part.bound.value,
        "full_rate_ms": work.full_rate_ms if work else None,
        "launches": round(work.launches) if work else None,
        "arithmetic_intensity": work.arithmetic_intensity if work else None,
    }


def step_rows(steps: Sequence[Step]) -> list[Row]:
    """Return one row a step, with its factor on the step before; the last is the prediction."""
    before: list[float | None] = [None, *(step.latency_ms for step in steps)]
    return [
        {
            "step": step.kind.value,
            "latency_ms": step.latency_ms,
            "factor": step.latency_ms / last if last else None,
            "detail": step.detail or _FULL_RATES,
        }
        for step, last in zip(steps, before, strict=False)
    ]


def memory_rows(explanation: Explanation) -> list[Row]:
    """Return one row a part of the memory, the largest first."""
    total_mib = explanation.prediction.memory_bytes.value / MIB
    return [
        {"part": part.name, "memory_mib": part.share * total_mib, "share": part.share}
        for part in explanation.memory
    ]


def check_line(explanation: Explanation) -> str:
    """Return the line that measures the workload: on its machine, or recorded by hand."""
    prediction = explanation.prediction
    line = run_line if explanation.is_measured_by_run else record_line
    return line(prediction.workload, prediction.hardware.device.name)


def _document(explanation: Explanation) -> Mapping[str, JsonValue]:
    prediction = explanation.prediction
    latency, neighbours = prediction.latency_ms, explanation.neighbours
    return {
        "model": prediction.workload.model,
        "hardware": prediction.hardware.device.name,
        "batch_size": prediction.workload.batch_size,
        "fits": prediction.fits,
        "latency_ms": latency.value if latency else None,
        "latency_lo": latency.interval.lower if latency else None,
        "latency_hi": latency.interval.upper if latency else None,
        "basis": prediction.basis.value,
        "steps": step_rows(explanation.steps),
        "operations": _work_rows(explanation),
        "memory": memory_rows(explanation),
        "neighbours": {
            "learned_from_device": neighbours.learned_from_device,
            "learned_from_model": neighbours.learned_from_model,
            "own_of_device": neighbours.own_of_device,
        },
        "cautions": list(prediction.cautions),
        "not_modelled": list(explanation.not_modelled),
        "check": check_line(explanation),
    }


def _sections(explanation: Explanation) -> list[Report]:
    prediction = explanation.prediction
    found = [_times(explanation)]
    if prediction.workload.phase is not None:
        found.append(_operations(explanation))
    found.append(
        Report(
            "perf-explain-steps", _STEP_COLUMNS, step_rows(explanation.steps),
            title="from the data sheet to the prediction",
        )
    )  # fmt: skip
    memory = Report(
        "perf-explain-memory", _MEMORY_COLUMNS, memory_rows(explanation), title=_memory(prediction),
        drawings=(Drawing("", "share", "share", full=1.0),),
    )  # fmt: skip
    return [*(found if prediction.fits else []), memory, _facts(explanation)]


def _times(explanation: Explanation) -> Report:
    rows = _with_small_parts_together(part_rows(explanation))
    return Report(
        "perf-explain-time",
        [
            column
            for column in EXPLANATION_COLUMNS
            if column.key not in {"hardware", "batch_size"}
            and any(row[column.key] is not None for row in rows)
        ],
        rows,
        title=_title(explanation.prediction),
        drawings=(Drawing("", "share", "share", full=1.0, colored_as="bound"),),
    )


def _with_small_parts_together(rows: Sequence[Row]) -> list[dict[str, JsonValue]]:
    """Return the rows under people's names, several small parts as one without a bound."""
    named = [{**row, "part": part_name(str(row["part"]))} for row in rows]
    small = [row for row in named if _number(row["share"]) < SMALL_PART]
    if len(small) < 2:
        return named
    together: dict[str, JsonValue] = {
        "part": f"{len(small)} smaller parts",
        "bound": None,
        "arithmetic_intensity": None,
    }
    for key in ("latency_ms", "share", "full_rate_ms", "launches"):
        known = [_number(row[key]) for row in small if row[key] is not None]
        together[key] = sum(known) if known else None
    return [*(row for row in named if row not in small), together]


def _number(value: JsonValue) -> float:
    assert isinstance(value, int | float)
    return value


def _operations(explanation: Explanation) -> Report:
    """Return the classes of operations of generation, whose time goes by terms and not by class."""
    rows = [
        {**row, "op_class": part_name(str(row["op_class"]))}
        for row in sorted(_work_rows(explanation), key=lambda row: -_number(row["full_rate_ms"]))
    ]
    title = "operations at the device's full rates"
    return Report("perf-explain-operations", _OPERATION_COLUMNS, rows, title=title)


def _work_rows(explanation: Explanation) -> list[dict[str, JsonValue]]:
    return [
        {
            "op_class": one.op_class.value,
            "launches": round(one.launches),
            "flops": one.flops,
            "moved_bytes": one.moved_bytes,
            "arithmetic_intensity": one.arithmetic_intensity,
            "compute_ms": one.compute_ms,
            "memory_ms": one.memory_ms,
            "full_rate_ms": one.full_rate_ms,
            "bound": one.bound.value,
        }
        for one in explanation.work
    ]


def _title(prediction: Prediction) -> str:
    work = prediction.workload
    shape = f"{work.model} on {prediction.hardware.device.name}, batch {work.batch_size}"
    kind = work.phase.value if work.phase else work.mode.value
    latency = prediction.latency_ms
    shown = "does not fit" if latency is None else _range(latency)
    return f"{shape}, {work.precision}, {kind}: {shown}"


def _range(latency_ms: Estimate) -> str:
    low, value, high = (
        significant(number, TABLE_DIGITS)
        for number in (latency_ms.interval.lower, latency_ms.value, latency_ms.interval.upper)
    )
    return f"{value} ms ({low} to {high} at {percent(latency_ms.interval.coverage)})"


def _memory(prediction: Prediction) -> str:
    needed = prediction.memory_bytes.value / MIB
    there = prediction.memory_capacity_bytes / MIB
    told = "fits" if prediction.fits else "does not fit"
    return f"memory: {needed:.0f} of {there:.0f} MiB, {told}"


def _facts(explanation: Explanation) -> Report:
    prediction, neighbours = explanation.prediction, explanation.neighbours
    device = prediction.hardware.device.name
    row: dict[str, JsonValue] = {
        "basis": prediction.basis.value,
        "neighbours": [
            f"{neighbours.learned_from_device} rows learned of {device} under this framework",
            f"{neighbours.learned_from_model} of this model",
            f"{neighbours.own_of_device} of your own of this device",
        ],
        "cautions": "; ".join(prediction.cautions) or "none",
        "not modelled": "; ".join(explanation.not_modelled),
        "check it": check_line(explanation),
    }
    columns = [Column(key, kind=ColumnKind.ID) for key in row]
    return Report("perf-explain-facts", columns, [row], is_single=True)
