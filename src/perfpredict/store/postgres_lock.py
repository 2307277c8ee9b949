"""The turn to write in a team store: one process at a time, while readers go on.

The lock is PostgreSQL's own, in a transaction of its own, so that it ends with its holder.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import duckdb

from perfpredict.errors import StoreBusyError
from perfpredict.store.postgres_connecting import ask_server, tell_server
from perfpredict.store.postgres_url import PostgresUrl

_KEY = int.from_bytes(b"perfpred", "big")
_LONGEST_SLICE_S = 1.0
"""Of waiting in PostgreSQL, where Ctrl-C is not heard."""


class WriterTurn:
    """The exclusive right to write, held until it is released or this process ends."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    @classmethod
    def acquire(
        cls,
        connection: duckdb.DuckDBPyConnection,
        url: PostgresUrl,
        *,
        timeout_s: float,
        on_wait: Callable[[str], None] | None = None,
    ) -> "WriterTurn":
        """Return the turn; raises StoreBusyError, naming who has it, after `timeout_s` seconds."""
        cursor = connection.cursor()
        try:
            _wait(cursor, url, timeout_s, on_wait)
        except BaseException:
            cursor.close()
            raise
        return cls(cursor)

    def release(self) -> None:
        """Let the next process write; a second call does nothing."""
        # a connection that broke has given up its turn already
        with suppress(duckdb.Error):
            self._cursor.rollback()
        self._cursor.close()


def _wait(
    cursor: duckdb.DuckDBPyConnection,
    url: PostgresUrl,
    timeout_s: float,
    on_wait: Callable[[str], None] | None,
) -> None:
    start = time.monotonic()
    is_said = False
    cursor.begin()
    while not _try_lock(cursor):
        waited_s = time.monotonic() - start
        if on_wait is not None and not is_said and waited_s >= _LONGEST_SLICE_S:
            is_said = True
            on_wait(f"waiting for the team store, in use by {_holder(cursor)}")
        if waited_s >= timeout_s:
            raise StoreBusyError(
                f"the team store '{url}' is in use by {_holder(cursor)}; "
                f"waited {waited_s:.1f} s, nothing was changed",
                hint="try again, or wait longer with '--lock-timeout SECONDS'",
            )
        cursor.rollback()
        cursor.begin()
        if _wait_in_line(cursor, min(_LONGEST_SLICE_S, timeout_s - waited_s)):
            return


def _try_lock(cursor: duckdb.DuckDBPyConnection) -> bool:
    ((is_held,),) = ask_server(cursor, f"select pg_try_advisory_xact_lock({_KEY})")
    return bool(is_held)


def _wait_in_line(cursor: duckdb.DuckDBPyConnection, seconds: float) -> bool:
    """Wait until the lock is free, in the order of arrival; False when the time is over."""
    tell_server(cursor, f"set local lock_timeout = {max(int(seconds * 1000), 1)}")
    try:
        ask_server(cursor, f"select pg_advisory_xact_lock({_KEY})::text as locked")
    except duckdb.Error as exc:
        if "lock timeout" not in str(exc):
            raise
        cursor.rollback()
        cursor.begin()
        return False
    return True


def _holder(cursor: duckdb.DuckDBPyConnection) -> str:
    found = ask_server(cursor, _HOLDER)
    return str(found[0][0]) if found and found[0][0] else "another process"


_HOLDER = f"""
select a.application_name
from pg_locks as l
join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and (l.classid::bigint << 32 | l.objid::bigint) = {_KEY}
    and l.database = (select oid from pg_database where datname = current_database())
"""
