"""Where a database lies if nobody says where; importable without DuckDB."""

from collections.abc import Mapping
from pathlib import Path

from perfpredict.errors import InvalidInputError

DB_VARIABLE = "PERFPREDICT_DB"
"""Environment variable that names the database."""


def default_db_path(environ: Mapping[str, str]) -> Path:
    """Return the per-user database that is used where nothing else is said.

    Raises InvalidInputError for a folder variable that holds a relative path.
    """
    from platformdirs import user_data_path

    folder = absolute_folder("XDG_DATA_HOME", environ, user_data_path("perfpredict"))
    return folder / "perfpredict.duckdb"


def absolute_folder(variable: str, environ: Mapping[str, str], path: Path) -> Path:
    """Return `path`, which follows from `variable`; InvalidInputError unless it is absolute."""
    if not path.is_absolute():
        got = environ.get(variable, "")
        raise InvalidInputError(f"{variable}: must be an absolute path, got '{got}'")
    return path
