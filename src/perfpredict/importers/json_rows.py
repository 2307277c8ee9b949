"""Reads JSON (one array of flat objects, or one object) and JSON lines as text cells."""

import json
from collections.abc import Iterable, Iterator

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.importers.encoding import decode
from perfpredict.importers.raw import RawTable, is_encodable, with_places

_CHUNK_ROWS = 50_000
_WHITE = " \t\r\n"

Cells = dict[str, str | None]
Numbered = tuple[int, Cells, str | None]
"""Line, cells, problem."""


class _DuplicateKeyError(ValueError):
    """One object gives the same key twice."""


def read_json(name: str, data: bytes, *, encoding: str | None = None) -> RawTable:
    """Return the objects of a JSON array, each with the line it begins on."""
    text = decode(name, data, encoding)
    start = _skip_white(text, 0)
    if start == len(text):
        raise InvalidInputError(f"{name}: the file is empty")
    if text[start] == "[":
        return _table(name, _array_rows(name, text, start))
    if text[start] == "{":
        # several objects one after another are JSON lines, whatever the file is called
        return _table(name, _following_rows(name, text, start))
    raise InvalidInputError(f"{name}:1: an array of objects is needed, not a single value")


def read_json_lines(name: str, data: bytes, *, encoding: str | None = None) -> RawTable:
    """Return one row a line; a line that is no object stays in the table with a problem."""
    text = decode(name, data, encoding)
    if not text.strip():
        raise InvalidInputError(f"{name}: the file is empty")
    return _table(name, _line_rows(text))


def _line_rows(text: str) -> Iterator[Numbered]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _DECODER.decode(line.strip())
        except (ValueError, RecursionError) as exc:
            yield number, {}, _told(exc)
            continue
        yield (number, *_cells(value))


def _array_rows(name: str, text: str, start: int) -> Iterator[Numbered]:
    position, line = start + 1, text.count("\n", 0, start) + 1
    counted = start
    position = _skip_white(text, position)
    while position < len(text) and text[position] != "]":
        line += text.count("\n", counted, position)
        counted = position
        value, position = _decode_at(name, text, position, line)
        yield (line, *_cells(value))
        position = _skip_white(text, position)
        if position < len(text) and text[position] == ",":
            position = _skip_white(text, position + 1)
        elif position < len(text) and text[position] != "]":
            raise _broken(name, text, position, "a comma is missing")
    if position >= len(text):
        raise _broken(name, text, position, "the file ends inside the array")
    rest = _skip_white(text, position + 1)
    if rest < len(text):
        raise _broken(name, text, rest, "text follows the array")


def _following_rows(name: str, text: str, start: int) -> Iterator[Numbered]:
    position, counted, line = start, 0, 1
    while position < len(text):
        line += text.count("\n", counted, position)
        counted = position
        value, position = _decode_at(name, text, position, line)
        yield (line, *_cells(value))
        position = _skip_white(text, position)


def _decode_at(name: str, text: str, position: int, line: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as exc:
        raise _broken(name, text, exc.pos, exc.msg.lower()) from exc
    except (_DuplicateKeyError, RecursionError) as exc:
        raise InvalidInputError(f"{name}:{line}: {_told(exc)}") from exc


def _broken(name: str, text: str, position: int, what: str) -> InvalidInputError:
    line = text.count("\n", 0, position) + 1
    return InvalidInputError(f"{name}:{line}: not valid JSON: {what}")


def _told(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "values are nested too deeply"
    if isinstance(exc, json.JSONDecodeError):
        return f"not valid JSON: {exc.msg.lower()}"
    return str(exc)


def _cells(value: object) -> tuple[Cells, str | None]:
    if not isinstance(value, dict):
        return {}, "not an object with named values"
    cells = {str(key): _cell(item) for key, item in value.items()}
    broken = [
        key
        for key, text in cells.items()
        if not (is_encodable(key) and (text is None or is_encodable(text)))
    ]
    if not broken:
        return cells, None
    whole = {
        key: None if key in broken else text for key, text in cells.items() if is_encodable(key)
    }
    return whole, f"{broken[0]!a}: is not valid Unicode text"


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # shows up as text that is no number, and so as an error that names it
    return "{…}" if isinstance(value, dict) else "[…]"


def _table(name: str, rows: Iterable[Numbered]) -> RawTable:
    chunks: list[pl.DataFrame] = []
    lines: list[int] = []
    problems: list[str | None] = []
    pending: list[Cells] = []
    for line, cells, problem in rows:
        lines.append(line)
        problems.append(problem)
        pending.append(cells)
        if len(pending) == _CHUNK_ROWS:
            chunks.append(_frame(pending))
            pending = []
    if pending:
        chunks.append(_frame(pending))
    cells_frame = pl.concat(chunks, how="diagonal") if chunks else pl.DataFrame()
    return with_places(
        cells_frame,
        name,
        pl.Series(lines, dtype=pl.Int64),
        pl.Series(problems, dtype=pl.String),
    )


def _frame(rows: list[Cells]) -> pl.DataFrame:
    keys = dict.fromkeys(key for row in rows for key in row)
    if not keys:
        return pl.DataFrame({"": [None] * len(rows)}, schema={"": pl.String})
    return pl.DataFrame(
        {key: [row.get(key) for row in rows] for key in keys}, schema=dict.fromkeys(keys, pl.String)
    )


def _skip_white(text: str, position: int) -> int:
    while position < len(text) and text[position] in _WHITE:
        position += 1
    return position


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise _DuplicateKeyError(f"the key '{twice}' is given twice")
    return found


# numbers stay as they are written: 400 digits, NaN and 1e999 are refused where they are checked
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=str
)
