"""`perfpredict doctor`: what works here and what does not."""

from typing import Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import help_epilog

app = typer.Typer(help="Report what works here and what does not.")


@app.command(epilog=help_epilog(["perfpredict doctor", "perfpredict doctor --redact --json"], [6]))
def doctor(
    redact: Annotated[
        bool, typer.Option("--redact", help="Hide home folder, user and host name.")
    ] = False,
) -> None:
    """Report what works here and what does not."""
    from perfpredict.reports import database as report
    from perfpredict.services.database import Place
    from perfpredict.services.doctor import diagnose

    chosen = context.settings()
    place = Place(path=chosen.db, lock_timeout_s=min(chosen.lock_timeout_s, 2.0))
    found = diagnose(
        place, origin=chosen.origins["db"].origin, now=context.now(), is_redacted=redact
    )
    context.emit(report.diagnosis(found))
    found.require_healthy()
