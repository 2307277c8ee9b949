"""The report of `measure suggest`: what to measure, what it is expected to do, and how."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from perfpredict.reports.measure_lines import record_line, run_line
from perfpredict.reports.report import Column, ColumnKind, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.measure_suggest import Suggestion, Suggestions

COLUMNS = (
    Column("rank", "rank", ColumnKind.COUNT, 0),
    Column("model", "model", ColumnKind.ID, 2),
    Column("hardware", "device", ColumnKind.ID, 2),
    Column("batch_size", "batch", ColumnKind.COUNT, 2),
    Column("phase", "phase", ColumnKind.TEXT, 4),
    Column("precision", "precision", ColumnKind.TEXT, 4),
    Column("width_before", "width before", ColumnKind.NUMBER, 1),
    Column("width_after", "width after", ColumnKind.NUMBER, 0),
    # it says all that the columns above say
    Column("command", "how", ColumnKind.TEXT, 0),
)


def suggestions_report(found: "Suggestions", *, here: Collection[str]) -> Report:
    """Return one row a suggestion; `here` are the names of this machine's devices."""
    notes = [width_note(found)]
    if found.unfitting:
        notes.append(f"{found.unfitting} left out, as they do not fit into memory")
    if not found.is_moved_by_rows:
        notes.append("the predictor in force is corrected by new rows only when trained again")
    rows = [_row(rank, one, here) for rank, one in enumerate(found.chosen, start=1)]
    return Report("measure-suggest", COLUMNS, rows, notes=notes)


def width_note(found: "Suggestions", *, reached: float | None = None) -> str:
    """Return how wide the intervals are, are expected to be, and are once all was measured."""
    first, last = found.chosen[0], found.chosen[-1]
    now = "now" if reached is None else "before"
    text = (
        f"width is upper / lower of the {found.level:.0%} interval, a geometric mean over "
        f"{len(found.asked)} asked: {first.width_before:.2f} {now}, {last.width_after:.2f} expected"
    )
    return text if reached is None else f"{text}, {reached:.2f} now"


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
    hardware = one.hardware
    is_here = hardware.device.name in here or hardware.how == "user alias"
    if one.is_runnable and is_here:
        return run_line(one.workload, hardware.requested)
    return record_line(one.workload, hardware.device.name)
