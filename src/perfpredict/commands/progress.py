"""A progress bar on standard error; nothing at all where that is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perfpredict.commands import context

if TYPE_CHECKING:
    from perfpredict.services.progress import OnProgress, Progress


@contextmanager
def progress_bar() -> "Iterator[OnProgress | None]":
    """Yield a function that shows how far a run has come, or None where nobody would see it."""
    if not context.is_terminal(sys.stderr) or context.settings().quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=not context.use_color(sys.stderr))
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(state: "Progress") -> None:
            bar.update(task, completed=state.done, total=state.total, description=state.label)

        yield show
