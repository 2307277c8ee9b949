"""Numbered migrations: each runs in one transaction together with the record that it ran."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

import duckdb

from perfpredict._version import __version__
from perfpredict.errors import StoreUnusableError
from perfpredict.store.places import Location

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One released step of the schema; never edited afterwards."""

    version: int
    name: str
    sql: str


def released_migrations() -> tuple[Migration, ...]:
    """Return all migrations that this code knows, oldest first."""
    folder = files("perfpredict.store") / "migrations"
    found = []
    for entry in folder.iterdir():
        match = _FILE_NAME.fullmatch(entry.name)
        if match:
            found.append(
                Migration(
                    version=int(match[1]),
                    name=match[2],
                    sql=entry.read_text(encoding="utf-8"),
                )
            )
    return tuple(sorted(found, key=lambda migration: migration.version))


def schema_version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Return the version of the schema, 0 for an empty database, None for a foreign one."""
    names = {
        row[0]
        for row in connection.execute(
            "select table_name from duckdb_tables() "
            "where not internal and database_name = current_database()"
        ).fetchall()
    }
    if "schema_migrations" not in names:
        return None if names else 0
    ((version,),) = connection.execute(
        "select coalesce(max(version), 0) from schema_migrations"
    ).fetchall()
    return int(version)


def check_version(path: Location, version: int | None, latest: int) -> int:
    """Return `version`; raises for a foreign schema and for one newer than this code."""
    if version is None:
        raise StoreUnusableError(
            f"'{path}' is a DuckDB database of something else: it has tables, but none of ours",
            hint="choose another file with '--db'",
        )
    if version > latest:
        raise StoreUnusableError(
            f"'{path}' has schema version {version}; perfpredict {__version__} knows up to "
            f"version {latest}",
            hint="install a newer perfpredict",
        )
    return version


def apply_migrations(
    connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], *, now: datetime
) -> list[int]:
    """Run those of `migrations` that have not run yet; returns their versions."""
    current = schema_version(connection) or 0
    pending = [migration for migration in migrations if migration.version > current]
    for migration in pending:
        _apply(connection, migration, now)
    return [migration.version for migration in pending]


def _apply(connection: duckdb.DuckDBPyConnection, migration: Migration, now: datetime) -> None:
    connection.begin()
    try:
        connection.execute(RECORD_TABLE)
        connection.execute(migration.sql)
        connection.execute(
            "insert into schema_migrations (version, name, applied_at, code_version) "
            "values ($version, $name, $applied_at, $code_version)",
            {
                "version": migration.version,
                "name": migration.name,
                "applied_at": now,
                "code_version": __version__,
            },
        )
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


RECORD_TABLE = """
create table if not exists schema_migrations (
    version       integer     primary key,
    name          varchar     not null,
    applied_at    timestamptz not null,
    code_version  varchar     not null
)
"""
