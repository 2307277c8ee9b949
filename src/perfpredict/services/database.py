"""What a user does with the database as a whole: create, look, check, copy, query, merge."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store import (
    checking,
    copying,
    lake_export,
    maintenance,
    merging,
    queries,
    transfer,
)
from perfpredict.store.access import Access
from perfpredict.store.checking import Finding
from perfpredict.store.copying import Copied
from perfpredict.store.file_checks import (
    STORAGE_VERSION_NAME,
    FileState,
    look_at,
    resolve_path,
)
from perfpredict.store.lake_export import LakeTransfer
from perfpredict.store.lake_place import LakePlace
from perfpredict.store.maintenance import DatabaseInfo, Migrated, Place
from perfpredict.store.merging import TableTransfer
from perfpredict.store.places import Location

__all__ = [
    "CheckResult", "Compacted", "Copied", "DatabaseInfo", "LakeTransfer", "Located", "Migrated",
    "Place", "TableTransfer", "backup", "check", "compact", "export_tables", "export_to_lake",
    "import_tables", "info", "initialise", "locate", "merge", "migrate", "pull", "push", "query",
    "restore",
]  # fmt: skip

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Which file is used, and who said so."""

    path: Location
    origin: str
    exists: bool | None
    """None for a team store, which is not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Everything that was checked, bad or good."""

    path: Location
    findings: tuple[Finding, ...]
    fixed_rows: int

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.bad_rows)

    def require_good(self) -> None:
        """Raise StoreUnusableError where anything is bad."""
        if self.problems:
            bad = ", ".join(f"{f.check} of {f.table}" for f in self.problems[:3])
            raise StoreUnusableError(
                f"'{self.path}' has {len(self.problems)} problems: {bad}",
                hint="'--fix-links' mends links; for the rest restore a backup",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """Size of the file before and after."""

    path: Location
    bytes_before: int
    bytes_after: int


def locate(path: Location, origin: str) -> Located:
    """Return the database path, absolute; raises InvalidInputError for what cannot be one."""
    if not isinstance(path, Path):
        return Located(path=path, origin=origin, exists=None)
    resolved = resolve_path(path)
    return Located(path=resolved, origin=origin, exists=look_at(resolved) is not FileState.MISSING)


def initialise(place: Place, *, storage_version: str = STORAGE_VERSION_NAME) -> DatabaseInfo:
    """Create the database, or leave an existing one as it is; returns what is there then."""
    if storage_version != STORAGE_VERSION_NAME:
        raise InvalidInputError(
            f"databases are written with storage version {STORAGE_VERSION_NAME}, "
            f"not '{storage_version}'"
        )
    with place.open(Access.WRITE) as store:
        return maintenance.database_info(store)


def info(place: Place) -> DatabaseInfo:
    """Return sizes, versions and row counts; raises NoDatabaseError where there is none."""
    with place.open(Access.READ) as store:
        return maintenance.database_info(store)


def check(place: Place, *, is_fixing_links: bool = False) -> CheckResult:
    """Read all of the database and return what is wrong with it."""
    fixed = 0
    if is_fixing_links:
        with place.open(Access.WRITE, create=False) as store:
            fixed = checking.fix_links(store)
    with place.open(Access.READ) as store:
        return CheckResult(
            path=store.path, findings=checking.check_database(store), fixed_rows=fixed
        )


def migrate(place: Place, *, dry_run: bool = False) -> Migrated:
    """Bring the schema up to date, keeping a copy of the file as it was."""
    return maintenance.migrate(place, dry_run=dry_run)


def backup(place: Place, target: Path | None, *, now: datetime, force: bool = False) -> Copied:
    """Write a checked copy of the database."""
    return copying.backup(place, target, now=now, force=force)


def restore(place: Place, source: Path, *, now: datetime) -> Copied:
    """Put a checked copy of `source` in the database's place and keep the old file."""
    return copying.restore(place, source, now=now)


def compact(place: Place) -> Compacted:
    """Rewrite the database without unused space."""
    before, after = copying.compact(place)
    return Compacted(path=place.resolved, bytes_before=before, bytes_after=after)


def query(
    place: Place, sql: str, parameters: Sequence[str] = (), *, timeout_s: float
) -> pl.DataFrame:
    """Return what one reading statement gives; `parameters` are texts like `device=nvidia-l4`."""
    values = dict(_parameter(text) for text in parameters)
    with place.open(Access.READ) as store:
        return queries.run_query(store, sql, values, timeout_s=timeout_s)


def export_tables(place: Place, folder: Path, *, now: datetime) -> tuple[TableTransfer, ...]:
    """Write every table as Parquet, with a manifest, into an empty folder."""
    with place.open(Access.READ) as store:
        return transfer.export_tables(store, folder, now=now)


def export_to_lake(place: Place, lake: LakePlace, *, now: datetime) -> tuple[LakeTransfer, ...]:
    """Bring a DuckLake up to date with the database: one snapshot of it, nothing twice."""
    with place.open(Access.READ) as store:
        return lake_export.export_to_lake(store, lake, now=now)


def import_tables(place: Place, folder: Path) -> tuple[TableTransfer, ...]:
    """Add the rows of an exported folder that are not there yet."""
    with place.open(Access.WRITE) as store:
        return transfer.import_tables(store, folder)


def merge(place: Place, other: Location, *, with_models: bool = False) -> tuple[TableTransfer, ...]:
    """Add the rows of another database that are not there yet; the other one is only read."""
    if isinstance(other, Path) and look_at(resolve_path(other)) is FileState.MISSING:
        raise InvalidInputError(f"no file named '{other}'")
    with place.open(Access.WRITE) as store:
        return merging.merge(store, replace(place, path=other), with_models=with_models)


def push(place: Place, team: Location, *, with_models: bool = False) -> tuple[TableTransfer, ...]:
    """Add the rows of the database of this machine to the team store, where they are missing."""
    return merging.push(place, replace(place, path=team), with_models=with_models)


def pull(place: Place, team: Location, *, with_models: bool = False) -> tuple[TableTransfer, ...]:
    """Add the rows of the team store to the database of this machine, where they are missing."""
    return merging.push(replace(place, path=team), place, with_models=with_models)


def _parameter(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise InvalidInputError(f"a parameter is NAME=VALUE, got '{text}'")
    if _INTEGER.fullmatch(value):
        return name, int(value)
    if _DECIMAL.fullmatch(value):
        return name, float(value)
    return name, value
