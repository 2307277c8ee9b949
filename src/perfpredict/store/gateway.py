"""The only way to a database: everything that speaks SQL does it through an open Store."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import duckdb
import polars as pl

from perfpredict.errors import InvalidInputError, PerfpredictError, StoreUnusableError
from perfpredict.store.access import Access
from perfpredict.store.connecting import Parameters
from perfpredict.store.failures import translated
from perfpredict.store.file_checks import wal_path
from perfpredict.store.frames import ArrowStream
from perfpredict.store.lock import LockFile
from perfpredict.store.opening import (
    DEFAULT_LOCK_TIMEOUT_S,
    connect_for_reading,
    connect_for_writing,
    locked,
)
from perfpredict.store.places import Location

if TYPE_CHECKING:
    from perfpredict.store.postgres_lock import WriterTurn

__all__ = ["Access", "Store"]

_PARAMETER = re.compile(r"\$(\w+)")


class Store:
    """An open database; use it in `with` and close it before computing anything."""

    def __init__(
        self,
        path: Location,
        access: Access,
        connection: duckdb.DuckDBPyConnection,
        lock: "LockFile | WriterTurn | None",
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.access = access
        self._connection = connection
        self._lock = lock
        self._on_note = on_note
        self._has_committed = False
        self._depth = 0
        self._is_open = True

    @classmethod
    def open(
        cls,
        path: Location,
        access: Access,
        *,
        lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S,
        on_wait: Callable[[str], None] | None = None,
        create: bool = True,
    ) -> Self:
        """Return the database at `path`, locked; WRITE creates it, and migrates a file.

        In a team store only writers are kept out, and a read sees one moment throughout.
        Raises NoDatabaseError, StoreBusyError, StoreUnusableError, or InvalidInputError for a
        path that cannot be a database.
        """
        if not isinstance(path, Path):
            from perfpredict.store.postgres_opening import open_team_store

            opened, turn = open_team_store(
                path, access, lock_timeout_s=lock_timeout_s, on_wait=on_wait, create=create
            )
            return cls(path, access, opened, turn, on_wait)
        with locked(
            path, access, lock_timeout_s=lock_timeout_s, on_wait=on_wait, create=create
        ) as held:
            if access is Access.READ:
                connection = connect_for_reading(held)
            else:
                connection = connect_for_writing(held)
            return cls(held.path, access, connection, held.keep(), on_wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        # the error inside is the one to tell, not what follows from it
        with suppress(duckdb.Error):  # a connection that is broken has nothing to interrupt
            self._connection.interrupt()  # a statement that Ctrl-C broke off still runs: see to it
        with suppress(PerfpredictError, duckdb.Error):
            self.close()

    def close(self) -> None:
        """Write everything into the one file, close it and let the next process in.

        What was committed stays so where it cannot be taken into the file: a note says it.
        """
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._after_commits(self._checkpoint)
        finally:
            try:
                self._after_commits(self._connection.close)
            finally:
                if self._lock is not None:
                    self._lock.release()

    def _checkpoint(self) -> None:
        if self.access is Access.WRITE and isinstance(self.path, Path):
            self._connection.execute("checkpoint")

    def _after_commits(self, step: Callable[[], object]) -> None:
        """Do `step`; that it fails is no failure of what was committed before, only a note."""
        try:
            with translated(self.path):
                step()
        except StoreUnusableError as exc:
            if not self._has_committed:
                raise
            if self._on_note is not None and isinstance(self.path, Path):
                reason = str(exc.__cause__).partition("\n")[0]
                self._on_note(
                    f"saved, but in '{wal_path(self.path)}' and not yet in the database file, "
                    f"so keep both together: {reason}"
                )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside, or on any error nothing; an inner one joins the outer one."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._require_write()
        with translated(self.path):
            self._connection.begin()
        self._depth = 1
        try:
            yield
            with translated(self.path):
                self._connection.commit()
        except BaseException:
            # a connection that broke has rolled back already; the first error is the one to tell
            with suppress(duckdb.Error):
                self._connection.interrupt()
                self._connection.rollback()
            raise
        finally:
            self._depth = 0
        self._has_committed = True

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement; `parameters` may hold more names than it uses."""
        with translated(self.path):
            # DuckDB 2 takes no further statement while a result is not read to its end
            self._connection.execute(sql, _used(sql, parameters)).fetchall()

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[object, ...]]:
        """Return what a query gives as tuples; for a few values, none of them a time."""
        with translated(self.path):
            found: list[tuple[object, ...]] = self._connection.execute(
                sql, _used(sql, parameters)
            ).fetchall()
        return found

    def frame(self, sql: str, parameters: Parameters | None = None) -> pl.DataFrame:
        """Return what a query gives as a frame; times are UTC."""
        with translated(self.path):
            relation = self._connection.sql(sql, params=_used(sql, parameters))
            return pl.DataFrame(relation)

    @contextmanager
    def incoming(self, frame: pl.DataFrame, name: str = "incoming") -> Iterator[None]:
        """Let statements inside read `frame` as the table `name`, which is a name of ours."""
        with translated(self.path):
            self._connection.register(name, ArrowStream(frame))
        try:
            yield
        except BaseException:
            # an aborted transaction refuses it, and takes the view with it
            with suppress(duckdb.Error):
                self._connection.unregister(name)
            raise
        with translated(self.path):
            self._connection.unregister(name)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The bare connection, for maintenance inside this room only."""
        return self._connection

    def _require_write(self) -> None:
        if self.access is not Access.WRITE:
            raise InvalidInputError("the database is open for reading only")


def _used(sql: str, parameters: Parameters | None) -> dict[str, object] | None:
    if parameters is None:
        return None
    names = set(_PARAMETER.findall(sql))
    return {name: value for name, value in parameters.items() if name in names}
