"""`perfpredict measure import` and `measure export`: measurements from and to files."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.filters import FilterOptions
from perfpredict.commands.groups import with_options
from perfpredict.commands.import_options import ReadingOptions
from perfpredict.commands.options import UserOption, help_epilog
from perfpredict.domain.names import parse_whole_number
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from polars import DataFrame

    from perfpredict.importers.table import MeasurementRows
    from perfpredict.services.importing import ImportOutcome

_REPORTS = "llm-d"
_count = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=10**9))


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    app.command("import", epilog=_IMPORT_EPILOG)(import_)
    app.command(epilog=_EXPORT_EPILOG)(export)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What happens to the rows."""

    on_error: Annotated[
        str,
        typer.Option("--on-error", metavar="WHAT", help="fail: a bad row stops all; or skip."),
    ] = "fail"
    max_errors: Annotated[
        int | None,
        typer.Option("--max-errors", metavar="INT", parser=_count, help="Skip at most so many."),
    ] = None
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write the bad rows there, with reasons."),
    ] = None
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="For rows that name none; the file's name."),
    ] = None
    link: Annotated[
        bool, typer.Option("--link/--no-link", help="Compare with earlier predictions.")
    ] = True
    predict_first: Annotated[
        bool,
        typer.Option("--predict-first", help="Predict every row now; marked as made afterwards."),
    ] = False
    new_hardware: Annotated[
        bool, typer.Option("--new-hardware", help="Devices may be unknown.")
    ] = False
    new_model: Annotated[bool, typer.Option("--new-model", hidden=True)] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False


@dataclass(frozen=True, kw_only=True)
class StatedOptions:
    """What a file does not say of all its rows: defaults under names of their own."""

    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Where the file names none.")
    ] = None
    hardware: Annotated[
        str | None, typer.Option("--hardware", metavar="NAME", help="Where the file names none.")
    ] = None
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="NAME", help="Where the file says none.")
    ] = None
    framework: Annotated[
        str | None, typer.Option("--framework", metavar="NAME", help="Where the file says none.")
    ] = None
    devices: Annotated[
        str | None,
        typer.Option("--devices", "--tp", metavar="INT", help="Devices that share one model."),
    ] = None

    def defaults(self) -> dict[str, str]:
        """Return what was given, by field."""
        given = {
            "model": self.model, "hardware": self.hardware, "precision": self.precision,
            "framework": self.framework, "device_count": self.devices,
        }  # fmt: skip
        return {field: value for field, value in given.items() if value is not None}


_IMPORT_EPILOG = help_epilog(
    [
        "perfpredict measure import 'results/*.parquet' --map tps=throughput --unit latency=s",
        "perfpredict measure import bench.csv --default hardware=nvidia-l4 --dry-run",
        "perfpredict measure import serve.json --hardware h100 --precision bf16 --devices 2",
    ],
    [3],
    effect="Stores all rows or none, unless --on-error skip; what is there already is no new row.",
)
_EXPORT_EPILOG = help_epilog(
    [
        "perfpredict measure export --format parquet -o measured.parquet --model 'bert*'",
        "perfpredict measure export --format csv --limit 0",
        "perfpredict measure export --preset llm-d -o reports.jsonl",
    ],
    [3],
)


@with_options
def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="CSV, TSV, JSON, JSON lines, Parquet, results of benchmark tools; - is stdin.",
        ),
    ],
    reading: ReadingOptions,
    stated: StatedOptions,
    options: ImportOptions,
    user: UserOption = None,
) -> None:
    """Import measurements from files: all rows, or none where one is bad."""
    from perfpredict.importers.rejects import write_rejects
    from perfpredict.importers.table import read_measurements
    from perfpredict.reports.measure import import_report
    from perfpredict.services import importing as service
    from perfpredict.services.hardware import device_catalog

    on_error = parsing.parse_choice("--on-error", options.on_error, service.OnError)
    with context.open_store_if_exists() as store:
        catalog = device_catalog(store)
    rows = read_measurements(
        files,
        reading.read_options(
            catalog, context.now(), stated=stated.defaults(), source=options.source,
            accepts_new_hardware=options.new_hardware,
        ),
    )  # fmt: skip
    for text in rows.notes:
        context.note(text)
    for text in rows.warnings:
        context.warn(text)
    if options.rejects is not None and rows.bad.height:
        write_rejects(options.rejects, rows.bad)
    service.check_bad_rows(rows, on_error, options.max_errors)
    outcome = _stored(rows, options, user)
    ids = [] if outcome.import_id is None else [outcome.import_id]
    context.emit(import_report(outcome, rows.mapping), ids=ids)


def _stored(rows: "MeasurementRows", options: ImportOptions, user: str | None) -> "ImportOutcome":
    from perfpredict.services import importing as service
    from perfpredict.services.opening import load_engine
    from perfpredict.store.access import Access
    from perfpredict.store.ids import IdKind, new_id

    now = context.now()
    if options.dry_run:
        with context.open_store_if_exists() as store:
            return service.preview(store, rows)
    predictions = []
    if options.predict_first:
        with context.open_store_if_exists() as store:
            engine = load_engine(store)
        predictions = service.predict_first(
            engine, rows, now=now, make_id=partial(new_id, IdKind.PREDICTION, now)
        )
    with context.open_store(Access.WRITE) as store:
        return service.import_rows(
            store, rows, import_id=new_id(IdKind.IMPORT, now),
            source=options.source or ", ".join(file.name for file in rows.files),
            link=options.link, predictions=predictions,
            user=user or context.settings().user, now=now,
        )  # fmt: skip


@with_options
def export(
    filters: FilterOptions,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Standard output if none.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="INT", parser=_count, help="Newest rows; 0 is all."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="llm-d: its benchmark reports, as JSON."),
    ] = None,
) -> None:
    """Write stored measurements as CSV, JSON or Parquet that `measure import` reads back."""
    from perfpredict.services.measure_export import encode, export_format
    from perfpredict.services.measure_rows import export as load
    from perfpredict.services.writing import check_may_write, write_new
    from perfpredict.store.access import Access

    if preset not in (None, _REPORTS):
        raise InvalidInputError(
            f"--preset: measurements are not exported as '{preset}'", hint=f"only as {_REPORTS}"
        )
    chosen = None if preset else export_format(output, context.settings().requested_format)
    if output is not None:
        check_may_write(output, force=force)
    with context.open_store(Access.READ) as store:
        frame = load(store, filters.row_filter(store, limit=limit or None))
    data = _reports(frame) if chosen is None else encode(frame, chosen)
    if output is None:
        _to_stdout(data)
        return
    write_new(output, data, force=force)
    rows = "1 measurement" if frame.height == 1 else f"{frame.height:,} measurements"
    context.note(f"{rows} written to '{output}'")


def _reports(frame: "DataFrame") -> bytes:
    """Return the rows as llm-d's reports; what has no place in them is noted."""
    from perfpredict.services.llm_d_report import reports

    found = reports(frame)
    for reason, count in found.left_out.items():
        context.note(f"{count:,} rows left out: {reason}")
    return found.encode()


def _to_stdout(data: bytes) -> None:
    if sys.stdout.isatty() and data.startswith(b"PAR1"):
        raise InvalidInputError("Parquet is not for a terminal", hint="write it with -o FILE")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
