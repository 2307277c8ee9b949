"""Opens a DuckLake for an export; what goes wrong there becomes an error that shows no secret."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory

import duckdb

from perfpredict.errors import (
    InvalidInputError,
    PerfpredictError,
    StoreBusyError,
    StoreUnusableError,
)
from perfpredict.store import connecting
from perfpredict.store.extensions import (
    DUCKLAKE,
    HTTPFS,
    POSTGRES,
    SQLITE,
    Extension,
    load_extension,
)
from perfpredict.store.lake_place import (
    BUCKET_PREFIX,
    BucketAccess,
    LakePlace,
    SqliteFile,
    no_credentials,
)
from perfpredict.store.postgres_url import PostgresUrl

LAKE = "lake"
"""Name of the attached lake inside DuckDB."""

_BUSY = ("transaction conflict", "could not set lock", "conflicting lock", "database is locked")
_NO_DATA_PATH = "data_path is not set"
_OTHER_DATA_PATH = "does not match existing data path"
_NO_LAKE = ("creating a new ducklake is explicitly disabled", "not a valid duckdb database file",
            "file is not a database")  # fmt: skip


@contextmanager
def open_lake(place: LakePlace) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the lake attached as `lake`, made where there is none.

    All that is executed inside `with` is translated: MissingExtraError, StoreBusyError where
    another export is under way or came first, InvalidInputError, StoreUnusableError.
    """
    access = BucketAccess.from_environment(os.environ)
    if access is None and place.data is not None and place.data.startswith(BUCKET_PREFIX):
        raise no_credentials()
    with TemporaryDirectory(prefix="perfpredict-") as spill, _translated(place, access):
        connection = duckdb.connect(":memory:", config=_settings(spill))
        try:
            _attach(connection, place, access)
            yield connection
        except BaseException:
            with suppress(duckdb.Error):
                connection.interrupt()  # a statement that Ctrl-C broke off still runs
            raise
        finally:
            connection.close()


def _settings(spill: str) -> dict[str, str | bool | int | float | list[str]]:
    settings = connecting.team_settings(read_only=False)
    # pip vouches for what it installed, as for DuckDB itself
    settings["allow_unsigned_extensions"] = True
    settings["temp_directory"] = spill
    return settings


def _attach(
    connection: duckdb.DuckDBPyConnection, place: LakePlace, access: BucketAccess | None
) -> None:
    for extension in _extensions(place):
        load_extension(connection, extension)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    if access is not None:
        _reach_buckets(connection, access)
    # small exports make small files rather than rows of the catalog: other tools read files alone
    options = ["data_inlining_row_limit 0"]
    data = place.data
    if _is_there(place):
        # a file that is no lake must not become one
        options.append("create_if_not_exists false")
    elif data is None and place.catalog_file is not None:
        data = f"{place.catalog_file}.files{os.sep}"
    if data is not None:
        options.append(f"data_path '{_literal(data)}'")
    target = _literal(_ducklake_name(place))
    connection.execute(f"attach 'ducklake:{target}' as {LAKE} ({', '.join(options)})")
    ((found,),) = connection.execute(
        f"select data_path from ducklake_settings('{LAKE}')"
    ).fetchall()
    if access is None and str(found).startswith(BUCKET_PREFIX):
        raise no_credentials()


def _is_there(place: LakePlace) -> bool:
    path = place.catalog_file
    return path is not None and path.exists() and path.stat().st_size > 0


def _extensions(place: LakePlace) -> tuple[Extension, ...]:
    # that the files of an older lake are in a bucket is known only once it is attached
    always = (DUCKLAKE, HTTPFS)
    if isinstance(place.catalog, PostgresUrl):
        return (*always, POSTGRES)
    return (*always, SQLITE) if isinstance(place.catalog, SqliteFile) else always


def _ducklake_name(place: LakePlace) -> str:
    """Return the catalog in DuckLake's own words, password and all."""
    if isinstance(place.catalog, PostgresUrl):
        return f"postgres:{place.catalog.url}"
    prefix = "sqlite:" if isinstance(place.catalog, SqliteFile) else ""
    return f"{prefix}{place.catalog_file}"


def _reach_buckets(connection: duckdb.DuckDBPyConnection, access: BucketAccess) -> None:
    parameters: dict[str, object] = {
        "key_id": access.key_id, "secret": access.secret, "region": access.region,
    }  # fmt: skip
    wanted = ["key_id $key_id", "secret $secret", "region $region"]
    if access.session_token is not None:
        parameters["session_token"] = access.session_token
        wanted.append("session_token $session_token")
    if access.endpoint is not None:
        parameters |= {"endpoint": access.endpoint, "use_ssl": access.is_encrypted}
        # servers that are not Amazon's seldom have a host name for each bucket
        wanted += ["endpoint $endpoint", "use_ssl $use_ssl", "url_style 'path'"]
    connection.execute(f"create secret bucket (type s3, {', '.join(wanted)})", parameters)


def _literal(text: str) -> str:
    return text.replace("'", "''")


@contextmanager
def _translated(place: LakePlace, access: BucketAccess | None) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as exc:
        text = place.without_secrets(str(exc))
        if access is not None:
            text = access.without_secrets(text)
        # the cause may hold a password, so it is not shown with the error
        raise _translation(text, place) from None
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise StoreUnusableError(f"the lake '{place}' cannot be written: {reason}") from exc


def _translation(text: str, place: LakePlace) -> PerfpredictError:
    lower, reason = text.lower(), _reason(text)
    if any(mark in lower for mark in _BUSY):
        return StoreBusyError(
            f"another export to '{place}' is under way or came first, nothing was added: {reason}",
            hint="repeat the command",
        )
    if _NO_DATA_PATH in lower:
        return InvalidInputError(
            f"'{place}' is new, so it must be said where its files go",
            hint="--data FOLDER or --data s3://BUCKET/FOLDER",
        )
    if _OTHER_DATA_PATH in lower:
        return InvalidInputError(f"--data: '{place}' keeps its files elsewhere: {reason}")
    if any(mark in lower for mark in _NO_LAKE):
        return InvalidInputError(f"'{place}' exists and is no lake")
    return StoreUnusableError(
        f"the lake '{place}' cannot be written, nothing was added: {reason}",
        hint="repeat the command: an export adds nothing twice",
    )


def _reason(text: str) -> str:
    """Return the last line that says something, where DuckLake puts the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("You can override", "Is the server"))]
    return told[-1] if told else "no reason was given"
