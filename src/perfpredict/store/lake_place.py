"""Where a DuckLake lies: its catalog, and its data in a folder or a bucket."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from perfpredict.errors import InvalidInputError
from perfpredict.store.file_checks import resolve_path
from perfpredict.store.postgres_url import SCHEMES, PostgresUrl

LAKE_PREFIX = "ducklake:"
BUCKET_PREFIX = "s3://"
_SQLITE_PREFIX = "sqlite:"
_HINT = (
    "a lake is named like ducklake:lake.ducklake, ducklake:sqlite:lake.sqlite or "
    "ducklake:postgresql://USER@HOST/DATABASE"
)


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A catalog in a file of SQLite."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LakePlace:
    """A DuckLake; as text it shows no password."""

    catalog: Path | SqliteFile | PostgresUrl
    """A file of DuckDB's, one of SQLite's, or a database of PostgreSQL's."""
    data: str | None
    """Folder or s3:// URL of the Parquet files; None where the catalog knows it."""

    def __str__(self) -> str:
        if isinstance(self.catalog, SqliteFile):
            return f"{LAKE_PREFIX}{_SQLITE_PREFIX}{self.catalog.path}"
        return f"{LAKE_PREFIX}{self.catalog}"

    @property
    def catalog_file(self) -> Path | None:
        """The file that holds the catalog, if one does."""
        if isinstance(self.catalog, SqliteFile):
            return self.catalog.path
        return self.catalog if isinstance(self.catalog, Path) else None

    def without_secrets(self, text: str) -> str:
        """Return `text`, which a server or DuckDB wrote, without the password."""
        if isinstance(self.catalog, PostgresUrl):
            return self.catalog.without_secrets(text)
        return text


def parse_lake(text: str, data: str | None = None) -> LakePlace:
    """Return the lake that `text` names, its files in `data`; InvalidInputError for none."""
    if not text.startswith(LAKE_PREFIX):
        raise InvalidInputError(f"--to: '{text}' names no lake", hint=_HINT)
    return LakePlace(
        catalog=_parse_catalog(text.removeprefix(LAKE_PREFIX)),
        data=None if data is None else _parse_data(data),
    )


def _parse_catalog(name: str) -> Path | SqliteFile | PostgresUrl:
    if name.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        return PostgresUrl(name)
    path = name.removeprefix(_SQLITE_PREFIX)
    # DuckLake's own words for a catalog, like 'postgres:dbname=x', may hold a password
    if not path.strip() or ":" in path:
        raise InvalidInputError("--to: this kind of catalog is not known here", hint=_HINT)
    resolved = resolve_path(Path(path))
    return SqliteFile(resolved) if name.startswith(_SQLITE_PREFIX) else resolved


def _parse_data(text: str) -> str:
    if "://" not in text:
        if not text.strip():
            raise InvalidInputError("--data: must be a folder or an s3:// URL, got ''")
        return f"{resolve_path(Path(text))}{os.sep}"
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or parts.username is not None or parts.query:
        raise InvalidInputError(
            "--data: must be a folder or s3://BUCKET/FOLDER",
            hint="credentials belong in the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
        )
    return f"{BUCKET_PREFIX}{parts.netloc}{parts.path.rstrip('/')}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAccess:
    """How to reach buckets; the names of the environment variables are those of AWS's tools."""

    key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(repr=False)
    region: str
    endpoint: str | None
    """Host and port of a server that is not Amazon's."""
    is_encrypted: bool
    """Whether it is spoken to by TLS."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "BucketAccess | None":
        """Return what the environment says, None where it has no credentials."""
        key_id, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not key_id or not secret:
            return None
        url = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.netloc):
            raise InvalidInputError(f"AWS_ENDPOINT_URL: must be an http(s) URL, got '{url}'")
        return cls(
            key_id=key_id,
            secret=secret,
            session_token=environ.get("AWS_SESSION_TOKEN") or None,
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            endpoint=parts.netloc or None,
            is_encrypted=parts.scheme != "http",
        )

    def without_secrets(self, text: str) -> str:
        """Return `text` without the secret key and the token."""
        for secret in (self.secret, self.session_token):
            if secret:
                text = text.replace(secret, "***")
        return text


def no_credentials() -> InvalidInputError:
    """Return the error of an export into a bucket without them."""
    return InvalidInputError(
        "a bucket needs credentials, and the environment has none",
        hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_REGION or "
        "AWS_ENDPOINT_URL where they are needed",
    )
