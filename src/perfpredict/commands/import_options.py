"""Options of commands that read files of measurements."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import parsing
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perfpredict.catalog.devices import DeviceCatalog
    from perfpredict.importers.options import ReadOptions

_Texts = list[str] | None


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How files are read and what their columns mean."""

    mapping: Annotated[
        _Texts,
        typer.Option("--map", metavar="THEIRS=OURS", help="Column of the file = our field."),
    ] = None
    unit: Annotated[
        _Texts,
        typer.Option("--unit", metavar="FIELD=UNIT", help="Such as latency=s or memory=MB."),
    ] = None
    default: Annotated[
        _Texts,
        typer.Option(
            "--default", metavar="FIELD=VALUE", help="For files without the column, empty cells."
        ),
    ] = None
    only: Annotated[
        _Texts,
        typer.Option(
            "--only", metavar="COLUMN=VALUE", help="Only rows with this cell; repeat for others."
        ),
    ] = None
    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format", metavar="NAME", help="csv, tsv, json, jsonl or parquet, for stdin."
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME", help="Tool whose file it is, if it is not recognised."
        ),
    ] = None
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Of text files, if not UTF-8.")
    ] = None
    decimal: Annotated[
        str, typer.Option("--decimal", metavar="CHAR", help="The decimal mark: '.' or ','.")
    ] = "."
    include_suspect: Annotated[
        bool,
        typer.Option("--include-suspect", help="Take rows too that the file calls suspect."),
    ] = False

    def read_options(
        self,
        catalog: "DeviceCatalog",
        now: datetime,
        *,
        stated: "Mapping[str, str] | None" = None,
        source: str | None = None,
        accepts_new_hardware: bool = False,
    ) -> "ReadOptions":
        """Return the options as the importer takes them; InvalidInputError names what is wrong.

        `stated` holds further defaults by field, which options of their own gave.
        """
        from perfpredict.importers.columns import parse_field, parse_pairs, parse_units
        from perfpredict.importers.options import FileFormat, Preset, ReadOptions

        if self.decimal not in {".", ","}:
            raise InvalidInputError(f"--decimal: must be '.' or ',' (got '{self.decimal}')")
        defaults = parse_pairs("--default", self.default or ())
        return ReadOptions(
            resolve_device=catalog.resolve,
            now=now,
            mapping=parse_pairs("--map", self.mapping or ()),
            units=parse_units(self.unit or ()),
            defaults={
                **{parse_field("--default", name).field: text for name, text in defaults.items()},
                **(stated or {}),
            },
            only=_only(self.only or ()),
            input_format=parsing.parse_choice_or_none(
                "--input-format", self.input_format, FileFormat
            ),
            preset=parsing.parse_choice_or_none("--preset", self.preset, Preset),
            source=source,
            encoding=self.encoding,
            decimal_comma=self.decimal == ",",
            accepts_new_hardware=accepts_new_hardware,
            includes_suspect=self.include_suspect,
        )


def _only(texts: list[str] | tuple[()]) -> dict[str, tuple[str, ...]]:
    """Return the values by column; the same column may be given several times."""
    values: dict[str, tuple[str, ...]] = {}
    for text in texts:
        column, equals, value = (part.strip() for part in text.partition("="))
        if not (column and equals and value):
            raise InvalidInputError(f"--only: COLUMN=VALUE is needed, got '{text}'")
        values[column] = (*values.get(column, ()), value)
    return values
