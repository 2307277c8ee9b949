"""What `perf report` says of the file that it has written."""

from pathlib import Path
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.accuracy_report import AccuracyReport

COLUMNS = (
    Column("path", kind=ColumnKind.ID, priority=0),
    Column("size_bytes", "bytes", ColumnKind.COUNT),
    Column("measurements", kind=ColumnKind.COUNT),
    Column("pairs", kind=ColumnKind.COUNT),
    Column("left_out", "left out", ColumnKind.COUNT),
    Column("recommendations", kind=ColumnKind.COUNT),
)


def written_report(built: "AccuracyReport", path: Path, size_bytes: int) -> Report:
    """Return where the report is and what went into it."""
    row: Row = {
        "path": str(path),
        "size_bytes": size_bytes,
        "measurements": built.measurements,
        "pairs": built.pair_count,
        "left_out": built.left_out,
        "recommendations": built.recommendation_count,
    }
    notes = ["sample data: these rows are made up"] if built.is_sample else []
    return Report("perf-report", COLUMNS, [row], is_single=True, notes=notes)
