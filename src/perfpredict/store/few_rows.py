"""Inserts a few rows as one bound value, where frames and joins would take longer than the rows.

For every value that is bound, DuckDB searches Python's path for pandas: forty columns of one row
take ten times as long to bind as to store. One text of JSON is one value.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from perfpredict.store.gateway import Store

_SQL_TYPES: Mapping[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.Datetime: "TIMESTAMPTZ",
}


def insert_few(
    store: Store,
    table: str,
    rows: Sequence[Mapping[str, object]],
    schema: Mapping[str, pl.DataType],
) -> None:
    """Store `rows`, whose columns are those of `schema`, in `table`; numbers are finite."""
    store.execute(f"insert into {table} by name from {given_rows(schema)}", bound(rows))


def given_rows(schema: Mapping[str, pl.DataType]) -> str:
    """Return what a statement reads `bound` rows from; `schema` names their columns."""
    types = {name: _SQL_TYPES[type(kind)] for name, kind in schema.items()}
    return f"(select unnest(from_json_strict($rows, '{json.dumps([types])}'), max_depth := 2))"


def bound(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return the parameters of a statement that reads `rows`."""
    return {"rows": json.dumps(rows, default=_time, allow_nan=False)}


def _time(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"no column takes {value!r}")
    return value.isoformat()
