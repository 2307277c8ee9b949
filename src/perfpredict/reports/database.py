"""Reports of the `db` and `doctor` commands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, report_from_frame

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.services.database import (
        CheckResult,
        Compacted,
        Copied,
        DatabaseInfo,
        LakeTransfer,
        Located,
        Migrated,
        TableTransfer,
    )
    from perfpredict.services.doctor import Diagnosis

MIB = 2**20
_PATH = Column("path", kind=ColumnKind.ID, priority=0)
PATH_COLUMNS = (_PATH,)
"""And with `--origin` where it was chosen, and whether it exists."""


def located(found: "Located", *, with_origin: bool) -> Report:
    """Return the path of the database, and where it was chosen."""
    columns = [*PATH_COLUMNS]
    if with_origin:
        columns += [Column("origin", kind=ColumnKind.ID), Column("exists", kind=ColumnKind.FLAG)]
    row: dict[str, JsonValue] = {
        "path": str(found.path),
        "origin": found.origin,
        "exists": found.exists,
    }
    return Report("db-path", columns, [row], is_single=True)


INFO_COLUMNS = (
    _PATH,
    Column("size_mib", "size MiB", ColumnKind.MIB),
    Column("wal_mib", "log MiB", ColumnKind.MIB),
    Column("schema_version", "schema version", ColumnKind.COUNT),
    Column("storage_version", "storage version", ColumnKind.ID),
    Column("duckdb_version", "DuckDB version", ColumnKind.ID),
    Column("sample_share", "sample rows", ColumnKind.PERCENT),
    Column("oldest_measured_at", "oldest measurement", ColumnKind.TIME),
    Column("newest_measured_at", "newest measurement", ColumnKind.TIME),
)
"""And a column `rows_…` for each table."""


def info(found: "DatabaseInfo") -> Report:
    """Return sizes, versions and row counts as one object."""
    columns = (
        *INFO_COLUMNS,
        *(Column(f"rows_{count.table}", count.table, ColumnKind.COUNT) for count in found.tables),
    )
    row: dict[str, JsonValue] = {
        "path": str(found.path),
        "size_mib": found.size_bytes / MIB,
        "wal_mib": found.wal_bytes / MIB,
        "schema_version": found.schema_version,
        "storage_version": found.storage_version,
        "duckdb_version": found.duckdb_version,
        "sample_share": found.sample_share,
        "oldest_measured_at": found.oldest_measured_at,
        "newest_measured_at": found.newest_measured_at,
    }
    row |= {f"rows_{count.table}": count.rows for count in found.tables}
    return Report("db-info", columns, [row], is_single=True)


CHECK_COLUMNS = (
    Column("check", kind=ColumnKind.ID, priority=0),
    Column("table", kind=ColumnKind.ID, priority=0),
    Column("bad_rows", "bad rows", ColumnKind.COUNT, 0),
    Column("detail", priority=2),
)


def checked(result: "CheckResult", *, with_all: bool) -> Report:
    """Return what was checked: every line, or those of the scan and the bad ones."""
    shown = [
        finding
        for finding in result.findings
        if with_all or finding.bad_rows or finding.check == "readable"
    ]
    rows: list[dict[str, JsonValue]] = [
        {
            "check": finding.check,
            "table": finding.table,
            "bad_rows": finding.bad_rows,
            "detail": finding.detail,
        }
        for finding in shown
    ]
    notes = [f"{len(result.findings)} checks, {len(result.problems)} with bad rows"]
    if result.fixed_rows:
        notes.append(f"{result.fixed_rows} links mended")
    return Report("db-check", CHECK_COLUMNS, rows, notes=notes)


MIGRATE_COLUMNS = (
    _PATH,
    Column("version_before", "version before", ColumnKind.COUNT),
    Column("version_after", "version after", ColumnKind.COUNT),
    Column("migrations"),
    Column("dry_run", "dry run", ColumnKind.FLAG),
)


def migrated(done: "Migrated", *, dry_run: bool) -> Report:
    """Return the schema versions before and after."""
    row: dict[str, JsonValue] = {
        "path": str(done.path),
        "version_before": done.version_before,
        "version_after": done.version_after,
        "migrations": list(done.pending),
        "dry_run": dry_run,
    }
    return Report("db-migrate", MIGRATE_COLUMNS, [row], is_single=True)


COPY_COLUMNS = (
    _PATH,
    Column("source", kind=ColumnKind.ID),
    Column("size_mib", "size MiB", ColumnKind.MIB),
    Column("rows", kind=ColumnKind.COUNT),
    Column("replaced", "old file kept as", ColumnKind.ID),
)


def copied(done: "Copied", name: str) -> Report:
    """Return what was copied from where to where."""
    row: dict[str, JsonValue] = {
        "path": str(done.target),
        "source": str(done.source),
        "size_mib": done.size_bytes / MIB,
        "rows": done.rows,
        "replaced": str(done.replaced) if done.replaced else None,
    }
    return Report(name, COPY_COLUMNS, [row], is_single=True)


COMPACT_COLUMNS = (
    _PATH,
    Column("size_before_mib", "before MiB", ColumnKind.MIB),
    Column("size_after_mib", "after MiB", ColumnKind.MIB),
)


def compacted(done: "Compacted") -> Report:
    """Return the size before and after."""
    row: dict[str, JsonValue] = {
        "path": str(done.path),
        "size_before_mib": done.bytes_before / MIB,
        "size_after_mib": done.bytes_after / MIB,
    }
    return Report("db-compact", COMPACT_COLUMNS, [row], is_single=True)


TABLE_COLUMNS = (
    Column("table", kind=ColumnKind.ID, priority=0),
    Column("rows", kind=ColumnKind.COUNT, priority=0),
    Column("added", kind=ColumnKind.COUNT, priority=0),
)


def transferred(tables: "Sequence[TableTransfer]", name: str) -> Report:
    """Return one row per table: how many rows there were and how many were added."""
    rows: list[dict[str, JsonValue]] = [
        {"table": one.table, "rows": one.rows, "added": one.added} for one in tables
    ]
    return Report(name, TABLE_COLUMNS, rows)


LAKE_COLUMNS = (*TABLE_COLUMNS, Column("replaced", kind=ColumnKind.COUNT, priority=0))


def exported_to_lake(tables: "Sequence[LakeTransfer]") -> Report:
    """Return one row per table, with how many rows took the place of older ones."""
    rows: list[dict[str, JsonValue]] = [
        {"table": one.table, "rows": one.rows, "added": one.added, "replaced": one.replaced}
        for one in tables
    ]
    return Report("db-export-lake", LAKE_COLUMNS, rows)


SQL_COLUMNS: tuple[Column, ...] = ()
"""A query names its own."""


def answer(frame: "pl.DataFrame") -> Report:
    """Return the rows that a query gave."""
    return report_from_frame("db-sql", frame)


DOCTOR_COLUMNS = (
    Column("check", kind=ColumnKind.ID, priority=0),
    Column("status", kind=ColumnKind.ID, priority=0),
    Column("detail", priority=0),
    Column("hint", priority=2),
)


def diagnosis(found: "Diagnosis") -> Report:
    """Return one row per thing that was looked at."""
    rows: list[dict[str, JsonValue]] = [
        {
            "check": one.name,
            "status": one.status.value,
            "detail": one.detail,
            "hint": one.hint or None,
        }
        for one in found.checks
    ]
    return Report("doctor", DOCTOR_COLUMNS, rows)
