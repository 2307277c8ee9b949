"""What a command answers: named columns and rows of plain values, before any formatting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    import polars as pl

JsonValue: TypeAlias = (
    "str | int | float | bool | datetime | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
Row: TypeAlias = Mapping[str, JsonValue]


class OutputFormat(StrEnum):
    """How a report is written; `auto` is `table` on a terminal and `plain` elsewhere."""

    AUTO = "auto"
    TABLE = "table"
    PLAIN = "plain"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    MARKDOWN = "markdown"


class ColumnKind(StrEnum):
    """What a column's values are, which decides how tables show them."""

    TEXT = "text"
    ID = "id"
    """Name or identifier: never cut or wrapped."""
    COUNT = "count"
    NUMBER = "number"
    PERCENT = "percent"
    """A fraction inside, shown in percent."""
    MS = "ms"
    MIB = "mib"
    RATE = "rate"
    """Per second."""
    TIME = "time"
    """An aware datetime."""
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; the key is what JSON and CSV call it, unit included."""

    key: str
    title: str = ""
    """Heading in tables; the key where empty."""
    kind: ColumnKind = ColumnKind.TEXT
    priority: int = 1
    """Narrow terminals leave out the columns with the highest numbers; 0 always stays."""

    @property
    def heading(self) -> str:
        return self.title or self.key

    @property
    def is_numeric(self) -> bool:
        return self.kind in _NUMERIC


_NUMERIC = {
    ColumnKind.COUNT, ColumnKind.NUMBER, ColumnKind.PERCENT,
    ColumnKind.MS, ColumnKind.MIB, ColumnKind.RATE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """A bar that tables on a terminal draw for each row; no other format has it.

    With bounds it spans them on a logarithmic scale that all rows share, and marks the value and
    what was measured; without, it grows from 0 with the value, and a value of `full` fills it.
    """

    heading: str
    value_key: str
    after: str
    """Key of the column that it stands after."""
    lower_key: str = ""
    upper_key: str = ""
    measured_key: str = ""
    is_relative: bool = False
    """Whether rows are drawn over their value, so that unlike units share the scale."""
    full: float | None = None
    """None: the largest value of all rows."""
    priority: int = 1
    colored_as: str = ""
    """Key of the column whose colour it takes."""


@dataclass(frozen=True, slots=True)
class Style:
    """What a plot is drawn with."""

    width: int = 80
    """Terminal columns."""
    color: bool = False
    ascii_only: bool = False

    def sign(self, unicode_sign: str, ascii_sign: str) -> str:
        """Return the sign that the terminal can show."""
        return ascii_sign if self.ascii_only else unicode_sign


class Figure(Protocol):
    """A plot made of characters."""

    def draw(self, style: Style) -> str:
        """Return lines of text, each with its newline."""


@dataclass(frozen=True, slots=True)
class Report:
    """A list of rows, or one object where `is_single`.

    JSON writes a list as an array of objects, a single one as an object with `extra` merged in,
    and a list with a `rows_key` as the object `extra` that holds the array under that key.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    is_single: bool = False
    title: str = ""
    notes: Sequence[str] = ()
    """Written to standard error as `note: …`."""
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    rows_key: str = ""
    has_column_choice: bool = False
    """Whether the command takes `--columns`."""
    drawings: Sequence[Drawing] = ()
    shown: "Sequence[Report]" = ()
    """What people are shown in place of the rows, one table after the other; programs get rows."""
    figures: "Sequence[Figure]" = ()
    """Plots that people are shown below the table."""

    def with_columns(self, keys: Sequence[str]) -> "Report":
        """Return the report with only the columns `keys`, in that order; none is dropped."""
        by_key = {column.key: column for column in self.columns}
        chosen = [replace(by_key[self._known(key, "--columns")], priority=0) for key in keys]
        return replace(self, columns=chosen)

    def sorted_by(self, key: str) -> "Report":
        """Return the rows in ascending order of `key` (descending for `-key`), nulls last."""
        is_descending = key.startswith("-")
        name = self._known(key.removeprefix("-"), "--sort")
        present = [row for row in self.rows if row.get(name) is not None]
        absent = [row for row in self.rows if row.get(name) is None]
        present.sort(key=lambda row: _sort_key(row[name]), reverse=is_descending)
        return replace(self, rows=[*present, *absent])

    def first(self, limit: int) -> "Report":
        """Return the report with at most `limit` rows."""
        return replace(self, rows=self.rows[:limit])

    def _known(self, key: str, option: str) -> str:
        keys = [column.key for column in self.columns]
        if key in keys:
            return key
        near = get_close_matches(key, keys, 3)
        raise InvalidInputError(
            f"{option}: no column named '{key}'",
            hint=f"did you mean {' or '.join(near)}?" if near else f"columns: {', '.join(keys)}",
        )


def _sort_key(value: JsonValue) -> tuple[int, float, str]:
    if isinstance(value, datetime):
        return (0, value.timestamp(), "")
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def report_from_frame(
    name: str,
    frame: "pl.DataFrame",
    columns: Sequence[Column] | None = None,
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> Report:
    """Return the rows of `frame`; without `columns`, kinds follow from names and types."""
    if columns is None:
        columns = [Column(key, kind=_kind_of(key, str(frame[key].dtype))) for key in frame.columns]
    return Report(name, tuple(columns), frame.to_dicts(), title=title, notes=tuple(notes))


_KIND_BY_SUFFIX = {
    "_id": ColumnKind.ID,
    "_ms": ColumnKind.MS,
    "_mib": ColumnKind.MIB,
    "_per_s": ColumnKind.RATE,
    "_rate": ColumnKind.PERCENT,
    "rel_error": ColumnKind.PERCENT,
    "share": ColumnKind.PERCENT,
    "coverage": ColumnKind.PERCENT,
}


def _kind_of(key: str, dtype: str) -> ColumnKind:
    if dtype == "Boolean":
        return ColumnKind.FLAG
    if dtype.startswith("Datetime"):
        return ColumnKind.TIME
    for suffix, kind in _KIND_BY_SUFFIX.items():
        if key.endswith(suffix) and (kind is ColumnKind.ID or dtype.startswith("Float")):
            return kind
    if dtype.startswith(("Int", "UInt")):
        return ColumnKind.COUNT
    return ColumnKind.NUMBER if dtype.startswith(("Float", "Decimal")) else ColumnKind.TEXT
