"""`perfpredict db`: create, look at, check, copy, query and merge the database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import YesOption, help_epilog, positive_number
from perfpredict.errors import InvalidInputError
from perfpredict.store.lake_place import parse_lake
from perfpredict.store.places import parse_location

if TYPE_CHECKING:
    from perfpredict.services.database import Place

app = typer.Typer(help="The database: back up, check, query, merge.")

TeamArgument = Annotated[
    str,
    typer.Argument(
        metavar="TEAM", envvar="PERFPREDICT_TEAM", help="The team's database: a URL, or a file."
    ),
]
WithModelsOption = Annotated[
    bool, typer.Option("--with-models", help="Stored predictors too, inactive.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]


def _place() -> "Place":
    from perfpredict.services.database import Place

    chosen = context.settings()
    return Place(path=chosen.db, lock_timeout_s=chosen.lock_timeout_s, on_wait=context.note)


@app.command(epilog=help_epilog(["perfpredict db path --origin"]))
def path(
    origin: Annotated[
        bool, typer.Option("--origin", help="Also say where the path comes from.")
    ] = False,
) -> None:
    """Print the path of the database that would be used."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    chosen = context.settings()
    found = service.locate(chosen.db, chosen.origins["db"].origin)
    context.emit(report.located(found, with_origin=origin), ids=[str(found.path)])


@app.command(epilog=help_epilog(["perfpredict db init --db team.duckdb"], [5, 6]))
def init(
    storage_version: Annotated[
        str, typer.Option("--storage-version", metavar="VERSION", help="Only v1.5.0 for now.")
    ] = "v1.5.0",
) -> None:
    """Create the database, or leave an existing one as it is."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    found = service.initialise(_place(), storage_version=storage_version)
    context.emit(report.info(found), ids=[str(found.path)])


@app.command(epilog=help_epilog(["perfpredict db info --json"], [3, 5, 6]))
def info() -> None:
    """Show size, versions and how many rows each table has."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    found = service.info(_place())
    context.emit(report.info(found), ids=[str(found.path)])


@app.command(epilog=help_epilog(["perfpredict db check"], [3, 5, 6]))
def check(
    fix_links: Annotated[
        bool, typer.Option("--fix-links", help="Mend links to rows that are gone.")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Also list checks that passed.")] = False,
) -> None:
    """Read every row and say what is damaged, forbidden or dangling."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    result = service.check(_place(), is_fixing_links=fix_links)
    context.emit(
        report.checked(result, with_all=show_all),
        ids=[f"{bad.table}: {bad.detail}" for bad in result.problems],
    )
    result.require_good()


@app.command(epilog=help_epilog(["perfpredict db migrate --dry-run"], [3, 5, 6]))
def migrate(dry_run: DryRunOption = False) -> None:
    """Bring an older database up to date; the file as it was is kept beside it."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.migrate(_place(), dry_run=dry_run)
    context.emit(report.migrated(done, dry_run=dry_run), ids=list(done.pending))


@app.command(
    epilog=help_epilog(["perfpredict db backup", "perfpredict db backup copy.duckdb"], [3, 5, 6])
)
def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Dated, beside it, if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Write a checked copy of the database."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.backup(_place(), file, now=context.now(), force=force)
    context.emit(report.copied(done, "db-backup"), ids=[str(done.target)])


@app.command(epilog=help_epilog(["perfpredict db restore copy.duckdb --yes"], [5, 6]))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    yes: YesOption = False,
) -> None:
    """Put a backup in the database's place; the old file is kept beside it."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    place = _place()
    if service.locate(place.path, "").exists:
        context.confirm(f"replace '{place.path}' by '{file}'", yes=yes)
    done = service.restore(place, file, now=context.now())
    context.emit(report.copied(done, "db-restore"), ids=[str(done.target)])


@app.command(epilog=help_epilog(["perfpredict db compact"], [3, 5, 6]))
def compact() -> None:
    """Rewrite the database to give back the space of deleted rows."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.compact(_place())
    context.emit(report.compacted(done), ids=[str(done.path)])


@app.command(
    epilog=help_epilog(
        [
            'perfpredict db sql "select device, count(*) as n from performance_measurements '
            'group by device"',
            'perfpredict db sql "select * from imports where source = $s" --param s=bench.csv',
        ],
        [3, 5, 6],
    )
)
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One reading statement.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Value of $NAME; repeatable."),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", parser=positive_number, help="Then give up."),
    ] = 30.0,
) -> None:
    """Ask the database in SQL: reading only, no files, no network."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    frame = service.query(_place(), query, param or [], timeout_s=timeout)
    context.emit(report.answer(frame))


@app.command(
    epilog=help_epilog(
        [
            "perfpredict db export tables/",
            "perfpredict db export --to ducklake:lake.ducklake",
            "perfpredict db export --to ducklake:postgresql://ada@db.example/lake "
            "--data s3://bucket/perf",
        ],
        [3, 5, 6],
    )
)
def export(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A new or empty folder.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="LAKE",
            help="A DuckLake instead, new or older: what is new there is added.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="PATH", help="Folder or s3:// URL of a new lake's files."),
    ] = None,
) -> None:  # fmt: skip
    """Write every table as a Parquet file, with a manifest of their sha256, or into a DuckLake."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    if to is not None and folder is None:
        lake = parse_lake(to, data)
        into = service.export_to_lake(_place(), lake, now=context.now())
        context.emit(report.exported_to_lake(into), ids=[str(lake)])
        return
    target = _required_folder(folder, to, data)
    done = service.export_tables(_place(), target, now=context.now())
    context.emit(report.transferred(done, "db-export"), ids=[str(target)])


def _required_folder(folder: Path | None, to: str | None, data: str | None) -> Path:
    if to is None and data is not None:
        raise InvalidInputError("--data: says where the files of a lake go, so it needs --to")
    if folder is None or to is not None:
        raise InvalidInputError("give either DIR or --to LAKE")
    return folder


@app.command("import", epilog=help_epilog(["perfpredict db import tables/"], [3, 5, 6]))
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `db export` wrote.")],
) -> None:
    """Add the rows of an exported folder that are not in the database yet."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.import_tables(_place(), folder)
    context.emit(report.transferred(done, "db-import"))


@app.command(
    epilog=help_epilog(
        [
            "perfpredict db merge ~/laptop.duckdb",
            "perfpredict db merge postgresql://ada@db.example/perf",
        ],
        [5, 6],
    )
)
def merge(
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another database, file or URL.")],
    with_models: WithModelsOption = False,
) -> None:
    """Add a colleague's rows; what is there already stays as it is."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.merge(_place(), parse_location(other), with_models=with_models)
    context.emit(report.transferred(done, "db-merge"))


@app.command(
    epilog=help_epilog(["perfpredict db push postgresql://ada@db.example/perf"], [3, 5, 6])
)
def push(team: TeamArgument, with_models: WithModelsOption = False) -> None:
    """Add the rows of this database to TEAM; what is there already stays as it is."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.push(_place(), parse_location(team), with_models=with_models)
    context.emit(report.transferred(done, "db-push"))


@app.command(
    epilog=help_epilog(["perfpredict db pull postgresql://ada@db.example/perf"], [3, 5, 6])
)
def pull(team: TeamArgument, with_models: WithModelsOption = False) -> None:
    """Add the rows of TEAM to this database; what is there already stays as it is."""
    from perfpredict.reports import database as report
    from perfpredict.services import database as service

    done = service.pull(_place(), parse_location(team), with_models=with_models)
    context.emit(report.transferred(done, "db-pull"))
