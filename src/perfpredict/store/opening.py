"""From a path to a connection: lock first, then look at the file, then connect, then the schema."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import platformdirs

from perfpredict.errors import InvalidInputError, NoDatabaseError, StoreUnusableError
from perfpredict.store import connecting
from perfpredict.store.access import Access
from perfpredict.store.drafts import copy_whole, drafted, put_in_place
from perfpredict.store.failures import translated
from perfpredict.store.file_checks import (
    HEADER_BYTES,
    FileState,
    inspect,
    look_at,
    resolve_path,
    wal_path,
)
from perfpredict.store.lock import LockFile
from perfpredict.store.migrating import (
    apply_migrations,
    check_version,
    released_migrations,
    schema_version,
)

DEFAULT_LOCK_TIMEOUT_S = 30.0


class Held:
    """A database path whose lock this process holds, with the time by which to be connected."""

    def __init__(self, path: Path, lock: LockFile | None, deadline: float) -> None:
        self.path = path
        self.lock = lock
        self.deadline = deadline
        self.is_kept = False

    def keep(self) -> LockFile | None:
        """Hand the lock to the caller, who releases it from now on."""
        self.is_kept = True
        return self.lock


@contextmanager
def locked(
    path: Path,
    access: Access,
    *,
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S,
    on_wait: Callable[[str], None] | None = None,
    create: bool = True,
) -> Iterator[Held]:
    """Hold the lock of the database at `path` inside, and longer if it is kept.

    Raises NoDatabaseError for a read, or without `create`, where there is none.
    """
    with translated(path):
        path = resolve_path(path)
        _check_folder(path, may_create=create and access is Access.WRITE)
        deadline = time.monotonic() + lock_timeout_s
        lock = LockFile.acquire(path, timeout_s=lock_timeout_s, on_wait=on_wait)
        if lock is None:
            _go_on_without_lock(path, access, on_wait)
        held = Held(path, lock, deadline)
        try:
            yield held
        except BaseException:
            held.is_kept = False
            raise
        finally:
            if lock is not None and not held.is_kept:
                lock.release()


def _check_folder(path: Path, *, may_create: bool) -> None:
    if path.parent.is_dir():
        # refused or found missing before a lock file appears beside it
        state = look_at(path)
        if not may_create and state is not FileState.DATABASE:
            raise no_database(path)
        return
    if not may_create:
        raise no_database(path)
    if path.parent != Path(platformdirs.user_data_dir("perfpredict")).resolve():
        raise InvalidInputError(
            f"the folder of the database '{path}' does not exist",
            hint=f"create it with: mkdir -p '{path.parent}'",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreUnusableError(f"cannot create '{path.parent}': {exc.strerror}") from exc


def _go_on_without_lock(path: Path, access: Access, on_wait: Callable[[str], None] | None) -> None:
    if access is Access.WRITE:
        raise StoreUnusableError(
            f"no permission to write in '{path.parent}', where the database '{path.name}' lies",
            hint="choose another file with '--db'",
        )
    if on_wait is not None:
        on_wait(f"'{path.parent}' is read-only: reading without a lock")


def connect_for_reading(held: Held) -> duckdb.DuckDBPyConnection:
    """Return a connection that cannot write; raises where there is nothing, or an older schema."""
    if inspect(held.path) is not FileState.DATABASE:
        raise no_database(held.path)
    with translated(held.path):
        connection = connecting.connect_waiting(held.path, read_only=True, deadline=held.deadline)
        try:
            _require_whole(held.path, connection)
            _require_current_schema(held.path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_for_writing(held: Held) -> duckdb.DuckDBPyConnection:
    """Return a connection to the database, made or migrated first where that is needed."""
    state = inspect(held.path)
    if state is not FileState.DATABASE:
        _refuse_lone_wal(held.path)
        _create(held.path, state)
    migrations = released_migrations()
    with translated(held.path):
        connection = connecting.connect_waiting(held.path, read_only=False, deadline=held.deadline)
        try:
            _require_whole(held.path, connection)
            latest = migrations[-1].version
            version = check_version(held.path, schema_version(connection), latest)
            if 0 < version < latest:
                # nothing else may open the file while DuckDB has it
                connection.close()
                copy_whole(held.path, backup_before_migrating(held.path, version))
                connection = connecting.connect(held.path, read_only=False)
            apply_migrations(connection, migrations, now=datetime.now(UTC))
        except BaseException:
            connection.close()
            raise
    return connection


def backup_before_migrating(path: Path, version: int) -> Path:
    """Return where the copy of a database of schema `version` is kept when it is migrated."""
    return path.with_name(f"{path.name}.schema-{version}.bak")


def _refuse_lone_wal(path: Path) -> None:
    if wal_path(path).exists():
        raise StoreUnusableError(
            f"'{wal_path(path)}' lies there without its database, which may hold lost rows",
            hint="put the database file back beside it, or move the .wal file away",
        )


def _create(path: Path, state: FileState) -> None:
    """Make the database under another name first, so that no half-made one is ever seen."""
    with drafted(path, ".new") as draft:
        with translated(path):
            connection = connecting.connect(draft, read_only=False)
            try:
                apply_migrations(connection, released_migrations(), now=datetime.now(UTC))
                connection.execute("checkpoint")
            finally:
                connection.close()
        if state is FileState.EMPTY:
            shutil.copymode(path, draft)
        put_in_place(draft, path)


def _require_whole(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise where the file is shorter than the blocks in use: a copy that was cut off.

    Free blocks at the end need not be there, so the header's count of all blocks says nothing.
    """
    if wal_path(path).exists():
        return  # the blocks of what is still in the log are not in the file
    ((block_bytes, used_blocks),) = connection.execute(
        "select block_size, used_blocks from pragma_database_size()"
    ).fetchall()
    needed_bytes, found_bytes = HEADER_BYTES + used_blocks * block_bytes, path.stat().st_size
    if found_bytes < needed_bytes:
        raise StoreUnusableError(
            f"the database '{path}' is damaged: {found_bytes} bytes of at least {needed_bytes}",
            hint="restore a backup with 'perfpredict db restore FILE'",
        )


def _require_current_schema(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    latest = released_migrations()[-1].version
    version = check_version(path, schema_version(connection), latest)
    if version == 0:
        raise no_database(path)
    if version < latest:
        raise StoreUnusableError(
            f"'{path}' has schema version {version}, this perfpredict needs version {latest}",
            hint="bring it up to date with 'perfpredict db migrate' (it keeps a backup)",
        )


def no_database(path: Path) -> NoDatabaseError:
    """Return the error of a command that reads where nothing was ever written."""
    return NoDatabaseError(
        f"no database yet at '{path}'",
        hint="'perfpredict measure record', 'measure import' or 'db init' creates it",
    )
