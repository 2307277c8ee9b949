"""Recording from one library process: in a batch, one by one, and beside bare DuckDB row by row."""

from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import made
import row_by_row
from timing import Row, in_process, paired

from perfpredict import DuckDBPredictorRepository
from perfpredict.services.opening import load_engine

ROW_BY_ROW = (
    "the same rows in bare DuckDB, each matched, inserted and compared by statements of its own"
)


def rows(folder: Path, count: int, runs: int) -> list[Row]:
    """Return what recording takes; how many a second follows from it."""
    start, work, bare = (folder / f"record-{name}.duckdb" for name in ("start", "work", "bare"))
    made.store_with_predictions(start)
    values = _values(count)
    repository = DuckDBPredictorRepository(work)

    def fresh() -> None:
        copyfile(start, work)
        copyfile(start, bare)

    fresh()
    batch = paired(
        "`store_measurements`, one batch with its errors", ROW_BY_ROW, 1 / 50,
        (in_process(lambda: repository.store_measurements(values), fresh),
         in_process(lambda: row_by_row.record(bare, values), fresh)), runs=runs, size=count,
    )  # fmt: skip
    fresh()
    few = values[:50]

    def one_by_one() -> None:
        with repository.keep_open():
            for one in few:
                repository.store_measurement(**one)

    single = paired(
        "`store_measurement`, one by one, each committed, kept open", ROW_BY_ROW, None,
        (in_process(one_by_one), in_process(lambda: row_by_row.record(bare, few), fresh)),
        runs=runs, size=len(few),
    )  # fmt: skip
    return [batch, single]


def _values(count: int) -> list[dict[str, object]]:
    frame = made.measured(load_engine(None), count)
    return [
        {
            "model_name": row["model"], "hardware_platform": row["device"],
            "batch_size": row["batch_size"], "latency": row["latency_ms"],
            "throughput": row["throughput_samples_per_s"],
            "measured_at": made.NOW + timedelta(seconds=1 + place),
        }
        for place, row in enumerate(frame.iter_rows(named=True))
    ]  # fmt: skip
