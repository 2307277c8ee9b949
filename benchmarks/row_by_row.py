"""The least that a program of the guide's design does: a statement for every row that it touches.

Its errors hold the names again, so that statistics need no join; every metric has a row.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import duckdb

MEASURED = """
create table m (
    id text primary key, model text, device text, batch integer, latency_ms double,
    throughput double, measured_at timestamptz
)
"""
ERRORS = """
create table e (
    id text primary key, measurement text, prediction text, model text, device text, metric text,
    predicted double, actual double, error double, rel_error double
)
"""
METRICS = ("latency", "throughput")
STATISTICS = """
select metric, count(*), avg(abs(error)), avg(abs(rel_error)), avg(error), sqrt(avg(error * error)),
    1 - sum(error * error) / (var_pop(actual) * count(*))
from e where metric = 'latency' group by metric
"""


def record(path: Path, values: Sequence[Mapping[str, object]]) -> None:
    """Store every measurement, look up its prediction, and store the error of each metric."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(MEASURED)
        connection.execute(ERRORS)
        for one in values:
            _record(connection, one)


def _record(connection: duckdb.DuckDBPyConnection, one: Mapping[str, object]) -> None:
    key = str(uuid4())
    given = [one["model_name"], one["hardware_platform"], one["batch_size"]]
    actual = [one[metric] for metric in METRICS]
    connection.execute(
        "insert into m values (?, ?, ?, ?, ?, ?, ?)", [key, *given, *actual, one["measured_at"]]
    )
    found = connection.execute(
        "select prediction_id, latency_ms, throughput_per_s from performance_predictions where "
        "model_name = ? and device = ? and batch_size = ? order by created_at desc limit 1", given,
    ).fetchone()  # fmt: skip
    if found is None:
        return
    for metric, predicted, measured in zip(METRICS, found[1:], actual, strict=True):
        error = predicted - measured
        connection.execute(
            "insert into e values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [str(uuid4()), key, found[0], *given[:2], metric, predicted, measured, error,
             error / measured],
        )  # fmt: skip


def with_errors(path: Path, source: Path) -> duckdb.DuckDBPyConnection:
    """Return a database with the errors of another, as this design would have stored them."""
    connection = duckdb.connect(str(path))
    connection.execute(ERRORS)
    connection.execute(f"attach '{source}' as given (read_only)")
    connection.execute(
        "insert into e select error_id, e.measurement_id, e.prediction_id, model_name, device, "
        "metric, predicted, actual, error, rel_error from given.prediction_errors as e "
        "join given.performance_measurements using (measurement_id)"
    )
    connection.execute("detach given")
    return connection
