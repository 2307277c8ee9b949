"""What the tests of the importers share."""

from collections.abc import Callable
from datetime import UTC, datetime

from perfpredict.importers.table import MeasurementRows

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HEADER = "model,hardware,batch_size,precision,latency_ms"

Read = Callable[..., MeasurementRows]


def problems(rows: MeasurementRows) -> list[tuple[int, str]]:
    """Return (row, problem) of the bad rows."""
    return list(rows.bad.select("_row", "_problem").iter_rows())


def column(rows: MeasurementRows, name: str) -> list[object]:
    """Return one column of the good rows."""
    return rows.good[name].to_list()
