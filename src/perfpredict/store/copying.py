"""Whole-file work under the lock: backup, restore and compact."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.store import connecting
from perfpredict.store.access import Access
from perfpredict.store.drafts import copy_whole, drafted, put_in_place, sync_file
from perfpredict.store.failures import translated
from perfpredict.store.file_checks import (
    FileState,
    inspect,
    look_at,
    resolve_path,
    wal_path,
)
from perfpredict.store.frames import ArrowStream
from perfpredict.store.maintenance import Place
from perfpredict.store.migrating import (
    apply_migrations,
    check_version,
    released_migrations,
    schema_version,
)
from perfpredict.store.opening import no_database
from perfpredict.store.tables import TABLE_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """One file made from another, and checked."""

    source: Path
    target: Path
    size_bytes: int
    rows: int
    replaced: Path | None = None
    """Where the database that was there before is kept."""


def backup(place: Place, target: Path | None, *, now: datetime, force: bool = False) -> Copied:
    """Write a checked copy of the database to `target`, by default dated beside it."""
    with place.locked(Access.READ) as held:
        source = held.path
        _require_database(source)
        target = _no_link(target or _dated(source, now))
        if target == source:
            raise InvalidInputError("the backup must be another file than the database")
        if look_at(target) is not FileState.MISSING and not force:
            raise InvalidInputError(f"'{target}' exists", hint="'--force' overwrites it")
        with _draft(target, ".part") as draft:
            _copy_with_wal(source, draft)
            rows = _settle(draft)
            put_in_place(draft, target)
    return Copied(source=source, target=target, size_bytes=target.stat().st_size, rows=rows)


def restore(place: Place, source: Path, *, now: datetime) -> Copied:
    """Put a checked copy of `source` in the database's place; the old one is kept beside it."""
    source = resolve_path(source)
    with place.locked(Access.WRITE) as held:
        path = held.path
        if source == path:
            raise InvalidInputError("the backup must be another file than the database")
        if look_at(source) is FileState.MISSING:
            raise InvalidInputError(f"no file named '{source}'")
        with _draft(path, ".restore") as draft:
            with replace(place, path=source).locked(Access.READ):
                _require_database(source)
                _copy_with_wal(source, draft)
            rows = _settle(draft)
            kept = _set_aside(path, now)
            put_in_place(draft, path)
    return Copied(
        source=source, target=path, size_bytes=path.stat().st_size, rows=rows, replaced=kept
    )


def compact(place: Place) -> tuple[int, int]:
    """Rewrite the database without the space of deleted rows; returns bytes before and after."""
    with place.locked(Access.WRITE, create=False) as held:
        path = held.path
        _require_database(path)
        with translated(path):
            # takes the log into the file: a log that stayed would be replayed onto the new one
            connecting.connect_waiting(path, read_only=False, deadline=held.deadline).close()
        before = path.stat().st_size
        with _draft(path, ".compact") as draft:
            with translated(path):
                _rewrite(path, draft)
            _settle(draft)
            shutil.copymode(path, draft)
            put_in_place(draft, path)
    return before, path.stat().st_size


def _require_database(path: Path) -> None:
    if inspect(path) is not FileState.DATABASE:
        raise no_database(path)


def _no_link(path: Path) -> Path:
    """Return `path` resolved; a link is refused, since what it leads to is not ours to replace."""
    try:
        is_link = path.expanduser().is_symlink()
    except (OSError, ValueError):
        is_link = False  # resolving says what is wrong with the name
    if is_link:
        raise InvalidInputError(
            f"'{path}' is a link, which a backup neither follows nor replaces",
            hint="name a file that is new or may be replaced",
        )
    return resolve_path(path)


def _dated(path: Path, now: datetime) -> Path:
    return path.with_name(f"{path.stem}-{now:%Y%m%dT%H%M%SZ}{path.suffix or '.duckdb'}")


@contextmanager
def _draft(target: Path, suffix: str) -> Iterator[Path]:
    """Yield a free path beside `target`, as `drafted` does; what fails names `target`."""
    if not target.parent.is_dir():
        raise InvalidInputError(f"the folder '{target.parent}' does not exist")
    try:
        with drafted(target, suffix) as draft:
            yield draft
    except OSError as exc:
        raise StoreUnusableError(
            f"cannot write '{target}', nothing was changed: {(exc.strerror or str(exc)).lower()}"
        ) from exc


def _copy_with_wal(source: Path, draft: Path) -> None:
    shutil.copyfile(source, draft)
    if wal_path(source).exists():
        shutil.copyfile(wal_path(source), wal_path(draft))


def _settle(draft: Path) -> int:
    """Take the log into the file, read all of it and make it durable; returns the rows."""
    with translated(draft):
        connection = connecting.connect(draft, read_only=False)
        try:
            latest = released_migrations()[-1].version
            if check_version(draft, schema_version(connection), latest) == 0:
                raise StoreUnusableError(f"'{draft}' holds no perfpredict database")
            rows = sum(_read_all(connection, table) for table in _own_tables(connection))
            connection.execute("checkpoint")
        finally:
            connection.close()
    sync_file(draft)
    return rows


def _own_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute("select table_name from duckdb_tables()").fetchall()
    present = {str(name) for (name,) in found}
    return [table for table in TABLE_KEYS if table in present]


def _read_all(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    ((rows, _),) = connection.execute(
        f"select count(*), bit_xor(hash(t)) from {table} as t"
    ).fetchall()
    return int(rows)


def _set_aside(path: Path, now: datetime) -> Path | None:
    """Keep what is at `path` under another name while it stays in place; returns that name."""
    if look_at(path) is FileState.MISSING:
        wal_path(path).unlink(missing_ok=True)
        return None
    kept = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    if wal_path(path).exists():
        # a log that stayed would be replayed onto the file that comes
        with suppress(StoreUnusableError), translated(path):
            connecting.connect(path, read_only=False).close()
    copy_whole(path, kept)
    if wal_path(path).exists():
        wal_path(path).replace(wal_path(kept))
    return kept


def _rewrite(path: Path, draft: Path) -> None:
    old = connecting.connect(path, read_only=True)
    try:
        latest = released_migrations()[-1].version
        if check_version(path, schema_version(old), latest) != latest:
            raise StoreUnusableError(
                f"'{path}' has an older schema", hint="run 'perfpredict db migrate' first"
            )
        new = connecting.connect(draft, read_only=False)
        try:
            _copy_tables(old, new)
        finally:
            new.close()
    finally:
        old.close()


def _copy_tables(old: duckdb.DuckDBPyConnection, new: duckdb.DuckDBPyConnection) -> None:
    ((applied_ms,),) = old.execute(
        "select epoch_ms(max(applied_at)) from schema_migrations"
    ).fetchall()
    applied_at = datetime.fromtimestamp(applied_ms / 1000, UTC)
    apply_migrations(new, released_migrations(), now=applied_at)
    new.begin()
    for table in TABLE_KEYS:
        new.register("incoming", ArrowStream(old.sql(f"from {table}")))
        new.execute(f"insert into {table} by name from incoming").fetchall()
        new.unregister("incoming")
    new.commit()
    new.execute("checkpoint")
