"""Where an error that a team store's server reports becomes an error of ours."""

import re

import duckdb

from perfpredict.errors import (
    InvalidInputError,
    PerfpredictError,
    StoreBusyError,
    StoreUnusableError,
)
from perfpredict.store.postgres_url import PostgresUrl

_WHERE = re.compile(r' to Postgres at "[^"]*"')
"""The whole URL with our own parameters, which the message around it names in short."""
_REFUSED_VALUES = ("violates", "null byte", "invalid byte sequence", "out of range")
_BUSY = ("could not serialize", "deadlock detected", "remaining connection slots", "too many")
_DENIED = ("permission denied", "authentication failed", "no pg_hba.conf entry", "must be owner")
_READ_ONLY = ("read-only transaction", "read-only mode")
_LOST = (
    "unable to connect", "server closed the connection", "terminating connection",
    "no connection to the server", "connection not open", "could not receive data",
    "could not send data", "ssl syscall", "the database system is",
)  # fmt: skip


def translate_postgres(error: duckdb.Error, url: PostgresUrl) -> PerfpredictError | None:
    """Return our error for `error`, None where it is a bug of ours and must crash."""
    text = _reason(url.without_secrets(str(error)))
    is_servers = isinstance(error, duckdb.IOException) or type(error) is duckdb.Error
    is_servers = is_servers or any(mark in text for mark in _READ_ONLY)
    if isinstance(error, duckdb.OutOfMemoryException):
        return StoreUnusableError(f"not enough memory for this question: {text}")
    if not is_servers and not isinstance(error, duckdb.ConstraintException):
        return None
    return _of_the_server(text, url)


def _of_the_server(text: str, url: PostgresUrl) -> PerfpredictError:
    lower = text.lower()
    if any(mark in lower for mark in _LOST):
        return StoreUnusableError(
            f"no connection to the team store '{url}': {text}",
            hint="what was not confirmed may not be saved: look, or repeat a 'db push', "
            "which adds nothing twice",
        )
    if any(mark in lower for mark in _BUSY):
        return StoreBusyError(
            f"the team store '{url}' is busy, nothing was changed: {text}",
            hint="repeat the command",
        )
    if any(mark in lower for mark in _REFUSED_VALUES):
        return InvalidInputError(f"the database refused a value: {text}")
    if any(mark in lower for mark in (*_DENIED, *_READ_ONLY)):
        return StoreUnusableError(f"no permission in the team store '{url}': {text}")
    return StoreUnusableError(f"the team store '{url}' cannot be used, not saved: {text}")


def _reason(text: str) -> str:
    """Return the server's own words, without the statement that DuckDB repeats before them."""
    for mark in ("FATAL:", "ERROR:"):
        if mark in text:
            return text.partition(mark)[2].strip().partition("\n")[0]
    return _WHERE.sub("", text.strip().partition("\n")[0])
