"""Which groups and commands there are; only the one that is called is imported."""

import copy
import importlib
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from typer.models import CommandInfo

GROUPS: Mapping[str, tuple[str, str]] = {
    "hardware": ("perfpredict.commands.hardware:app", "Devices: recommend, list, detect, price."),
    "perf": ("perfpredict.commands.perf:app", "Predict latency, throughput and memory."),
    "measure": ("perfpredict.commands.measure:app", "Run, record and import measurements."),
    "feedback": ("perfpredict.commands.feedback:app", "Say whether a recommendation was taken."),
    "models": ("perfpredict.commands.models:app", "Train, store and compare predictors."),
    "sample": ("perfpredict.commands.sample:app", "Made-up rows to play with, marked as such."),
    "db": ("perfpredict.commands.db:app", "The database: back up, check, query, merge."),
    "config": ("perfpredict.commands.config:app", "Settings, and where each comes from."),
}
"""Name → where its Typer app is, and its line in `perfpredict --help`."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    "doctor": ("perfpredict.commands.doctor:app", "Report what works here and what does not."),
    "schema": ("perfpredict.commands.schema:app", "JSON Schemas of what commands print."),
    "completion": ("perfpredict.commands.completion:app", "Print a shell's completion script."),
}

FORMATS_BY_COMMAND: Mapping[str, frozenset[str]] = {
    "perf check": frozenset({"github", "junit"}),
    "measure check": frozenset({"github", "junit"}),
    "measure export": frozenset({"parquet"}),
}
"""Which commands write formats of their own."""

QUIET_FIELDS_BY_COMMAND: Mapping[str, frozenset[str]] = {
    "hardware recommend": frozenset({"primary"})
}
"""Which commands print something else than ids with `--quiet=FIELD`."""

HELP_WIDTH = 100
"""Columns of help in a pipe, and at most on a terminal."""


def build_app(arguments: Sequence[str], *, is_terminal: bool = False) -> typer.Typer:
    """Return the root app, in which only what `arguments` call is loaded."""
    width = "max_content_width" if is_terminal else "terminal_width"
    called = next((text for text in arguments if not text.startswith("-")), "")
    root = typer.Typer(
        name="perfpredict",
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], width: HELP_WIDTH},
        epilog=_EPILOG,
    )
    root.callback()(_root)
    for name, (where, summary) in GROUPS.items():
        app = _called(_load(where), arguments) if name == called else typer.Typer()
        app.rich_markup_mode = None
        root.add_typer(app, name=name, short_help=summary, no_args_is_help=True)
    for name, (where, summary) in COMMANDS.items():
        _add_command(root, name, where if name == called else "", summary)
    return root


def _load(where: str) -> typer.Typer:
    module, _, attribute = where.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    assert isinstance(app, typer.Typer)
    return app


def _called(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """Return `app` with the options of the called command alone, where it is plain which it is.

    Making the options of all commands of a group takes longer than a short command.
    """
    names = {info.name or _name_of(info) for info in app.registered_commands}
    if len(arguments) < 2 or arguments[1] not in names:
        return app
    slim = copy.copy(app)
    slim.registered_commands = [copy.copy(info) for info in app.registered_commands]
    for info in slim.registered_commands:
        info.name = info.name or _name_of(info)
        if info.name != arguments[1]:
            info.callback = _not_loaded
    return slim


def _name_of(info: CommandInfo) -> str:
    assert info.callback is not None
    return str(info.callback.__name__).replace("_", "-")


def _add_command(root: typer.Typer, name: str, where: str, summary: str) -> None:
    """Add a command of the top level, which its module holds as the only one of its app."""
    if not where:
        root.command(name, short_help=summary)(_not_loaded)
        return
    (info,) = _load(where).registered_commands
    info.name = name
    info.short_help = summary
    root.registered_commands.append(info)


def _not_loaded() -> None:
    raise AssertionError("only the called command is loaded")


_EPILOG = """\b
Exit codes:
  0 done   1 our bug   2 wrong call   3 cannot answer   4 the answer is no
  5 database busy   6 database unusable   7 refused for safety

\b
Start here:
  perfpredict hardware recommend bert-base-uncased --batch-size 8
  perfpredict perf predict resnet50 --hardware cuda,cpu --batch-size 1,8,32
"""


def _show_version(is_asked: bool) -> None:
    if not is_asked:
        return
    from perfpredict.commands.context import write_out
    from perfpredict.commands.version import version_text

    write_out(version_text())
    raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version; with -v also the libraries'.",
                     callback=_show_version, is_eager=True),
    ] = False,
    db: Annotated[
        str | None,
        typer.Option(
            "--db", "--database", metavar="PATH", help="Database file, or postgresql:// URL."
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT",
                          help="table, plain, json, jsonl, csv, tsv or markdown; auto is table "
                          "on a terminal and plain elsewhere.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print only the ids of what was made.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    color: Annotated[
        str, typer.Option("--color", metavar="WHEN", help="auto, always or never.")
    ] = "auto",
    no_color: Annotated[
        bool, typer.Option("--no-color", help="The same as --color never.")
    ] = False,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE.toml", help="A settings file.")
    ] = None,
    lock_timeout: Annotated[
        float, typer.Option("--lock-timeout", metavar="SECONDS",
                            help="How long to wait for a busy database.")
    ] = 30.0,
) -> None:  # fmt: skip
    """Predict how fast ML models run on hardware, how much memory they take, and how sure that is.

    Every command takes the options below, before or after its name.
    """
