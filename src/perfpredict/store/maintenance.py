"""What there is in a database file, and bringing its schema up to date."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

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
from perfpredict.store.tables import TABLE_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is, and how long to wait for it."""

    path: Path
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S
    on_wait: Callable[[str], None] | None = None

    def locked(self, access: Access, *, create: bool = True) -> AbstractContextManager[Held]:
        """Return a context in which this process alone may touch the database."""
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

    path: Path
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
    wal = wal_path(store.path)
    return DatabaseInfo(
        path=store.path,
        size_bytes=store.path.stat().st_size,
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        schema_version=schema_version(store.connection) or 0,
        storage_version=STORAGE_VERSION_NAME,
        duckdb_version=duckdb.__version__,
        tables=counts,
        rows=sum(count.rows for count in counts),
        sample_rows=samples,
        sample_share=samples / both if both else None,
        oldest_measured_at=summary["oldest"],
        newest_measured_at=summary["newest"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """Schema versions before and after; equal where there was nothing to do."""

    path: Path
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
        place.open(Access.WRITE, create=False).close()
    return Migrated(
        path=resolve_path(place.path),
        version_before=before,
        version_after=before if dry_run else migrations[-1].version,
        pending=pending,
    )


def _version_of(place: Place) -> int:
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
