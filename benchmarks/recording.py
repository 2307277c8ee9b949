"""Recording from one library process: in a batch, one by one, and beside bare DuckDB row by row."""

from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from uuid import uuid4

import duckdb
import made
from timing import Row, in_process, paired

from perfpredict import DuckDBPredictorRepository
from perfpredict.services.opening import load_engine

MEASURED = """
create table m (
    id text primary key, model text, device text, batch integer, latency_ms double,
    measured_at timestamptz
)
"""
ERRORS = """
create table e (id text, prediction text, predicted double, actual double, error double)
"""
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
         in_process(lambda: _row_by_row(bare, values), fresh)), runs=runs, size=count,
    )  # fmt: skip
    fresh()
    few = values[:50]

    def one_by_one() -> None:
        with repository.keep_open():
            for one in few:
                repository.store_measurement(**one)

    single = paired(
        "`store_measurement`, one by one, each committed, kept open", ROW_BY_ROW, None,
        (in_process(one_by_one), in_process(lambda: _row_by_row(bare, few), fresh)),
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


def _row_by_row(path: Path, values: list[dict[str, object]]) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(MEASURED)
        connection.execute(ERRORS)
        for one in values:
            key = str(uuid4())
            given = [one["model_name"], one["hardware_platform"], one["batch_size"]]
            connection.execute(
                "insert into m values (?, ?, ?, ?, ?, ?)",
                [key, *given, one["latency"], one["measured_at"]],
            )
            found = connection.execute(
                "select prediction_id, latency_ms from performance_predictions where "
                "model_name = ? and device = ? and batch_size = ? "
                "order by created_at desc limit 1", given,
            ).fetchone()  # fmt: skip
            if found is not None:
                connection.execute(
                    "insert into e values (?, ?, ?, ?, ?)",
                    [key, *found, one["latency"], found[1] - one["latency"]],
                )
