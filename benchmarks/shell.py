"""Commands from the shell beside the least that such a command can take."""

import sys
from pathlib import Path

from timing import Row, command, paired, program

MODEL = ("resnet50", "--hardware", "nvidia-l4")
BARE_APP = """
import typer
app = typer.Typer()
@app.command()
def one(): pass
@app.command()
def two(): pass
"""
TABLE = "create table one (id integer, model text, batch int, ms double)"
HELP = BARE_APP + "app(['--help'])"
IMPORTS = BARE_APP + "import duckdb, polars, lightgbm\napp(['one'])"
INSERT = (
    BARE_APP
    + """
import sys, duckdb
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("insert into one values (1, 'resnet50', 8, 5.0)")
app(['one'])
"""
)


def rows(folder: Path, runs: int) -> list[Row]:
    """Return what help, one prediction and one recorded measurement take."""
    database, bare = folder / "shell.duckdb", folder / "bare.duckdb"
    python = sys.executable
    stored = ("--db", str(database))
    predict = program("perf", "predict", *MODEL, *stored)
    command(predict)()
    command(_bare(python, bare, TABLE))()
    record = ("measure", "record", *MODEL, "--latency", "5", "--batch-size", "1", *stored)
    return [
        paired(
            "`perfpredict --help`", "a bare Typer app with two commands", 1.3,
            (command(program("--help")), command([python, "-c", HELP])), runs=runs,
        ),
        paired(
            "`perf predict` from the shell, stored", "a bare Typer app that imports duckdb, polars "
            "and lightgbm", 1.3,
            (command(predict), command([python, "-c", IMPORTS])),
            runs=runs,
        ),
        paired(
            "`measure record` from the shell", "a bare Typer app that opens a DuckDB file, inserts "
            "one row and closes it", 1.5,
            (command(program(*record)), command([python, "-c", INSERT, str(bare)])), runs=runs,
        ),
    ]  # fmt: skip


def _bare(python: str, path: Path, statement: str) -> list[str]:
    return [python, "-c", "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.argv[2])",
            str(path), statement]  # fmt: skip
