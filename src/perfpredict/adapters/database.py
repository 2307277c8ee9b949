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
from perfpredict.errors import InvalidInputError
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.opening import DEFAULT_LOCK_TIMEOUT_S, no_database
from perfpredict.store.places import DB_VARIABLE, default_db_path


class Database:
    """One database file; between two calls it is neither open nor locked."""

    def __init__(
        self,
        db_path: str | os.PathLike[str] | None = None,
        create_if_missing: bool = True,
        *,
        lock_timeout: float = DEFAULT_LOCK_TIMEOUT_S,
    ) -> None:
        """Use the file at `db_path`, by default the one that the command line uses.

        `lock_timeout` is in seconds. Raises NoDatabaseError for a missing file that must not be
        created, StoreUnusableError for a file that is no database.
        """
        self.db_path = _path(db_path)
        self.create_if_missing = create_if_missing
        self.machine = Machine()
        self._lock_timeout_s = lock_timeout
        self._is_closed = False
        if not self.db_path.exists():
            if not create_if_missing:
                raise no_database(self.db_path)
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
        create = self.create_if_missing
        with Store.open(
            self.db_path, access, lock_timeout_s=self._lock_timeout_s, create=create
        ) as store:
            yield store

    def listed(
        self, find: Callable[[Store, RowFilter], pl.DataFrame], filters: Filters
    ) -> list[Row]:
        """Return the rows that `find` gives for `filters` under the documented keys."""
        with self.open(Access.READ) as store:
            wanted = row_filter(store, filters, self.machine, now=datetime.now(UTC))
            frame = find(store, wanted)
        return [stored_row(row) for row in frame.iter_rows(named=True)]


def _path(given: str | os.PathLike[str] | None) -> Path:
    if given is not None:
        return Path(given).expanduser()
    named = os.environ.get(DB_VARIABLE)
    return Path(named).expanduser() if named else default_db_path(os.environ)
