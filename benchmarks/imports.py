"""Importing and accuracy statistics beside what DuckDB alone needs for the same rows."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import made
import polars as pl
import row_by_row
from timing import MIB, Row, Task, grown_bytes, in_process, paired

from perfpredict.domain.metrics import Metric
from perfpredict.domain.row_filter import RowFilter
from perfpredict.services.opening import load_engine
from perfpredict.store.access import Access
from perfpredict.store.accuracy import accuracy
from perfpredict.store.gateway import Store

ERRORS_OF_GUIDE = 100_000
"""Errors over which the guide's design was timed."""
BASE = 1000
"""Measurements that are repeated until there are enough errors."""
INSERT_FLOOR = (
    "DuckDB's `insert … select` of the same rows from the same kind of file into the same table"
)
BARE = """
select t.device, count(*), median(abs(e.rel_error)), avg(abs(e.rel_error)),
    exp(avg(abs(e.ln_ratio))), exp(avg(e.ln_ratio)), avg(e.error), avg(abs(e.error)),
    sqrt(avg(e.error * e.error)), 1 - sum(e.error * e.error) / (var_pop(e.actual) * count(*)),
    avg(e.inside_interval::int)
from prediction_errors as e
join performance_measurements as t on t.measurement_id = e.measurement_id
where e.metric = 'latency'
group by t.device order by t.device
"""
BARE_ALL = """
select t.device, e.metric, e.unit, count(*), count(distinct t.workload_key || '/' || t.device),
    median(abs(e.rel_error)), avg(abs(e.rel_error)), avg(e.rel_error), exp(avg(abs(e.ln_ratio))),
    exp(avg(e.ln_ratio)), avg(e.error), avg(abs(e.error)), sqrt(avg(e.error * e.error)),
    stddev_samp(e.error), min(e.error), max(e.error), avg(e.predicted), avg(e.actual),
    1 - sum(e.error * e.error) / (var_pop(e.actual) * count(*)), avg(e.inside_interval::int),
    min(e.level), median(e.upper / nullif(e.lower, 0))
from prediction_errors as e
join performance_measurements as t on t.measurement_id = e.measurement_id
where e.metric = 'latency'
group by all order by all
"""


class Files:
    """A database with predictions, files of rows, and the same rows as they are stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = load_engine(None)
        self.options = made.read_options(self.engine.devices)
        self.start = folder / "start.duckdb"
        made.store_with_predictions(self.start)

    def written(self, count: int) -> "Paths":
        """Write `count` rows as CSV and Parquet, and as stored after one import."""
        frame = made.measured(self.engine, count)
        paths = Paths(self.folder, count)
        frame.write_csv(paths.given("csv"))
        frame.write_parquet(paths.given("parquet"))
        shutil.copyfile(self.start, paths.full)
        linked = made.imported(paths.given("parquet"), paths.full, self.options)
        if linked != count:
            raise RuntimeError(f"{linked} of {count} rows were linked")
        with duckdb.connect(str(paths.full)) as connection:
            copy = "copy performance_measurements to"
            connection.execute(f"{copy} '{paths.stored('parquet')}'")
            # quoted: an empty text is no null
            connection.execute(f"{copy} '{paths.stored('csv')}' (force_quote *)")
        return paths


class Paths:
    """Where the files of one count of rows are."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self.full = folder / f"full-{count}.duckdb"
        self.work = folder / f"work-{count}.duckdb"

    def given(self, kind: str) -> Path:
        return self._folder / f"given-{self._count}.{kind}"

    def stored(self, kind: str) -> Path:
        return self._folder / f"stored-{self._count}.{kind}"


def import_rows(folder: Path, sizes: Sequence[int], runs: int) -> list[Row]:
    """Return what importing takes at each size, the largest with a mark, and its memory."""
    files, found = Files(folder), []
    for count in sizes:
        paths = files.written(count)
        mark = 3.0 if count == max(sizes) else None
        for kind, shown in (("csv", "CSV"), ("parquet", "Parquet")):
            tasks = (_import(files, paths, kind), _insert(files, paths, kind))
            name = f"import of {shown}: checked, deduplicated, linked, errors computed"
            found.append(paired(name, INSERT_FLOOR, mark, tasks, runs=runs, size=count))
    return [*found, _memory(files, max(sizes))]


def statistics_rows(folder: Path, sizes: Sequence[int], runs: int) -> list[Row]:
    """Return what accuracy statistics take at each number of errors, the largest with a mark."""
    base = Files(folder).written(BASE)
    found = [
        row
        for count in sizes
        for row in _statistics(base, count, 1.2 if count == max(sizes) else None, runs)
    ]
    return [*found, _beside_row_by_row(base, min(ERRORS_OF_GUIDE, max(sizes)), runs)]


def _import(files: Files, paths: Paths, kind: str) -> Task:
    return in_process(
        lambda: made.imported(paths.given(kind), paths.work, files.options),
        lambda: shutil.copyfile(files.start, paths.work),
    )


def _insert(files: Files, paths: Paths, kind: str) -> Task:
    reader = (
        "read_parquet('{}')" if kind == "parquet" else "read_csv('{}', allow_quoted_nulls=false)"
    )

    def insert() -> None:
        with duckdb.connect(str(paths.work)) as connection:
            source = reader.format(paths.stored(kind))
            connection.execute(f"insert into performance_measurements by name from {source}")
            connection.execute("checkpoint")

    return in_process(insert, lambda: shutil.copyfile(files.start, paths.work))


def _memory(files: Files, count: int) -> Row:
    """Return by how much a process grows while it imports, beside the rows as stored."""
    prepare = (
        "import shutil, made\n"
        "from perfpredict.services.opening import load_engine\n"
        "shutil.copyfile(sys.argv[1], sys.argv[2])\n"
        "options = made.read_options(load_engine(None).devices)\n"
    )
    work = "made.imported(Path(sys.argv[3]), Path(sys.argv[2]), options)"
    many = Paths(files.folder, count)
    given = str(many.given("parquet"))
    with duckdb.connect(str(many.full)) as connection:
        stored = connection.sql("select * from performance_measurements")
        size = pl.DataFrame(stored).estimated_size()
    used = grown_bytes(prepare, work, str(files.start), str(many.work), given)
    return Row(
        name="memory of an import", size=count, floor="the frame of the rows as stored", mark=3.0,
        unit="MiB", ours=used / MIB, floor_cost=size / MIB, ours_elapsed_s=0.0,
        floor_elapsed_s=0.0, runs=1,
    )  # fmt: skip


def _statistics(base: Paths, count: int, mark: float | None, runs: int) -> list[Row]:
    path = base.work
    shutil.copyfile(base.full, path)
    _multiply(path, BASE, count)
    store = Store.open(path, Access.READ)
    ours = in_process(lambda: accuracy(store, RowFilter(), [Metric.LATENCY], ["device"]))
    named = "accuracy statistics by device, error rows"
    rows = [
        paired(
            f"{named}{which}", f"{said} in bare SQL over errors and measurements", mark,
            (ours, in_process(lambda sql=sql: store.connection.execute(sql).fetchall())),
            runs=runs, size=count,
        )
        for which, said, sql in (
            ("", "ten of the figures", BARE),
            (", all figures", "the same 22 figures", BARE_ALL),
        )
    ]  # fmt: skip
    store.close()
    return rows


def _beside_row_by_row(base: Paths, count: int, runs: int) -> Row:
    """Return what statistics of one metric take beside those of the guide's design."""
    shutil.copyfile(base.full, base.work)
    _multiply(base.work, BASE, count)
    flat = base.work.with_name("flat.duckdb")
    flat.unlink(missing_ok=True)
    bare = row_by_row.with_errors(flat, base.work)
    store = Store.open(base.work, Access.READ)
    row = paired(
        "accuracy statistics of one metric, error rows",
        "seven figures from errors that hold all names again", 1.0,
        (
            in_process(lambda: accuracy(store, RowFilter(), [Metric.LATENCY])),
            in_process(lambda: bare.execute(row_by_row.STATISTICS).fetchall()),
        ),
        runs=runs, size=count,
    )  # fmt: skip
    store.close()
    bare.close()
    return row


def _multiply(path: Path, base: int, count: int) -> None:
    """Repeat the measurements with latency errors until there are `count` such errors."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from prediction_errors where metric <> 'latency'")
        for table, key in (
            ("performance_measurements", "measurement_id"),
            ("prediction_errors", "error_id"),
        ):
            changed = f"{key} || '/' || i as {key}"
            if key == "error_id":
                changed += ", measurement_id || '/' || i as measurement_id"
            connection.execute(
                f"insert into {table} select t.* replace ({changed}) "
                f"from {table} as t, range(1, {count // base}) as copies(i)"
            )
        connection.execute("checkpoint")
