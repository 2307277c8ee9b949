"""Measurements as bytes of a file, in the formats that the importer reads."""

import io
import json
from pathlib import Path

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.importers.options import FileFormat

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"


def export_format(output: Path | None, requested: str) -> FileFormat:
    """Return the format asked for, else the one of the file's name, else CSV.

    Raises InvalidInputError for a format that the importer would not read.
    """
    formats = {one.value for one in FileFormat}
    if requested in formats:
        return FileFormat(requested)
    if requested not in {"auto", "plain"}:
        raise InvalidInputError(
            f"--format: measurements are not exported as {requested}",
            hint=f"one of {', '.join(sorted(formats))}",
        )
    suffix = output.suffix.removeprefix(".").casefold() if output else ""
    return FileFormat(suffix) if suffix in formats else FileFormat.CSV


def encode(frame: pl.DataFrame, chosen: FileFormat) -> bytes:
    """Return the rows in full precision; times in UTC."""
    out = io.BytesIO()
    if chosen is FileFormat.PARQUET:
        frame.write_parquet(out)
        return out.getvalue()
    text = frame.with_columns(pl.col("measured_at").dt.to_string(_TIME_FORMAT))
    match chosen:
        case FileFormat.CSV:
            text.write_csv(out)
        case FileFormat.TSV:
            text.write_csv(out, separator="\t")
        case FileFormat.JSONL:
            text.write_ndjson(out)
        case FileFormat.JSON:
            rows = json.dumps(text.to_dicts(), indent=1, ensure_ascii=False, allow_nan=False)
            out.write(f"{rows}\n".encode())
    return out.getvalue()
