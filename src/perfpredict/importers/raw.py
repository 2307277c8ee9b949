"""A foreign file as text cells: every value a string, every row with the place it came from."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

FILE = "_file"
ROW = "_row"
"""Line number in text files, row number (from 1) in Parquet."""
PROBLEM = "_problem"
"""What makes the row unusable, null where nothing does."""
TEXT = "_text"
"""The line as it stands, where its cells could not be told apart."""
INDEX = "_index"
"""Place of the row in its table from 0; several rows of a JSON file can share a line."""
PLACE_COLUMNS = (FILE, ROW, PROBLEM, TEXT, INDEX)

UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"


def is_encodable(text: str) -> bool:
    """Return whether `text` has no lone surrogate, which JSON can escape and no file can hold."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """One file's cells as they were written; nothing is parsed yet."""

    name: str
    """File name as shown in messages."""
    frame: pl.DataFrame
    """String columns under the file's own names, and the PLACE_COLUMNS (INDEX from `numbered`)."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that the file gives its columns, in its order."""
        return tuple(name for name in self.frame.columns if name not in PLACE_COLUMNS)

    def numbered(self) -> "RawTable":
        """Return the table with INDEX set to the present order of its rows."""
        frame = self.frame.drop(INDEX, strict=False).with_row_index(INDEX)
        return RawTable(name=self.name, frame=frame)

    def slices(self, rows: int) -> Iterator["RawTable"]:
        """Yield tables of at most `rows` rows; an empty table is one slice."""
        for start in range(0, max(self.frame.height, 1), rows):
            yield RawTable(name=self.name, frame=self.frame.slice(start, rows))


def with_places(
    cells: pl.DataFrame,
    name: str,
    rows: pl.Series,
    problems: pl.Series | None = None,
    texts: pl.Series | None = None,
) -> RawTable:
    """Return `cells` with file name, row number and, where there are any, problems beside them."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, cells.height)
    frame = cells.with_columns(
        pl.lit(name).alias(FILE),
        rows.cast(pl.Int64).alias(ROW),
        (nothing if problems is None else problems.cast(pl.String)).alias(PROBLEM),
        (nothing if texts is None else texts.cast(pl.String)).alias(TEXT),
    )
    return RawTable(name=name, frame=frame)
