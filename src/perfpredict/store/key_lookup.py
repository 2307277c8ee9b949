"""Rows by many keys at once, in a file or on the server of a team store.

A join with a frame would make DuckDB fetch the whole table from the server; here the keys go there.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.postgres_connecting import CATALOG, SCHEMA

KEYS_AT_ONCE = 20_000


def rows_by_key(
    store: Store, table: str, columns: Sequence[str], key: str, values: pl.Series
) -> pl.DataFrame:
    """Return `columns` of those rows of `table` whose text column `key` is one of `values`."""
    wanted = values.drop_nulls().unique(maintain_order=True)
    if isinstance(store.path, Path):
        return _from_file(store, table, columns, key, wanted)
    found = [_from_server(store, table, columns, key, part) for part in chunks(wanted)]
    return pl.concat(found) if found else store.frame(_nothing(table, columns))


@contextmanager
def narrowed(
    store: Store, table: str, key: str, values: pl.Series | Sequence[str]
) -> Iterator[str]:
    """Yield the name by which statements inside read rows of `table` where `key` is in `values`.

    In a file that is the table itself: a join finds them there. From a server they are fetched.
    """
    if isinstance(store.path, Path):
        yield table
        return
    columns = store.frame(f"select * from {table} where false").columns
    name = f"wanted_{table}"
    wanted = values if isinstance(values, pl.Series) else pl.Series(values, dtype=pl.String())
    with store.incoming(rows_by_key(store, table, columns, key, wanted), name):
        yield name


def chunks(values: pl.Series) -> Iterator[pl.Series]:
    """Yield `values` in parts that one statement can hold."""
    for start in range(0, len(values), KEYS_AT_ONCE):
        yield values.slice(start, KEYS_AT_ONCE)


def _from_file(
    store: Store, table: str, columns: Sequence[str], key: str, wanted: pl.Series
) -> pl.DataFrame:
    with store.incoming(wanted.to_frame("wanted")):
        return store.frame(
            f"select {column_list(columns, prefix='t.')} from {table} as t "
            f"semi join incoming as i on i.wanted = t.{key}"
        )


def _from_server(
    store: Store, table: str, columns: Sequence[str], key: str, wanted: pl.Series
) -> pl.DataFrame:
    # a literal of JSON holds any text; doubled quotes are all that PostgreSQL needs besides
    literal = json.dumps(wanted.to_list()).replace("'", "''")
    sql = (
        f"select {column_list(columns)} from {SCHEMA}.{table} where {key} in "
        f"(select json_array_elements_text('{literal}'::json) collate \"C\")"
    )
    return store.frame(
        "select * from postgres_query($catalog, $sql)", {"catalog": CATALOG, "sql": sql}
    )


def _nothing(table: str, columns: Sequence[str]) -> str:
    return f"select {column_list(columns)} from {table} where false"
