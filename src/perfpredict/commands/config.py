"""`perfpredict config`: the settings in force, where each comes from, and the user's file."""

import os
from typing import Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import help_epilog
from perfpredict.commands.settings import user_config_path
from perfpredict.commands.settings_file import write_setting
from perfpredict.domain.secrets import hide_passwords

app = typer.Typer(help="Settings, and where each comes from.")


@app.command(
    epilog=help_epilog(["perfpredict config show --origin", "perfpredict config show --json"])
)
def show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Also the flag, variable or file it comes from.")
    ] = False,
) -> None:
    """Show the settings that hold here."""
    from perfpredict.reports.config import shown_settings

    chosen = context.settings()
    rows = [
        (key, str(chosen.db) if key == "db" else setting.text, setting.origin)
        for key, setting in chosen.origins.items()
    ]
    context.emit(shown_settings(rows, with_origin=origin), ids=[key for key, _, _ in rows])


@app.command(epilog=help_epilog(["perfpredict config path"]))
def path() -> None:
    """Print where this user's settings file is, or would be."""
    from perfpredict.reports.config import config_path
    from perfpredict.reports.report import OutputFormat

    found = str(user_config_path(os.environ))
    if context.settings().output_format in {OutputFormat.AUTO, OutputFormat.PLAIN}:
        # bare, so that a script can use it as it is
        context.write_out(f"{found}\n")
        return
    context.emit(config_path(found), ids=[found])


@app.command(
    "set",
    epilog=help_epilog(
        [
            "perfpredict config set db ~/perf/team.duckdb",
            "perfpredict config set user ada",
        ]
    ),
)
def set_(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="db, format, color, user, lock_timeout or debug.")
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
) -> None:
    """Write a setting to this user's file."""
    from perfpredict.reports.config import written_setting

    file = write_setting(user_config_path(os.environ), key, value)
    context.emit(written_setting(key, hide_passwords(value), str(file)), ids=[key])
