"""Opens a DuckDB connection whose tables are those of a team store in PostgreSQL.

DuckDB's extension for PostgreSQL comes from a package, or was installed by DuckDB when the user
told it to; nothing is downloaded here.
"""

import os
import socket
import sys
from pathlib import Path

import duckdb

from perfpredict.domain.secrets import hide_passwords
from perfpredict.store import connecting
from perfpredict.store.extensions import POSTGRES, load_extension
from perfpredict.store.postgres_url import PostgresUrl

CATALOG = "team"
"""Name of the attached database inside DuckDB."""
SCHEMA = "perfpredict"
"""Schema of PostgreSQL that holds all tables, so that a database may be shared with others."""

_CONNECT_TIMEOUT_S = 10
_MOST_NAME_CHARACTERS = 63
# a host that lost its power must not keep its turn until TCP gives up, two hours later
_SESSION = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"


def connect(url: PostgresUrl, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Return a connection with the team store attached as `team`, whose settings are locked.

    Raises MissingExtraError where the extension is not installed for this DuckDB.
    """
    settings = connecting.team_settings(read_only=read_only)
    # pip vouches for what it installed, as for DuckDB itself; to check the signature of 40 MB again
    # would take most of the time that a short command takes
    settings["allow_unsigned_extensions"] = POSTGRES.packaged is not None
    connection = duckdb.connect(":memory:", config=settings)
    try:
        load_extension(connection, POSTGRES)
        whole = url.with_parameters(
            {
                "application_name": _application_name(),
                "connect_timeout": str(_CONNECT_TIMEOUT_S),
                "options": _SESSION,
            }
        )
        literal = whole.replace("'", "''")
        mode = ", read_only" if read_only else ""
        connection.execute(
            f"attach '{literal}' as {CATALOG} (type postgres, schema '{SCHEMA}'{mode})"
        )
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set enable_external_access = false")
    except BaseException:
        connection.close()
        raise
    return connection


def use_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Let names of tables mean those of the team store, and lock the settings."""
    connection.execute(f"use {CATALOG}")
    connection.execute("set lock_configuration = true")


def ask_server(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """Return what `sql`, a fixed text of ours in PostgreSQL's dialect, gives on the server."""
    found: list[tuple[object, ...]] = connection.execute(
        "select * from postgres_query($catalog, $sql)", {"catalog": CATALOG, "sql": sql}
    ).fetchall()
    return found


def tell_server(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Run `sql`, a fixed text of ours in PostgreSQL's dialect, on the server."""
    connection.execute(
        "call postgres_execute($catalog, $sql)", {"catalog": CATALOG, "sql": sql}
    ).fetchall()


def _application_name() -> str:
    """Return what others see of this process, so that a note can say whom they wait for."""
    command = " ".join([Path(sys.argv[0]).stem or "python", *sys.argv[1:3]])
    name = f"pid {os.getpid()} on {socket.gethostname()} ({hide_passwords(command)})"
    printable = "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
    return printable[:_MOST_NAME_CHARACTERS]
