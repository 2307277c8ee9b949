"""Reads Parquet as text cells; the numbers keep every digit."""

import io

import polars as pl
from polars.exceptions import PanicException, PolarsError

from perfpredict.errors import InvalidInputError
from perfpredict.importers.raw import PLACE_COLUMNS, RawTable, with_places


def read_parquet(name: str, data: bytes) -> RawTable:
    """Return the rows of a Parquet file, numbered from 1; raises InvalidInputError naming it."""
    try:
        frame = pl.read_parquet(io.BytesIO(data))
        cells = frame.select(
            _as_text(column, dtype).alias(column) for column, dtype in frame.schema.items()
        )
    # its reader panics on some damaged files
    except (PolarsError, PanicException) as exc:
        raise InvalidInputError(f"{name}: not a readable Parquet file ({_short(exc)})") from exc
    for column in cells.columns:
        if column in PLACE_COLUMNS:
            raise InvalidInputError(f"{name}: a column is named '{column}', which is kept for us")
    return with_places(cells, name, pl.int_range(1, cells.height + 1, eager=True))


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    values = pl.col(column)
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        # shows up as text that is no number, and so as an error that names it
        return pl.when(values.is_not_null()).then(pl.lit("[…]"))
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            return values.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
        return values.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    if isinstance(dtype, pl.Binary | pl.Object):
        return pl.when(values.is_not_null()).then(pl.lit("<binary>"))
    return values.cast(pl.String)


def _short(exc: Exception) -> str:
    return str(exc).splitlines()[0][:200]
