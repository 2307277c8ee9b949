"""From a URL to an open team store: connect, take the turn to write, then look at the schema."""

from collections.abc import Callable
from datetime import UTC, datetime

import duckdb

from perfpredict.errors import NoDatabaseError, StoreUnusableError
from perfpredict.store.access import Access
from perfpredict.store.failures import translate, translated
from perfpredict.store.migrating import check_version, released_migrations
from perfpredict.store.postgres_connecting import connect, use_tables
from perfpredict.store.postgres_lock import WriterTurn
from perfpredict.store.postgres_schema import migrate_team, team_version
from perfpredict.store.postgres_url import PostgresUrl


def open_team_store(
    url: PostgresUrl,
    access: Access,
    *,
    lock_timeout_s: float,
    on_wait: Callable[[str], None] | None = None,
    create: bool = True,
    is_migrating: bool = False,
) -> tuple[duckdb.DuckDBPyConnection, WriterTurn | None]:
    """Return a connection, and for writing the turn to write; a read sees one moment throughout.

    A write makes the tables where there are none; an older schema is brought up to date only
    where `is_migrating`, since it shuts out colleagues whose perfpredict is older.
    """
    connection = _connect(url, read_only=access is Access.READ)
    turn = None
    try:
        with translated(url):
            if access is Access.WRITE:
                turn = WriterTurn.acquire(
                    connection, url, timeout_s=lock_timeout_s, on_wait=on_wait
                )
            _bring_up(connection, url, access, create=create, is_migrating=is_migrating)
    except BaseException:
        if turn is not None:
            turn.release()
        connection.close()
        raise
    return connection, turn


def team_schema_version(url: PostgresUrl) -> int:
    """Return the version of the schema, which need not be today's; raises NoDatabaseError."""
    connection = _connect(url, read_only=True)
    try:
        version = check_version(url, team_version(connection), released_migrations()[-1].version)
    finally:
        connection.close()
    if version == 0:
        raise no_team_tables(url)
    return version


def no_team_tables(url: PostgresUrl) -> NoDatabaseError:
    """Return the error of a command that reads where nothing was ever written."""
    return NoDatabaseError(
        f"no tables yet in the team store '{url}'",
        hint=f"'perfpredict db init --db {url}' or 'db push {url}' makes them",
    )


def _bring_up(
    connection: duckdb.DuckDBPyConnection,
    url: PostgresUrl,
    access: Access,
    *,
    create: bool,
    is_migrating: bool,
) -> None:
    migrations = released_migrations()
    latest = migrations[-1].version
    version = check_version(url, team_version(connection), latest)
    may_create = access is Access.WRITE and create
    if version == 0 and not may_create:
        raise no_team_tables(url)
    if 0 < version < latest and not is_migrating:
        raise StoreUnusableError(
            f"the team store '{url}' has schema version {version}, this perfpredict needs "
            f"version {latest}",
            hint="bring it up to date with 'perfpredict db migrate'; older perfpredicts of "
            "your colleagues are refused from then on",
        )
    if version < latest:
        migrate_team(connection, migrations, current=version, now=datetime.now(UTC))
    use_tables(connection)
    if access is Access.READ:
        connection.begin()


def _connect(url: PostgresUrl, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return connect(url, read_only=read_only)
    except duckdb.Error as exc:
        # the cause holds the whole URL, so it is not shown with the error
        raise (translate(exc, url) or _unreachable(exc, url)) from None


def _unreachable(error: duckdb.Error, url: PostgresUrl) -> StoreUnusableError:
    return StoreUnusableError(
        f"no connection to the team store '{url}': {url.without_secrets(str(error))}"
    )
