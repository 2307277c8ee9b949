"""Copies every table into a DuckLake, in one snapshot: new rows added, changed ones replaced."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from perfpredict._version import __version__
from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store.frames import ArrowStream
from perfpredict.store.gateway import Store
from perfpredict.store.lake_connecting import LAKE, open_lake
from perfpredict.store.lake_place import LakePlace
from perfpredict.store.migrating import released_migrations
from perfpredict.store.tables import TABLE_KEYS

STATE_TABLE = "last_export"
"""Its one row says what the lake is at; every export replaces it, so two at once cannot both
commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTransfer:
    """What became of the rows of one table."""

    table: str
    rows: int
    added: int
    replaced: int
    """Rows that were in the lake with other values."""


def export_to_lake(store: Store, place: LakePlace, *, now: datetime) -> tuple[LakeTransfer, ...]:
    """Bring the lake up to date with `store`, all tables in one snapshot or none.

    Rows that are in the lake alone stay there: they may have come from another store.
    """
    if place.catalog == store.path:
        raise InvalidInputError("a database cannot be exported into itself")
    with open_lake(place) as lake:
        lake.begin()
        _claim(lake, place, now)
        done = tuple(_export_table(store, lake, table) for table in TABLE_KEYS)
        lake.commit()
    return done


def _claim(lake: duckdb.DuckDBPyConnection, place: LakePlace, now: datetime) -> None:
    """Put this export's row where the one before has its own."""
    latest = released_migrations()[-1].version
    state = f"{LAKE}.{STATE_TABLE}"
    lake.execute(
        f"create table if not exists {state} "
        "(schema_version integer, exported_at timestamptz, perfpredict_version varchar)"
    )
    for (version,) in lake.execute(f"select schema_version from {state}").fetchall():
        if version > latest:
            raise StoreUnusableError(
                f"the lake '{place}' has schema version {version}, newer than {latest} of "
                "this perfpredict",
                hint="upgrade perfpredict",
            )
    lake.execute(f"delete from {state}")
    lake.execute(
        f"insert into {state} values ($schema_version, $now, $perfpredict_version)",
        {"schema_version": latest, "now": now, "perfpredict_version": __version__},
    )


class _Rows:
    """The rows of a table, streamed from the store each time that they are asked for."""

    def __init__(self, store: Store, table: str) -> None:
        self._store = store
        self._sql = f"select * from {table}"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        relation = self._store.connection.sql(self._sql)
        return ArrowStream(relation).__arrow_c_stream__(requested_schema)


def _export_table(store: Store, lake: duckdb.DuckDBPyConnection, table: str) -> LakeTransfer:
    target = f"{LAKE}.{table}"
    # more than fits into memory goes to the disk from here
    lake.register("incoming", _Rows(store, table))
    lake.execute("create or replace temp table given as select * from incoming")
    lake.unregister("incoming")
    lake.execute(f"create table if not exists {target} as select * from given where false")
    _add_columns(lake, table)
    names = ", ".join(name for name, _ in _columns(lake, "temp", "given"))
    # `except` takes nulls for equal; equal rows are in the lake already
    lake.execute(
        f"create or replace temp table fresh as select {names} from given "
        f"except select {names} from {target}"
    )
    ((rows, fresh),) = lake.execute(
        "select (select count(*) from given), (select count(*) from fresh)"
    ).fetchall()
    replaced = _replace(lake, table, names) if fresh else 0
    return LakeTransfer(table=table, rows=rows, added=fresh - replaced, replaced=replaced)


def _replace(lake: duckdb.DuckDBPyConnection, table: str, names: str) -> int:
    """Put the fresh rows into the lake, and return how many took the place of older ones."""
    target = f"{LAKE}.{table}"
    is_same = " and ".join(f"fresh.{key} = old.{key}" for key in TABLE_KEYS[table])
    ((replaced,),) = lake.execute(
        f"select count(*) from {target} as old where exists (from fresh where {is_same})"
    ).fetchall()
    if replaced:
        lake.execute(f"delete from {target} as old where exists (from fresh where {is_same})")
    lake.execute(f"insert into {target} by name select {names} from fresh")
    return int(replaced)


def _add_columns(lake: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add the columns that a newer schema has and the lake has not."""
    known = {name for name, _ in _columns(lake, LAKE, table)}
    for name, kind in _columns(lake, "temp", "given"):
        if name not in known:
            lake.execute(f"alter table {LAKE}.{table} add column {name} {kind}")


def _columns(lake: duckdb.DuckDBPyConnection, database: str, table: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = lake.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = $database and table_name = $table order by column_index",
        {"database": database, "table": table},
    ).fetchall()
    return found
