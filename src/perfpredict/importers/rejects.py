"""Writes the rows that were refused, so that they can be mended and imported again."""

from pathlib import Path

import polars as pl

from perfpredict.catalog.written_files import write_atomically
from perfpredict.importers.raw import TEXT


def write_rejects(path: Path, bad: pl.DataFrame) -> None:
    """Write the bad rows as CSV: their own cells, and file, row and reason in `_` columns.

    The file appears whole or not at all.
    """
    texts = bad if bad[TEXT].null_count() < bad.height else bad.drop(TEXT)
    write_atomically(path, texts.write_csv().encode())
