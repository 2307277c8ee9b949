"""What a command body leans on: settings, the store, the clock and the two output streams."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from perfpredict.commands.common import CommonOptions
from perfpredict.commands.settings import ColorChoice, Settings, resolve_settings
from perfpredict.domain.secrets import hide_passwords
from perfpredict.errors import InvalidInputError, NoDatabaseError, PerfpredictError
from perfpredict.reports.report import OutputFormat, Report
from perfpredict.reports.text import visible

if TYPE_CHECKING:
    from perfpredict.store.gateway import Access, Store


class _Call:
    """The one call that this process serves."""

    options = CommonOptions()
    settings: Settings | None = None


def begin(options: CommonOptions) -> None:
    """Remember the common options of this call; settings are resolved when first asked for."""
    _Call.options = options
    _Call.settings = None


def settings() -> Settings:
    """Return the settings of this call.

    Raises InvalidInputError where a flag, variable or file holds what cannot be used.
    """
    if _Call.settings is None:
        _Call.settings = resolve_settings(_Call.options, os.environ)
    return _Call.settings


def verbose_asked() -> bool:
    """Return whether `-v` was given; asks for no settings, so `--version` works without them."""
    return _Call.options.verbose


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def open_store(access: "Access", *, create: bool = True) -> "Store":
    """Return the store of this call, a context manager; waiting for it is said on stderr.

    Without `create`, a missing database is a NoDatabaseError for writing too.
    """
    from perfpredict.store.gateway import Store

    chosen = settings()
    return Store.open(
        chosen.db, access, lock_timeout_s=chosen.lock_timeout_s, on_wait=note, create=create
    )


@contextmanager
def open_store_if_exists() -> "Iterator[Store | None]":
    """Yield the store for reading, or None where no database has been made yet."""
    from perfpredict.store.access import Access
    from perfpredict.store.file_checks import FileState, look_at, resolve_path

    chosen = settings().db
    if isinstance(chosen, Path) and look_at(resolve_path(chosen)) is not FileState.DATABASE:
        yield None
        return
    try:
        opened = open_store(Access.READ)
    except NoDatabaseError:
        yield None
        return
    with opened as store:
        yield store


def emit(report: Report, *, ids: Sequence[str] = ()) -> None:
    """Write `report` to standard output, all at once; with `-q` only `ids`, one a line."""
    from perfpredict.reports.render import render

    chosen = settings()
    if chosen.quiet:
        write_out("".join(f"{one}\n" for one in ids))
        return
    is_shown = is_terminal(sys.stdout)
    output_format = chosen.output_format
    if output_format is OutputFormat.AUTO:
        output_format = OutputFormat.TABLE if is_shown else OutputFormat.PLAIN
    width = shutil.get_terminal_size().columns if is_shown else None
    text = render(
        report,
        output_format,
        width=width,
        color=use_color(sys.stdout),
        ascii_only=not _is_unicode(sys.stdout),
    )
    write_out(text, is_safe=output_format in {OutputFormat.TABLE, OutputFormat.PLAIN})
    if not (report.rows or report.is_single or report.rows_key):
        note("no rows")
    _note_hidden(report, output_format, width)
    for line in report.notes:
        note(line)


def _note_hidden(report: Report, output_format: OutputFormat, width: int | None) -> None:
    from perfpredict.reports.table import fitting_columns

    if output_format is not OutputFormat.TABLE or width is None:
        return
    hidden = sum(
        len(one.columns) - len(fitting_columns(one, width)) for one in report.shown or [report]
    )
    if hidden:
        columns = "column" if hidden == 1 else "columns"
        way = "--columns or --format plain" if report.has_column_choice else "--format plain"
        note(f"{hidden} {columns} hidden: use {way}")


def write_out(text: str, *, is_safe: bool = False) -> None:
    """Write `text` to standard output and flush it.

    A terminal gets control characters only where `is_safe` says that they are our own.
    """
    if sys.stdout is None:
        raise PerfpredictError("cannot write the result: standard output is closed")
    if is_terminal(sys.stdout) and not is_safe:
        text = visible(text, keep="\n\t")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise PerfpredictError(f"cannot write the result: {reason}") from exc


def read_stdin() -> str:
    """Return all of standard input.

    Raises InvalidInputError where it is a terminal, closed, or not text in its encoding.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidInputError("standard input is closed")
    if sys.stdin.isatty():
        raise InvalidInputError("standard input is a terminal", hint="pipe the text into it")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"standard input is not {exc.encoding} text") from exc


def note(text: str) -> None:
    """Write `note: text` to standard error, unless `-q` was given."""
    if _Call.options.quiet is None:
        write_err("note", text)


def warn(text: str) -> None:
    """Write `warning: text` to standard error."""
    write_err("warning", text)


_COLORS = {"error": "1;31", "warning": "1;33", "note": "1", "hint": "1;36"}


def write_err(label: str, text: str) -> None:
    """Write `label: text` to standard error, without passwords of URLs.

    An unusable stream is no reason to fail.
    """
    shown = visible(hide_passwords(text), keep="\n")
    is_colored = sys.stderr is not None and use_color(sys.stderr)
    prefix = f"\x1b[{_COLORS[label]}m{label}:\x1b[0m" if is_colored else f"{label}:"
    write_err_text(f"{prefix} {shown}")


def write_err_text(text: str) -> None:
    """Write `text` and a newline to standard error; an unusable stream is no reason to fail."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def use_color(stream: TextIO) -> bool:
    """Return whether `stream` gets colour: --color, NO_COLOR, FORCE_COLOR, then a terminal."""
    try:
        choice = settings().color
    except InvalidInputError:
        choice = ColorChoice.AUTO
    return wants_color(choice, os.environ, is_terminal=is_terminal(stream))


def wants_color(choice: ColorChoice, environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Return the decision of `use_color` for these facts; set but empty variables do not count."""
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal and environ.get("TERM") != "dumb"


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone.

    Raises InvalidInputError off a terminal without `--yes`, and where the answer is no.
    """
    if yes:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise InvalidInputError(f"{question}: not done without being asked", hint="add --yes")
    sys.stderr.write(f"{visible(question)}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().casefold() not in {"y", "yes"}:
        raise InvalidInputError("stopped: nothing was changed")


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether `stream` is open and a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def _is_unicode(stream: TextIO | None) -> bool:
    encoding = getattr(stream, "encoding", None) or "ascii"
    return encoding.replace("-", "").casefold().startswith("utf")
