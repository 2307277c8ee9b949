"""The schema of a team store: the released migrations, in PostgreSQL's words."""

import re
from collections.abc import Sequence
from datetime import datetime

import duckdb

from perfpredict._version import __version__
from perfpredict.store.migrating import RECORD_TABLE, Migration
from perfpredict.store.postgres_connecting import SCHEMA, ask_server, tell_server

_COMMENT = re.compile(r"--[^\n]*")
_COLUMN_TYPE = re.compile(r"(\w+\s+)(varchar|double|blob)\b")
# text sorts by bytes, as it does in DuckDB: prefixes of ids are ranges
_TYPES = {"varchar": 'text collate "C"', "double": "double precision", "blob": "bytea"}


def postgres_sql(sql: str) -> str:
    """Return statements of a migration in PostgreSQL's words."""
    plain = _COMMENT.sub("", sql)
    return _COLUMN_TYPE.sub(lambda found: found[1] + _TYPES[found[2]], plain)


def team_version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Return the version of the team store's schema, 0 where it has none, None for a foreign one.

    It may be asked before there is any table.
    """
    ((tables, has_record),) = ask_server(connection, _TABLES)
    if not has_record:
        return None if tables else 0
    found = ask_server(
        connection, f"select coalesce(max(version), 0) as version from {SCHEMA}.schema_migrations"
    )
    return int(str(found[0][0]))


def migrate_team(
    connection: duckdb.DuckDBPyConnection,
    migrations: Sequence[Migration],
    *,
    current: int,
    now: datetime,
) -> None:
    """Run those of `migrations` that are newer than `current`, all in one transaction."""
    statements = [_FOUNDATION, postgres_sql(RECORD_TABLE)] if current == 0 else []
    for migration in migrations:
        if migration.version > current:
            statements += [postgres_sql(migration.sql), _record(migration, now)]
    if current == 0:
        statements.append(_INDEXES)
    connection.begin()
    try:
        for statement in statements:
            tell_server(connection, f"set local search_path = {SCHEMA}; {statement}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    connection.execute("call pg_clear_cache()")


# rows are looked up one by one over the network, where a file's are scanned
_INDEXES = """
create index on performance_predictions (workload_key);
create index on performance_measurements (import_key) where import_key is not null;
create index on prediction_errors (measurement_id);
create index on prediction_model_rows (measurement_id)
"""


def _record(migration: Migration, now: datetime) -> str:
    return (
        "insert into schema_migrations (version, name, applied_at, code_version) values "
        f"({migration.version}, '{migration.name}', '{now.isoformat()}', '{__version__}')"
    )


_TABLES = f"""
select
    count(*) as tables,
    coalesce(bool_or(tablename = 'schema_migrations'), false) as has_record
from pg_tables where schemaname = '{SCHEMA}'
"""

# DuckDB has this function, and the constraints of the migrations use it
_FOUNDATION = f"""
create schema if not exists {SCHEMA};
create or replace function isfinite(value double precision) returns boolean
    language sql immutable strict parallel safe
    as $body$ select value > '-Infinity' and value < 'Infinity' $body$
"""
