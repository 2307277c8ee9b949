"""The report of `measure suggest`: what to measure, what it is expected to do, and how."""

import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Workload
from perfpredict.reports.report import Column, ColumnKind, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.measure_suggest import Suggestion, Suggestions

COLUMNS = (
    Column("rank", "rank", ColumnKind.COUNT, 0),
    Column("model", "model", ColumnKind.ID, 0),
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("phase", "phase", ColumnKind.TEXT, 3),
    Column("precision", "precision", ColumnKind.TEXT, 3),
    Column("width_before", "width before", ColumnKind.NUMBER, 1),
    Column("width_after", "width after", ColumnKind.NUMBER, 0),
    Column("command", "how", ColumnKind.TEXT, 2),
)


def suggestions_report(found: "Suggestions", *, here: Collection[str]) -> Report:
    """Return one row a suggestion; `here` are the names of this machine's devices."""
    first, last = found.chosen[0], found.chosen[-1]
    notes = [
        f"width is upper / lower of the {found.level:.0%} interval, a geometric mean over "
        f"{found.asked} asked: {first.width_before:.2f} now, {last.width_after:.2f} expected"
    ]
    if found.unfitting:
        notes.append(f"{found.unfitting} left out, as they do not fit into memory")
    if not found.is_moved_by_rows:
        notes.append("the predictor in force is corrected by new rows only when trained again")
    rows = [_row(rank, one, here) for rank, one in enumerate(found.chosen, start=1)]
    return Report("measure-suggest", COLUMNS, rows, notes=notes)


def _row(rank: int, one: "Suggestion", here: Collection[str]) -> Row:
    workload = one.workload
    return {
        "rank": rank,
        "model": workload.model,
        "hardware": one.hardware.device.name,
        "batch_size": workload.batch_size,
        "phase": workload.phase.value if workload.phase else None,
        "precision": workload.precision.value,
        "width_before": one.width_before,
        "width_after": one.width_after,
        "command": _command(one, here),
    }


def _command(one: "Suggestion", here: Collection[str]) -> str:
    """Return the line that measures it here, or that records what was measured elsewhere."""
    workload, device = one.workload, one.hardware.device.name
    is_run = one.is_runnable and device in here
    words = ["perfpredict", "measure", "run" if is_run else "record", workload.model]
    words += ["--hardware", device, *_options(workload)]
    return shlex.join(words) if is_run else f"{shlex.join(words)} --latency MS"


def _options(workload: Workload) -> list[str]:
    given = {
        "--batch-size": workload.batch_size,
        "--seq-length": workload.sequence_length,
        "--image-size": workload.image_size,
        "--input-tokens": workload.input_tokens,
        "--output-tokens": workload.output_tokens,
        "--precision": None if workload.precision is Precision.FP32 else workload.precision,
        "--mode": None if workload.mode is Mode.INFERENCE else workload.mode,
        "--phase": workload.phase,
        "--framework": workload.framework,
        "--framework-version": workload.framework_version,
        "--quantization": workload.quantization,
        "--memory-format": workload.memory_format,
        "--devices": None if workload.device_count == 1 else workload.device_count,
        "--concurrency": None if workload.concurrency == 1 else workload.concurrency,
    }
    words = [
        word for name, value in given.items() if value is not None for word in (name, str(value))
    ]
    return [*words, *(["--compile"] if workload.is_compiled else [])]
