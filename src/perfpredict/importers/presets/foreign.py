"""A result file of a benchmark tool as text, and its records with the line each begins on."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from perfpredict.errors import InvalidInputError
from perfpredict.importers.delimited import read_delimited
from perfpredict.importers.raw import PLACE_COLUMNS, PROBLEM, ROW

Json = Mapping[str, object]

_WHITE = " \t\r\n"
_HEADER_MARKS = re.compile(r"[,;\t]")
# numbers stay as they are written, so that a bad one is shown as it stands
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One object or line of a foreign file."""

    line: int
    values: Json
    problem: str | None = None
    """Why it could not be read, if it could not."""
    start: int = 0
    """Place of its first character in the text, for JSON."""


@dataclass(frozen=True, kw_only=True)
class ForeignFile:
    """The text of a file, looked at by presets until one knows it."""

    name: str
    text: str

    @cached_property
    def first(self) -> Json:
        """The first JSON object; empty where the file holds none."""
        start = _skip(self.text, 0)
        if self.text[start : start + 1] == "[":
            start = _skip(self.text, start + 1)
        if self.text[start : start + 1] != "{":
            return {}
        try:
            value, _ = _DECODER.raw_decode(self.text, start)
        except (json.JSONDecodeError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def header(self) -> frozenset[str]:
        """The cells of the first line, quotes and blanks taken off."""
        line = self.text[:100_000].lstrip().partition("\n")[0]
        return frozenset(cell.strip().strip('"') for cell in _HEADER_MARKS.split(line))

    @property
    def is_json(self) -> bool:
        """Whether the text begins as JSON does."""
        return self.text[_skip(self.text, 0) :][:1] in ("{", "[")

    def documents(self) -> Iterator[Record]:
        """Yield the objects of an array, one object, or one a line.

        A broken line among lines is a record with a problem; any other broken JSON raises
        InvalidInputError naming file and line.
        """
        start = _skip(self.text, 0)
        if self.text[start : start + 1] == "[":
            yield from self._elements(start)
        elif self._is_lines(start):
            yield from self._lines()
        else:
            value, end = self._decode(start)
            rest = _skip(self.text, end)
            if rest < len(self.text):
                raise InvalidInputError(f"{self._place(rest)}: text follows the object")
            yield _record(self._line(start), value, start)

    def children(self, parent: Record, key: str) -> Iterator[Record]:
        """Yield the objects of the array `key` of a document that was read."""
        if not isinstance(parent.values.get(key), list):
            return
        place = _skip(self.text, parent.start + 1)
        while self.text[place] != "}":
            name, place = self._decode(place)
            place = _skip(self.text, _skip(self.text, place) + 1)
            if name == key:
                yield from self._elements(place)
                return
            _, place = self._decode(place)
            place = _skip(self.text, place)
            if self.text[place] == ",":
                place = _skip(self.text, place + 1)

    def rows(self) -> Iterator[Record]:
        """Yield the rows of a delimited file by column name."""
        table = read_delimited(self.name, self.text.encode())
        for row in table.frame.iter_rows(named=True):
            values = {key: cell for key, cell in row.items() if key not in PLACE_COLUMNS}
            yield Record(line=row[ROW], values=values, problem=row[PROBLEM])

    def _elements(self, start: int) -> Iterator[Record]:
        place = _skip(self.text, start + 1)
        while self.text[place : place + 1] != "]":
            begin = place
            value, place = self._decode(place)
            yield _record(self._line(begin), value, begin)
            place = _skip(self.text, place)
            if self.text[place : place + 1] == ",":
                place = _skip(self.text, place + 1)
            elif self.text[place : place + 1] != "]":
                raise InvalidInputError(f"{self._place(place)}: not valid JSON: the array ends not")

    def _is_lines(self, start: int) -> bool:
        line = self.text[start:].partition("\n")[0]
        try:
            return isinstance(_DECODER.decode(line.strip()), dict)
        except (json.JSONDecodeError, RecursionError):
            return False

    def _lines(self) -> Iterator[Record]:
        begin = 0
        for number, line in enumerate(self.text.split("\n"), start=1):
            if line.strip():
                try:
                    yield _record(number, _DECODER.decode(line.strip()), _skip(self.text, begin))
                except json.JSONDecodeError as exc:
                    told = f"not valid JSON: {exc.msg.lower()}"
                    yield Record(line=number, values={}, problem=told)
                except RecursionError:
                    told = "values are nested too deeply"
                    yield Record(line=number, values={}, problem=told)
            begin += len(line) + 1

    def _decode(self, place: int) -> tuple[object, int]:
        try:
            return _DECODER.raw_decode(self.text, place)
        except json.JSONDecodeError as exc:
            told = f"{self._place(exc.pos)}: not valid JSON: {exc.msg.lower()}"
            raise InvalidInputError(told) from exc
        except RecursionError as exc:
            told = f"{self._place(place)}: values are nested too deeply"
            raise InvalidInputError(told) from exc

    def _line(self, place: int) -> int:
        return self.text.count("\n", 0, place) + 1

    def _place(self, place: int) -> str:
        return f"{self.name}:{self._line(place)}"


def _record(line: int, value: object, start: int) -> Record:
    if not isinstance(value, dict):
        return Record(line=line, values={}, problem="not an object with named values")
    return Record(line=line, values=value, start=start)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _WHITE:
        place += 1
    return place
