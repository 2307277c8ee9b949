"""Reads files of measurements into one frame of checked rows; bad ones keep their reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.importers import published
from perfpredict.importers.fields import TIME
from perfpredict.importers.options import Preset, ReadOptions
from perfpredict.importers.raw import FILE, INDEX, PROBLEM, ROW, TEXT, RawTable
from perfpredict.importers.rows import OPEN_BATCH, check_rows
from perfpredict.importers.shapes import add_derived, add_import_keys, doubt_units, fill_defaults
from perfpredict.importers.sources import SourceFile, find_files, read_results

_SLICE_ROWS = 200_000
"""Rows whose cells are parsed at a time, which bounds the memory that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """One file that was read."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementRows:
    """What the files held."""

    good: pl.DataFrame
    """Columns of the measurement table, typed, and the place columns."""
    bad: pl.DataFrame
    """FILE, ROW, PROBLEM and the cells as they were written."""
    refused: pl.DataFrame
    """The bad rows again, with what could be understood of them in the columns of `good`."""
    files: tuple[FileRead, ...]
    mapping: Mapping[str, str]
    """Field by column, as it was understood."""
    suspect_rows: int
    """Left out because they contradict themselves."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def read(self) -> int:
        """Rows that were looked at, suspect ones not counted."""
        return self.good.height + self.bad.height


def read_measurements(patterns: Sequence[str], options: ReadOptions) -> MeasurementRows:
    """Return all rows of the files that `patterns` name.

    Bad rows are kept apart, never dropped. Raises InvalidInputError for a file that is no table
    of measurements, CannotAnswerError where no file is found.
    """
    return understand((read_results(path, options) for path in find_files(patterns)), options)


def understand(files: Iterable[SourceFile], options: ReadOptions) -> MeasurementRows:
    """Return all rows of `files` as `read_measurements` does.

    Each file's cells can go once it is understood: a million rows of text are 300 MB.
    """
    parts = [_understand_one(file, options) for file in files]
    checked = pl.concat([part.checked for part in parts], how="vertical_relaxed")
    good = add_import_keys(add_derived(fill_defaults(checked.filter(pl.col(PROBLEM).is_null()))))
    good = good.with_columns(pl.col("measured_at").is_null().alias("is_time_assumed"))
    warning = doubt_units(good)
    return MeasurementRows(
        good=_finished(good, options),
        refused=checked.filter(pl.col(PROBLEM).is_not_null()),
        bad=pl.concat([part.bad for part in parts], how="diagonal"),
        files=tuple(part.file for part in parts),
        mapping={column: name for part in parts for column, name in part.mapping.items()},
        suspect_rows=sum(part.suspect_rows for part in parts),
        notes=(
            *(note for part in parts for note in part.notes),
            *_row_notes(good),
            *_open_batch_notes(checked),
        ),
        warnings=(warning,) if warning else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    file: FileRead
    checked: pl.DataFrame
    bad: pl.DataFrame
    mapping: Mapping[str, str]
    suspect_rows: int
    notes: tuple[str, ...]


def _understand_one(file: SourceFile, options: ReadOptions) -> _Part:
    table = _only(file.table, options.only).numbered()
    is_published = file.preset is None and published.is_published(table)
    if options.preset is Preset.PUBLISHED and not is_published:
        missing = ", ".join(sorted(published.MARKS - set(table.columns)))
        raise InvalidInputError(f"{file.name}: preset 'published' needs the columns {missing}")
    named, suspect_rows = table, 0
    preset_notes = _recognised_notes(file, options)
    if is_published and not options.mapping:
        translated = published.translate(table, includes_suspect=options.includes_suspect)
        named, suspect_rows = translated.table, translated.suspect_rows
        preset_notes = translated.notes
    source = pl.col("source").fill_null(options.source or file.name)
    slices = [check_rows(piece, options) for piece in named.slices(_SLICE_ROWS)]
    rows = pl.concat([piece.frame for piece in slices]).with_columns(source.alias("source"))
    return _Part(
        file=FileRead(name=file.name, sha256=file.sha256, rows=named.frame.height),
        checked=rows,
        bad=_bad_rows(rows, table),
        mapping=slices[0].mapping,
        suspect_rows=suspect_rows,
        notes=(*preset_notes, *slices[0].notes),
    )


def _recognised_notes(file: SourceFile, options: ReadOptions) -> tuple[str, ...]:
    if file.preset is None or options.preset is not None:
        return ()
    return (f"{file.name}: read as a file of {file.preset}",)


def _only(table: RawTable, only: Mapping[str, tuple[str, ...]]) -> RawTable:
    """Return the rows whose cells have one of the asked-for values in every named column."""
    frame = table.frame
    for column, values in only.items():
        if column not in table.columns:
            raise InvalidInputError(
                f"{table.name}: no column named '{column}' to choose rows by",
                hint=f"columns: {', '.join(table.columns[:30])}",
            )
        frame = frame.filter(pl.col(column).str.strip_chars().is_in(values))
    return RawTable(name=table.name, frame=frame)


def _bad_rows(rows: pl.DataFrame, table: RawTable) -> pl.DataFrame:
    """Return the refused rows: place, reason, and the cells of the file itself."""
    refused = rows.filter(pl.col(PROBLEM).is_not_null()).select(INDEX, PROBLEM)
    cells = table.frame.drop(PROBLEM)
    joined = refused.join(cells, on=INDEX, how="left", maintain_order="left")
    return joined.select(FILE, ROW, PROBLEM, TEXT, *table.columns)


def _row_notes(good: pl.DataFrame) -> list[str]:
    notes = []
    unknown = good.filter(~pl.col("is_known_model"))
    if unknown.height:
        names = unknown["model_name"].unique().sort()
        shown = ", ".join(f"'{name}'" for name in names.head(3))
        notes.append(
            f"{unknown.height:,} rows are of {names.len():,} models that the catalog does not know "
            f"({shown}{' …' if names.len() > 3 else ''}): kept under the names given"
        )
    local = good.select(pl.col("is_local_time").fill_null(value=False).sum()).item()
    if local:
        notes.append(f"{local:,} times without an offset are taken as local time")
    return notes


def _open_batch_notes(checked: pl.DataFrame) -> list[str]:
    is_open = (pl.col(PROBLEM) == OPEN_BATCH) & pl.col("throughput_per_s").is_not_null()
    count = checked.select(is_open.fill_null(value=False).sum()).item()
    if not count:
        return []
    return [
        f"{count:,} rows give a throughput but no batch size: they cannot be stored, and are "
        "scored at the batch where throughput saturates"
    ]


def _finished(good: pl.DataFrame, options: ReadOptions) -> pl.DataFrame:
    now = pl.lit(options.now).cast(TIME)
    whole = (
        "batch_size", "sequence_length", "image_size", "input_tokens", "output_tokens",
        "device_count", "concurrency", "runs", "warmup_runs",
    )  # fmt: skip
    return good.with_columns(
        pl.col("measured_at").fill_null(now).alias("measured_at"),
        pl.lit(value=False).alias("is_sample"),
        pl.col(ROW).alias("source_row"),
        *(pl.col(name).cast(pl.Int32) for name in whole),
    )
