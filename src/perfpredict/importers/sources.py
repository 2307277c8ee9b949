"""Finds the files that are meant and reads their bytes."""

import glob
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.importers.delimited import read_delimited
from perfpredict.importers.json_rows import read_json, read_json_lines
from perfpredict.importers.options import FileFormat, Preset, ReadOptions
from perfpredict.importers.parquet import read_parquet
from perfpredict.importers.presets.reading import read_foreign
from perfpredict.importers.raw import RawTable

STDIN = "-"

_SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".txt": FileFormat.CSV,
    ".tsv": FileFormat.TSV,
    ".json": FileFormat.JSON,
    ".jsonl": FileFormat.JSONL,
    ".ndjson": FileFormat.JSONL,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file, read."""

    name: str
    sha256: str
    table: RawTable
    preset: Preset | None = None
    """The benchmark tool whose file it is, if one is known; then the columns are our fields."""


def find_files(patterns: Sequence[str]) -> list[str]:
    """Return the paths that `patterns` name, each once, in order; `-` is standard input.

    Raises CannotAnswerError where nothing matches, InvalidInputError for a directory.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if not pattern:
            raise InvalidInputError("the name of a file is empty")
        # unlike Path.exists, it says no to a name that no file can have
        if pattern == STDIN or os.path.exists(pattern):  # noqa: PTH110
            matches = [pattern]
        else:
            matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute too
        if not matches:
            raise CannotAnswerError(f"no file matches '{pattern}'")
        found |= dict.fromkeys(matches)
    for path in found:
        if path != STDIN and Path(path).is_dir():
            raise InvalidInputError(
                f"'{path}' is a directory", hint=f"name its files, e.g. '{path}/*.csv'"
            )
    return list(found)


def read_file(path: str, input_format: FileFormat | None, encoding: str | None) -> SourceFile:
    """Return one file's cells; raises InvalidInputError for what cannot be read as its format."""
    chosen = input_format or _format_of(path)
    name, data = _read(path)
    return _as_table(name, data, chosen, encoding)


def read_results(path: str, options: ReadOptions) -> SourceFile:
    """Return the cells of a file of measurements, which may be that of a benchmark tool.

    Where columns are mapped, they are the user's, and no tool's file is looked for.
    """
    if options.mapping and options.preset is None:
        return read_file(path, options.input_format, options.encoding)
    name, data = _read(path)
    found = read_foreign(name, data, options.encoding, options.preset, options.defaults)
    if found is None:
        chosen = options.input_format or _format_of(path)
        return _as_table(name, data, chosen, options.encoding)
    sha256 = hashlib.sha256(data).hexdigest()
    return SourceFile(name=name, sha256=sha256, table=found.table, preset=found.preset)


def _read(path: str) -> tuple[str, bytes]:
    return ("stdin", _stdin()) if path == STDIN else (Path(path).name, _bytes(path))


def _as_table(name: str, data: bytes, chosen: FileFormat, encoding: str | None) -> SourceFile:
    return SourceFile(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        table=_parse(name, data, chosen, encoding),
    )


def _parse(name: str, data: bytes, chosen: FileFormat, encoding: str | None) -> RawTable:
    match chosen:
        case FileFormat.CSV:
            return read_delimited(name, data, encoding=encoding)
        case FileFormat.TSV:
            return read_delimited(name, data, separator="\t", encoding=encoding)
        case FileFormat.JSON:
            return read_json(name, data, encoding=encoding)
        case FileFormat.JSONL:
            return read_json_lines(name, data, encoding=encoding)
        case FileFormat.PARQUET:
            return read_parquet(name, data)


def _format_of(path: str) -> FileFormat:
    if path == STDIN:
        raise InvalidInputError(
            "standard input has no name to tell its format by", hint="add --input-format csv"
        )
    suffix = Path(path).suffix.casefold()
    if suffix not in _SUFFIXES:
        raise InvalidInputError(
            f"'{path}': the format of a '{suffix or 'nameless'}' file is not known",
            hint=f"say it with --input-format {'|'.join(FileFormat)}",
        )
    return _SUFFIXES[suffix]


def _bytes(path: str) -> bytes:
    place = Path(path)
    if place.is_block_device() or place.is_char_device() or place.is_socket():
        raise InvalidInputError(f"'{path}' is a device and not a file")
    try:
        return place.read_bytes()
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInputError(f"'{path}': cannot be read: {reason}") from exc


def _stdin() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidInputError("standard input is closed")
    if sys.stdin.isatty():
        raise InvalidInputError(
            "standard input is a terminal", hint="pipe the rows in, or name a file"
        )
    return sys.stdin.buffer.read()
