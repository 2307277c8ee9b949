"""What there is in a database file, and bringing its schema up to date."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from perfpredict.errors import InvalidInputError
from perfpredict.store import connecting
from perfpredict.store.access import Access
from perfpredict.store.failures import translated
from perfpredict.store.file_checks import (
    STORAGE_VERSION_NAME,
    FileState,
    inspect,
    resolve_path,
    wal_path,
)
from perfpredict.store.gateway import Store
from perfpredict.store.migrating import check_version, released_migrations, schema_version
from perfpredict.store.opening import DEFAULT_LOCK_TIMEOUT_S, Held, locked, no_database
from perfpredict.store.places import Location
from perfpredict.store.postgres_connecting import SCHEMA, ask_server
from perfpredict.store.postgres_opening import open_team_store, team_schema_version
from perfpredict.store.tables import TABLE_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is, and how long to wait for it."""

    path: Location
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S
    on_wait: Callable[[str], None] | None = None

    @property
    def resolved(self) -> Location:
        """The path, absolute and without links, or the team store as it is."""
        return resolve_path(self.path) if isinstance(self.path, Path) else self.path

    def locked(self, access: Access, *, create: bool = True) -> AbstractContextManager[Held]:
        """Return a context in which this process alone may touch the database file.

        Raises InvalidInputError for a team store, which is no file.
        """
        if not isinstance(self.path, Path):
            raise InvalidInputError(
                f"this works on a database file, and '{self.path}' is a team store",
                hint="PostgreSQL's pg_dump and pg_restore copy a team store; "
                "'perfpredict db pull' brings its rows into a file",
            )
        return locked(
            self.path,
            access,
            lock_timeout_s=self.lock_timeout_s,
            on_wait=self.on_wait,
            create=create,
        )

    def open(self, access: Access, *, create: bool = True) -> Store:
        """Return the open store."""
        return Store.open(
            self.path,
            access,
            lock_timeout_s=self.lock_timeout_s,
            on_wait=self.on_wait,
            create=create,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCount:
    """How many rows one table holds."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseInfo:
    """One look at a database."""

    path: Location
    size_bytes: int
    wal_bytes: int
    """Of the file with what is not yet in the database file; 0 where there is none."""
    schema_version: int
    storage_version: str
    duckdb_version: str
    tables: tuple[TableCount, ...]
    rows: int
    sample_rows: int
    sample_share: float | None
    """Of the measurements and predictions; None where there are none."""
    oldest_measured_at: datetime | None
    newest_measured_at: datetime | None


def database_info(store: Store) -> DatabaseInfo:
    """Return sizes, versions and row counts of an open database."""
    counts = _counts(store)
    summary = store.frame(_SUMMARY).row(0, named=True)
    both, samples = int(summary["rows"]), int(summary["sample_rows"])
    size_bytes, wal_bytes, storage_version = _storage(store)
    return DatabaseInfo(
        path=store.path,
        size_bytes=size_bytes,
        wal_bytes=wal_bytes,
        schema_version=schema_version(store.connection) or 0,
        storage_version=storage_version,
        duckdb_version=duckdb.__version__,
        tables=counts,
        rows=sum(count.rows for count in counts),
        sample_rows=samples,
        sample_share=samples / both if both else None,
        oldest_measured_at=summary["oldest"],
        newest_measured_at=summary["newest"],
    )


def _storage(store: Store) -> tuple[int, int, str]:
    """Return bytes of the tables, bytes of the log beside them, and what keeps them."""
    if not isinstance(store.path, Path):
        ((size_bytes, server_version),) = ask_server(store.connection, _TEAM_STORAGE)
        return int(str(size_bytes)), 0, f"PostgreSQL {server_version}"
    wal = wal_path(store.path)
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    return store.path.stat().st_size, wal_bytes, STORAGE_VERSION_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """Schema versions before and after; equal where there was nothing to do."""

    path: Location
    version_before: int
    version_after: int
    pending: tuple[str, ...]
    """Migrations that ran, or would run."""


def migrate(place: Place, *, dry_run: bool = False) -> Migrated:
    """Bring the schema up to date, keeping a copy of the file as it was."""
    before = _version_of(place)
    migrations = released_migrations()
    pending = tuple(f"{m.version:04d}_{m.name}" for m in migrations if m.version > before)
    if pending and not dry_run:
        _bring_up_to_date(place)
    return Migrated(
        path=place.resolved,
        version_before=before,
        version_after=before if dry_run else migrations[-1].version,
        pending=pending,
    )


def _bring_up_to_date(place: Place) -> None:
    if isinstance(place.path, Path):
        place.open(Access.WRITE, create=False).close()
        return
    connection, turn = open_team_store(
        place.path, Access.WRITE, lock_timeout_s=place.lock_timeout_s, on_wait=place.on_wait,
        create=False, is_migrating=True,
    )  # fmt: skip
    if turn is not None:
        turn.release()
    connection.close()


def _version_of(place: Place) -> int:
    if not isinstance(place.path, Path):
        return team_schema_version(place.path)
    with place.locked(Access.READ) as held:
        if inspect(held.path) is not FileState.DATABASE:
            raise no_database(held.path)
        with translated(held.path):
            connection = connecting.connect_waiting(
                held.path, read_only=True, deadline=held.deadline
            )
            try:
                found = schema_version(connection)
            finally:
                connection.close()
        return check_version(held.path, found, released_migrations()[-1].version)


def _counts(store: Store) -> tuple[TableCount, ...]:
    selects = " union all ".join(
        f"select {place} as place, '{table}' as table_name, count(*) as n from {table}"
        for place, table in enumerate(TABLE_KEYS)
    )
    found = store.rows(f"select table_name, n from ({selects}) order by place")
    return tuple(TableCount(table=str(table), rows=int(str(n))) for table, n in found)


_TEAM_STORAGE = f"""
select
    coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as size_bytes,
    current_setting('server_version') as server_version
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = '{SCHEMA}' and c.relkind = 'r'
"""

_SUMMARY = """
with row_kind as (
    select is_sample, null::timestamptz as measured_at from performance_predictions
    union all
    select is_sample, measured_at from performance_measurements where deleted_at is null
)
select
    count(*) as rows,
    count(*) filter (is_sample) as sample_rows,
    min(measured_at) as oldest,
    max(measured_at) as newest
from row_kind
"""
