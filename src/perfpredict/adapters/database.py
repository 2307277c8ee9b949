"""Where a repository keeps its rows: opened late and closed early, so that processes share it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from perfpredict.adapters.answers import Row, stored_row
from perfpredict.adapters.filters import Filters, row_filter
from perfpredict.adapters.workloads import Machine
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import InvalidInputError, NoDatabaseError
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.opening import DEFAULT_LOCK_TIMEOUT_S, no_database
from perfpredict.store.places import DB_VARIABLE, Location, default_db_path, parse_location


class Database:
    """One database file; between two calls it is neither open nor locked."""

    def __init__(
        self,
        db_path: str | os.PathLike[str] | None = None,
        create_if_missing: bool = True,
        *,
        lock_timeout: float = DEFAULT_LOCK_TIMEOUT_S,
    ) -> None:
        """Use the file, or team store, at `db_path`, by default what the command line uses.

        `lock_timeout` is in seconds. Raises NoDatabaseError for a missing file that must not be
        created, StoreUnusableError for a file that is no database.
        """
        self.db_path = _location(db_path)
        self.create_if_missing = create_if_missing
        self.machine = Machine()
        self._lock_timeout_s = lock_timeout
        self._is_closed = False
        self._kept_open: Store | None = None
        self._require_or_create()

    def _require_or_create(self) -> None:
        if isinstance(self.db_path, Path):
            if self.db_path.exists():
                return
            if not self.create_if_missing:
                raise no_database(self.db_path)
        else:
            try:
                with self.open(Access.READ):
                    return
            except NoDatabaseError:
                if not self.create_if_missing:
                    raise
        with self.open(Access.WRITE):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Refuse further calls; nothing is held between calls that would have to be let go."""
        self._is_closed = True

    @contextmanager
    def open(self, access: Access) -> Iterator[Store]:
        """Hold the database open inside, and locked against other processes."""
        if self._is_closed:
            raise InvalidInputError("the repository is closed")
        if self._kept_open is not None:
            yield self._kept_open
            return
        create = self.create_if_missing
        with Store.open(
            self.db_path, access, lock_timeout_s=self._lock_timeout_s, create=create
        ) as store:
            yield store

    @contextmanager
    def keep_open(self) -> Iterator[Self]:
        """Hold the database open and locked between the calls inside; each still commits its own.

        For many calls in a row: opening and closing takes most of a call's time. No other process
        reads or writes meanwhile.
        """
        with self.open(Access.WRITE) as store:
            before, self._kept_open = self._kept_open, store
            try:
                yield self
            finally:
                self._kept_open = before

    def listed(
        self, find: Callable[[Store, RowFilter], pl.DataFrame], filters: Filters
    ) -> list[Row]:
        """Return the rows that `find` gives for `filters` under the documented keys."""
        with self.open(Access.READ) as store:
            wanted = row_filter(store, filters, self.machine, now=datetime.now(UTC))
            frame = find(store, wanted)
        return [stored_row(row) for row in frame.iter_rows(named=True)]


def _location(given: str | os.PathLike[str] | None) -> Location:
    if given is not None:
        return parse_location(os.fspath(given))
    named = os.environ.get(DB_VARIABLE)
    return parse_location(named) if named else default_db_path(os.environ)
