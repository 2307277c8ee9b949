"""Where a database lies, and where if nobody says it; importable without DuckDB."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.store.postgres_url import PostgresUrl

DB_VARIABLE = "PERFPREDICT_DB"
"""Environment variable that names the database."""

Location: TypeAlias = "Path | PostgresUrl"
"""A database file, or a team store."""

_ONE_SLASH = re.compile(r"postgres(ql)?:(?!//)", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def parse_location(text: str, *, folder: Path | None = None) -> Location:
    """Return what `text` names; a relative path starts at `folder`.

    Raises InvalidInputError for no name at all, and for a URL of anything but PostgreSQL.
    """
    if not text.strip() or "\x00" in text:
        raise InvalidInputError(f"db: must be a file path or a postgresql:// URL, got '{text}'")
    if _ONE_SLASH.match(text):
        # as a path it would be shown, password and all
        raise InvalidInputError("db: the URL of a team store begins with 'postgresql://'")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return (folder or Path()) / Path(text).expanduser()
    from perfpredict.store.postgres_url import SCHEMES, PostgresUrl

    if scheme[1] not in SCHEMES:
        raise InvalidInputError(
            f"db: '{scheme[0]}' begins no kind of database that is known here",
            hint="give the path of a file, or a URL that begins with postgresql://",
        )
    return PostgresUrl(text)


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
