"""`perfpredict schema`: the JSON Schemas of what commands print with `--json`."""

from typing import Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import help_epilog

app = typer.Typer()


@app.command(epilog=help_epilog(["perfpredict schema", "perfpredict schema hardware-list"], [3]))
def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of an output; without it, list all.")
    ] = None,
) -> None:
    """Print the JSON Schema of an output, or list the outputs."""
    from perfpredict.reports.schema import schema_list, schema_text

    if name is None:
        report = schema_list()
        context.emit(report, ids=[str(row["name"]) for row in report.rows])
    else:
        context.write_out(schema_text(name))
