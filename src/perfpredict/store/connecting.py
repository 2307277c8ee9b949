"""Opens a DuckDB connection that reaches no other file and no network, and stays that way."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from perfpredict.errors import StoreBusyError
from perfpredict.store.failures import translate
from perfpredict.store.file_checks import STORAGE_VERSION_NAME

Parameters = Mapping[str, object]
"""Values by name for the `$name` places of a statement."""

_HARDENED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "allow_persistent_secrets": "false",
}
READING_MEMORY = "2GiB"
"""Far above what a table of measurements needs, far below what a careless join would take."""
_READING = {
    "memory_limit": READING_MEMORY,
    # what does not fit is an error: a reading command writes nothing, not even beside the file
    "temp_directory": "",
}
_MOST_THREADS = 8
_RETRY_PAUSE_S = 0.05


def team_settings(*, read_only: bool) -> dict[str, str | bool | int | float | list[str]]:
    """Return the settings of a connection to a team store, which is attached and then shut off."""
    settings = dict(_HARDENED)
    del settings["enable_external_access"]  # attaching needs it; it is taken away afterwards
    # where it is false, attaching fails; no secret can be read from a folder that cannot be
    del settings["allow_persistent_secrets"]
    settings["secret_directory"] = f"{os.devnull}/none"
    settings["threads"] = _threads()
    return settings | _READING if read_only else settings


def connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Return a hardened connection to `path`, in UTC, whose settings cannot be changed back."""
    settings = dict(_HARDENED)
    settings["threads"] = _threads()
    if read_only:
        settings |= _READING
    else:
        settings["storage_compatibility_version"] = STORAGE_VERSION_NAME
    connection = duckdb.connect(str(path), read_only=read_only, config=settings)
    try:
        connection.execute("set timezone = 'UTC'")
        # it would be drawn on standard output, before the answer
        connection.execute("set enable_progress_bar = false")
        connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _threads() -> str:
    return str(min(os.cpu_count() or 1, _MOST_THREADS))


def connect_waiting(path: Path, *, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    """Return a connection as `connect` does, waiting for programs that do not know our lock."""
    while True:
        try:
            return connect(path, read_only=read_only)
        except duckdb.Error as exc:
            is_busy = isinstance(translate(exc, path), StoreBusyError)
            if not is_busy or time.monotonic() >= deadline:
                raise
        time.sleep(_RETRY_PAUSE_S)
