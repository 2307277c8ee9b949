"""Adds the rows of one database that another one lacks: keys decide, and no row is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.store.access import Access
from perfpredict.store.frames import column_list
from perfpredict.store.gateway import Store
from perfpredict.store.key_lookup import chunks, rows_by_key
from perfpredict.store.maintenance import Place
from perfpredict.store.tables import MODEL_TABLES, TABLE_KEYS

HOST_TABLES = ("platform_aliases",)
"""What `cuda` stands for is a matter of each machine, so it is neither pushed nor pulled."""

_MEASUREMENTS = "performance_measurements"
_ERRORS = "prediction_errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTransfer:
    """What became of the rows of one table."""

    table: str
    rows: int
    added: int


class Rows(Protocol):
    """Where rows come from."""

    def columns(self, table: str, names: Sequence[str]) -> pl.DataFrame:
        """Return these columns of every row of `table`."""

    def by_key(self, table: str, key: str, values: pl.Series) -> pl.DataFrame:
        """Return the whole rows of `table` whose column `key` is one of `values`."""


def merge(store: Store, other: Place, *, with_models: bool = False) -> tuple[TableTransfer, ...]:
    """Add the rows of another database that are not in this one; it is only read.

    Stored predictors come only `with_models`, inactive, and trusted by nobody new.
    """
    if other.resolved == store.path:
        raise InvalidInputError("a database cannot be merged into itself")
    with other.open(Access.READ) as source:
        return _add_tables(store, source, left_out=() if with_models else MODEL_TABLES)


def push(place: Place, team: Place, *, with_models: bool = False) -> tuple[TableTransfer, ...]:
    """Add the rows of `place` to `team`, where they are missing, as `merge` does."""
    if place.resolved == team.resolved:
        raise InvalidInputError("a database cannot be pushed to itself or pulled from itself")
    left_out = HOST_TABLES if with_models else (*HOST_TABLES, *MODEL_TABLES)
    # the source first: nobody's turn to write in the team store is spent on waiting for a file
    with place.open(Access.READ) as source, team.open(Access.WRITE) as store:
        return _add_tables(store, source, left_out=left_out)


def _add_tables(
    store: Store, source: Store, *, left_out: Sequence[str]
) -> tuple[TableTransfer, ...]:
    tables = [table for table in TABLE_KEYS if table not in left_out]
    return add_missing(store, StoreRows(source), tables)


class StoreRows:
    """The rows of an open database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def columns(self, table: str, names: Sequence[str]) -> pl.DataFrame:
        return self._store.frame(f"select {column_list(names)} from {table}")

    def by_key(self, table: str, key: str, values: pl.Series) -> pl.DataFrame:
        names = self._store.frame(f"select * from {table} where false").columns
        return rows_by_key(self._store, table, names, key, values)


def add_missing(store: Store, source: Rows, tables: Sequence[str]) -> tuple[TableTransfer, ...]:
    """Add the rows of `source` that `store` lacks, in all `tables` or in none.

    A measurement that was imported on both sides has two ids: the errors of the one that is left
    out are left out as well.
    """
    done = []
    same_imports = pl.Series("measurement_id", [], dtype=pl.String())
    with store.transaction():
        for table in tables:
            names = [*TABLE_KEYS[table], *_ALSO_NEEDED.get(table, ())]
            given = source.columns(table, names)
            missing = _without_known(store, table, given)
            if table == _MEASUREMENTS:
                missing, same_imports = _without_same_imports(store, missing)
            elif table == _ERRORS:
                missing = missing.filter(~pl.col("measurement_id").is_in(same_imports.implode()))
            added = _copy(store, source, table, missing)
            done.append(TableTransfer(table=table, rows=given.height, added=added))
    return tuple(done)


_ALSO_NEEDED = {_MEASUREMENTS: ("import_key",), _ERRORS: ("measurement_id",)}


def _without_known(store: Store, table: str, given: pl.DataFrame) -> pl.DataFrame:
    keys = list(TABLE_KEYS[table])
    known = rows_by_key(store, table, keys, keys[0], given[keys[0]])
    return given.join(known, on=keys, how="anti")


def _without_same_imports(store: Store, missing: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Return the measurements whose import_key counts nowhere yet, and the ids of the others."""
    found = rows_by_key(
        store, _MEASUREMENTS, ["import_key", "deleted_at"], "import_key", missing["import_key"]
    )
    known = found.filter(pl.col("deleted_at").is_null())["import_key"].implode()
    is_same = pl.col("import_key").is_in(known).fill_null(value=False)
    return missing.filter(~is_same), missing.filter(is_same)["measurement_id"]


def _copy(store: Store, source: Rows, table: str, missing: pl.DataFrame) -> int:
    keys = list(TABLE_KEYS[table])
    added = 0
    for part in chunks(missing[keys[0]].unique(maintain_order=True)):
        rows = source.by_key(table, keys[0], part).join(missing, on=keys, how="semi")
        if table == "prediction_models":
            rows = rows.with_columns(is_active=pl.lit(value=False))
        with store.incoming(rows):
            store.execute(f"insert into {table} by name select * from incoming")
        added += rows.height
    return added
