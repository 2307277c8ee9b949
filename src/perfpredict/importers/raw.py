"""A foreign file as text cells: every value a string, every row with the place it came from."""

from dataclasses import dataclass

import polars as pl

FILE = "_file"
ROW = "_row"
"""Line number in text files, row number (from 1) in Parquet."""
PROBLEM = "_problem"
"""What makes the row unusable, null where nothing does."""
TEXT = "_text"
"""The line as it stands, where its cells could not be told apart."""
PLACE_COLUMNS = (FILE, ROW, PROBLEM, TEXT)

UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """One file's cells as they were written; nothing is parsed yet."""

    name: str
    """File name as shown in messages."""
    frame: pl.DataFrame
    """String columns under the file's own names, and the PLACE_COLUMNS."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that the file gives its columns, in its order."""
        return tuple(name for name in self.frame.columns if name not in PLACE_COLUMNS)


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
