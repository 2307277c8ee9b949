"""Reads CSV and TSV as text cells, with the line every record begins on."""

import io

import polars as pl
from polars.exceptions import PolarsError

from perfpredict.errors import InvalidInputError
from perfpredict.importers.encoding import decode
from perfpredict.importers.raw import PLACE_COLUMNS, RawTable, with_places

_SEPARATORS = ",;\t|"
_SLICE_RECORDS = 200_000
"""Records split into cells at a time, which bounds the copies of the text."""
_NO_SEPARATOR = "\x01"
"""A control character, so that a whole line is read as one cell."""


def read_delimited(
    name: str, data: bytes, *, separator: str | None = None, encoding: str | None = None
) -> RawTable:
    """Return the cells of a delimited file whose first line names the columns.

    Without `separator` the header decides. Records with more or fewer cells than the header stay
    in the table with a problem. Raises InvalidInputError for a file that is no such table.
    """
    text = decode(name, data, encoding)
    records = _records(name, text)
    if records.is_empty():
        raise InvalidInputError(f"{name}: the file is empty")
    header_line, header = records.row(0)
    mark = separator or _guess_separator(header)
    columns = _header_cells(name, header_line, header, mark)
    body = records.slice(1).with_columns(_problem(mark, len(columns)).alias("problem"))
    usable = body.filter(pl.col("problem").is_null())
    cells = _cells(name, usable["text"], mark, columns)
    good = with_places(cells, name, usable["line"])
    bad = body.filter(pl.col("problem").is_not_null())
    if bad.is_empty():
        return good
    empty = pl.DataFrame({column: [None] * bad.height for column in columns}).cast(pl.String)
    broken = with_places(empty, name, bad["line"], bad["problem"], bad["text"])
    return RawTable(name=name, frame=pl.concat([good.frame, broken.frame]).sort("_row"))


def _records(name: str, text: str) -> pl.DataFrame:
    """Return (line, text) of every record that is not blank; quoted cells may hold line ends."""
    lines = _lines(name, text)
    quotes = lines["text"].str.count_matches('"', literal=True).cast(pl.Int64)
    if quotes.sum() == 0:
        return _without_blank(lines)
    before = quotes.cum_sum() - quotes
    starts = before % 2 == 0
    if int(quotes.sum()) % 2:
        line = lines.filter(starts & (quotes % 2 == 1))["line"].to_list()[-1]
        raise InvalidInputError(f"{name}:{line}: a quote is opened and never closed")
    if starts.all():
        return _without_blank(lines)
    numbered = lines.with_columns(starts.cast(pl.Int64).cum_sum().alias("record"))
    joined = numbered.group_by("record", maintain_order=True).agg(
        pl.col("line").first(), pl.col("text").str.join("\n")
    )
    return _without_blank(joined.select("line", "text"))


def _lines(name: str, text: str) -> pl.DataFrame:
    if _NO_SEPARATOR in text:
        line = text.count("\n", 0, text.index(_NO_SEPARATOR)) + 1
        raise InvalidInputError(f"{name}:{line}: not a text file (it has control characters)")
    if not text.strip():
        return pl.DataFrame(schema={"line": pl.Int64, "text": pl.String})
    frame = pl.read_csv(
        io.BytesIO(text.encode()),
        has_header=False,
        separator=_NO_SEPARATOR,
        quote_char=None,
        infer_schema=False,
    )
    frame.columns = ["text"]
    numbered = frame.fill_null("").with_row_index("line", offset=1)
    return numbered.with_columns(pl.col("line").cast(pl.Int64))


def _without_blank(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the records that hold more than blanks and separators."""
    return lines.filter(pl.col("text").str.contains(r'[^\s,;|"]'))


def _guess_separator(header: str) -> str:
    counts = {mark: _bare(header).count(mark) for mark in _SEPARATORS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _bare(text: str) -> str:
    """Return `text` without its quoted parts."""
    return "".join(text.split('"')[::2])


def _header_cells(name: str, line: int, header: str, mark: str) -> list[str]:
    frame = _read(name, header, mark, has_header=False)
    cells = [str(cell or "").strip() for cell in frame.row(0)]
    if cells and not cells[-1]:
        # spreadsheets leave a separator at the end of every line
        cells[-1] = f"column {len(cells)}"
    for place, cell in enumerate(cells, start=1):
        if not cell:
            raise InvalidInputError(f"{name}:{line}: column {place} has no name")
        if cell in cells[: place - 1]:
            raise InvalidInputError(f"{name}:{line}: two columns are named '{cell}'")
        if cell in PLACE_COLUMNS:
            raise InvalidInputError(
                f"{name}:{line}: a column is named '{cell}', which is kept for rejected rows",
                hint="remove the columns that begin with '_' from the file",
            )
    return cells


def _problem(mark: str, expected: int) -> pl.Expr:
    bare = pl.col("text").str.replace_all(r'"[^"]*"', "")
    found = bare.str.count_matches(mark, literal=True) + 1
    told = pl.format("{} cells where the header has {}", found, pl.lit(expected))
    return pl.when(found != expected).then(told)


def _cells(name: str, records: pl.Series, mark: str, columns: list[str]) -> pl.DataFrame:
    if records.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    frames = []
    for start in range(0, records.len(), _SLICE_RECORDS):
        part = records.slice(start, _SLICE_RECORDS)
        frame = _read(name, part.str.join("\n").item(), mark, has_header=False)
        if frame.shape != (part.len(), len(columns)):
            raise InvalidInputError(f"{name}: quotes stand where no cell begins or ends")
        frame.columns = columns
        frames.append(frame)
    return pl.concat(frames, rechunk=False)


def _read(name: str, text: str, mark: str, *, has_header: bool) -> pl.DataFrame:
    try:
        return pl.read_csv(
            io.BytesIO(text.encode()), separator=mark, has_header=has_header, infer_schema=False
        )
    except PolarsError as exc:
        raise InvalidInputError(f"{name}: not a delimited table ({_first_line(exc)})") from exc


def _first_line(exc: Exception) -> str:
    return str(exc).splitlines()[0][:200]
