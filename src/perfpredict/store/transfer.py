"""Parquet folders with all tables of a database, out and in."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from perfpredict.errors import CannotAnswerError, InvalidInputError, StoreUnusableError
from perfpredict.store.drafts import write_whole
from perfpredict.store.file_checks import resolve_path
from perfpredict.store.gateway import Store
from perfpredict.store.merging import TableTransfer, add_missing
from perfpredict.store.migrating import released_migrations
from perfpredict.store.tables import TABLE_KEYS

MANIFEST = "manifest.json"
_FORMAT = "perfpredict-export"


def export_tables(store: Store, folder: Path, *, now: datetime) -> tuple[TableTransfer, ...]:
    """Write one Parquet file per table and a manifest with their sha256 into an empty folder."""
    folder = resolve_path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInputError(f"'{folder}' exists and is not an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _emptied_on_failure(folder):
            files = {table: _export_table(store, table, folder) for table in TABLE_KEYS}
            _write_manifest(folder, files, now)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise StoreUnusableError(f"cannot write into '{folder}': {reason}") from exc
    return tuple(
        TableTransfer(table=table, rows=int(str(entry["rows"])), added=int(str(entry["rows"])))
        for table, entry in files.items()
    )


def import_tables(store: Store, folder: Path) -> tuple[TableTransfer, ...]:
    """Add the rows of an exported folder that are not there yet, all tables or none.

    Raises CannotAnswerError where there is no export, StoreUnusableError where a file changed.
    """
    entries = _read_manifest(folder)
    frames = {table: _read_table(folder, table, entries[table]) for table in TABLE_KEYS}
    return add_missing(store, _Frames(frames), tuple(TABLE_KEYS))


class _Frames:
    """The rows of an exported folder."""

    def __init__(self, frame_by_table: Mapping[str, pl.DataFrame]) -> None:
        self._frame_by_table = frame_by_table

    def columns(self, table: str, names: Sequence[str]) -> pl.DataFrame:
        return self._frame_by_table[table].select(names)

    def by_key(self, table: str, key: str, values: pl.Series) -> pl.DataFrame:
        return self._frame_by_table[table].filter(pl.col(key).is_in(values.implode()))


@contextmanager
def _emptied_on_failure(folder: Path) -> Iterator[None]:
    """Remove the files of an export that did not come to its end: without a manifest it is none."""
    try:
        yield
    except BaseException:
        for table in TABLE_KEYS:
            with suppress(OSError):
                (folder / f"{table}.parquet").unlink(missing_ok=True)
        raise


def _export_table(store: Store, table: str, folder: Path) -> dict[str, object]:
    frame = store.frame(f"select * from {table} order by all")
    path = folder / f"{table}.parquet"
    # a disk that is full is told by an OSError of ours, not by whatever Polars makes of it
    data = io.BytesIO()
    frame.write_parquet(data)
    write_whole(path, data.getvalue())
    return {"file": path.name, "rows": frame.height, "sha256": _sha256(path)}


def _write_manifest(folder: Path, files: Mapping[str, Mapping[str, object]], now: datetime) -> None:
    content = {
        "format": _FORMAT,
        "schema_version": released_migrations()[-1].version,
        "exported_at": now.isoformat(),
        "tables": files,
    }
    write_whole(folder / MANIFEST, (json.dumps(content, indent=2) + "\n").encode())


def _read_manifest(folder: Path) -> Mapping[str, Mapping[str, object]]:
    path = folder / MANIFEST
    if not path.is_file():
        raise CannotAnswerError(
            f"'{folder}' has no {MANIFEST}", hint="'perfpredict db export DIR' writes one"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise StoreUnusableError(f"'{path}' is not the manifest of an export")
        version, tables = int(content["schema_version"]), content["tables"]
        entries = {table: dict(tables[table]) for table in TABLE_KEYS}
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreUnusableError(f"'{path}' cannot be read: {exc}") from exc
    latest = released_migrations()[-1].version
    if version != latest:
        raise StoreUnusableError(
            f"'{folder}' was exported with schema version {version}, this is version {latest}",
            hint="export it again with the same version of perfpredict",
        )
    return entries


def _read_table(folder: Path, table: str, entry: Mapping[str, object]) -> pl.DataFrame:
    # the name is ours and not the manifest's: a manifest must not reach other folders
    path = folder / f"{table}.parquet"
    if not path.is_file() or _sha256(path) != entry.get("sha256"):
        raise StoreUnusableError(f"'{path}' is not the file that was exported")
    try:
        return pl.read_parquet(path)
    except (PolarsError, PanicException, OSError) as exc:
        raise StoreUnusableError(f"'{path}' cannot be read: {exc}") from exc


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
