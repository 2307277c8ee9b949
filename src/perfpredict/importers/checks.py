"""Turns text cells into values, column by column, and says of each refused cell why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from perfpredict.errors import PerfpredictError
from perfpredict.importers.raw import UNPRINTABLE

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"^(?i)[+-]?(nan|inf|infinity)$"
_DECIMAL_COMMA = r"^[+-]?[0-9]+,[0-9]+$"
_SMALLEST = 1e-300
"""Below it, ratios of the values overflow."""
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Expressions for one field: its value, and what is wrong with the cell (null if nothing)."""

    value: pl.Expr
    problem: pl.Expr


def cell(column: str) -> pl.Expr:
    """Return the trimmed text of a column, null where it is empty."""
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text)


def parse_number(
    field: str, column: str, *, allow_zero: bool = False, decimal_comma: bool = False
) -> Parsed:
    """Return a finite number above 0 (or at least 0)."""
    text = _with_point(cell(column)) if decimal_comma else cell(column)
    is_number = text.str.contains(_NUMBER)
    value = pl.when(is_number).then(text).cast(pl.Float64, strict=False)
    too_low = (value < 0) if allow_zero else (value <= 0)
    lowest = "at least 0" if allow_zero else "above 0"
    unusable = value.is_infinite() | ((value > 0) & (value < _SMALLEST))
    problem = (
        pl.when(text.is_null()).then(None)
        .when(text.str.contains(_NOT_FINITE) | unusable)
        .then(_told(field, text, f"must be a finite number {lowest}, got {{}}"))
        .when(text.str.contains(_DECIMAL_COMMA))
        .then(_told(field, text, 'not a number (got "{}": with a decimal comma, say --decimal ,)'))
        .when(~is_number).then(_told(field, text, 'not a number (got "{}")'))
        .when(too_low).then(_told(field, text, f"must be {lowest}, got {{}}"))
    )  # fmt: skip
    return Parsed(value=value, problem=problem)


def parse_whole(field: str, column: str, *, highest: int, lowest: int = 1) -> Parsed:
    """Return a whole number from `lowest` to `highest`; `8.0` is one."""
    text = cell(column)
    is_number = text.str.contains(_NUMBER)
    number = pl.when(is_number).then(text).cast(pl.Float64, strict=False)
    is_whole = is_number & (number.floor() == number) & number.is_between(lowest, highest)
    wanted = f"must be a whole number from {lowest} to {highest}, got {{}}"
    return Parsed(
        value=pl.when(is_whole).then(number).cast(pl.Int64),
        problem=pl.when(text.is_not_null() & ~is_whole).then(_told(field, text, wanted)),
    )


def parse_flag(field: str, column: str) -> Parsed:
    """Return True or False; a compiler's name is True and `eager` False."""
    text = cell(column).str.to_lowercase()
    is_true = text.is_in(["true", "yes", "1", "1.0", "on", "compiled", "dynamo", "inductor"])
    is_false = text.is_in(["false", "no", "0", "0.0", "off", "eager", "none"])
    return Parsed(
        value=pl.when(is_true).then(True).when(is_false).then(False),
        problem=pl.when(text.is_not_null() & ~is_true & ~is_false).then(
            _told(field, text, 'must be true or false (got "{}")')
        ),
    )


def parse_text(field: str, column: str, *, longest: int) -> Parsed:
    """Return free text of at most `longest` characters."""
    text = cell(column)
    is_short = text.str.len_chars() <= longest
    return Parsed(
        value=pl.when(is_short).then(text),
        problem=pl.when(~is_short).then(pl.lit(f"{field}: longer than {longest} characters")),
    )


def required(field: str, column: str, problem: pl.Expr) -> pl.Expr:
    """Return `problem`, and where the cell is empty, that it must not be."""
    return pl.when(cell(column).is_null()).then(pl.lit(f"{field}: is missing")).otherwise(problem)


def parse_distinct(
    frame: pl.DataFrame,
    field: str,
    column: str,
    parse: Callable[[str], tuple[object, ...]],
    schema: Mapping[str, pl.DataType],
) -> pl.DataFrame:
    """Return `frame` with the columns of `schema`, parsed once for every distinct cell.

    `parse` returns one value a column, or raises a PerfpredictError, whose message then stands in
    the column `{field}_problem`.
    """
    texts = frame.select(cell(column).alias("_cell")).to_series().unique().drop_nulls().to_list()
    rows: list[tuple[object, ...]] = []
    for text in texts:
        try:
            rows.append((text, *parse(text), None))
        except PerfpredictError as error:
            rows.append((text, *(None for _ in schema), _one_line(field, error)))
    lookup_schema: dict[str, pl.DataType] = {
        "_cell": pl.String(),
        **schema,
        f"{field}_problem": pl.String(),
    }
    lookup = pl.DataFrame(rows, schema=lookup_schema, orient="row")
    keyed = frame.with_columns(cell(column).alias("_cell"))
    return keyed.join(lookup, on="_cell", how="left", maintain_order="left").drop("_cell")


def _one_line(field: str, error: PerfpredictError) -> str:
    message = error.message if error.message.startswith(field) else f"{field}: {error.message}"
    guess = (error.hint or "").split("?")[0]
    return f"{message} ({guess}?)" if guess.startswith("did you mean") else message


def _with_point(text: pl.Expr) -> pl.Expr:
    is_grouped = text.str.contains(r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$")
    ungrouped = (
        pl.when(is_grouped).then(text.str.replace_all(".", "", literal=True)).otherwise(text)
    )
    return ungrouped.str.replace(",", ".", literal=True)


def _told(field: str, text: pl.Expr, pattern: str) -> pl.Expr:
    shown = text.str.replace_all(UNPRINTABLE, "·").str.slice(0, _SHOWN_CHARACTERS)
    return pl.format(f"{field}: {pattern}", shown)
