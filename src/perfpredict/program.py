"""Runs one command line: the one place where an error becomes an exit code."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import typer

from perfpredict.commands import bugs, context, usage
from perfpredict.commands.common import hoist_common_options
from perfpredict.commands.completing import add_values
from perfpredict.commands.root import (
    COMMANDS,
    FORMATS_BY_COMMAND,
    GROUPS,
    QUIET_FIELDS_BY_COMMAND,
    build_app,
)
from perfpredict.commands.settings import SPECIAL_FORMATS
from perfpredict.commands.shells import COMPLETION_VARIABLE, PROGRAM, register_shells
from perfpredict.errors import ExitCode, InvalidInputError, PerfpredictError
from perfpredict.services.uninterrupted import heard, insist

_UNWRITABLE = {errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT}
"""What a stream that cannot be written to says."""
_UNUSABLE_NAMES = {errno.ENAMETOOLONG, errno.ELOOP}
"""What no file can be called or reached by, whoever asks for it."""
_INTERRUPTED, _TERMINATED, _PIPE_CLOSED = 130, 143, 141
_BROKEN_OFF = "Query interrupted"
"""What DuckDB raises, and nothing else does, in the place of what a signal's handler raised."""


def run_process() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    sys.excepthook = bugs.report_bug
    signal.signal(signal.SIGTERM, _exit_terminated)
    _accept_any_text()
    if os.environ.get(COMPLETION_VARIABLE):
        _complete()
    try:
        _hear_interrupts()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    finally:
        _stop_hearing()
    try:
        if sys.stderr is not None:  # closed by the caller
            sys.stderr.flush()
    except OSError:
        _discard(2)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every expected failure is told on stderr."""
    try:
        options, rest = hoist_common_options(arguments)
        context.begin(options)
        if not _is_help_or_version(rest):
            _check_own_options(rest)
        return _invoke(rest)
    except PerfpredictError as exc:
        _tell(exc.message, exc.hint)
        return int(exc.exit_code)
    except usage.CLICK_ERROR as exc:
        _tell_usage(exc)
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, RuntimeError) as exc:
        return _broken_off(exc)
    except BrokenPipeError:
        _discard(1)
        return _PIPE_CLOSED
    except OSError as exc:
        return _tell_os_error(exc)


def _invoke(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(
        build_app(arguments, is_terminal=context.is_terminal(sys.stdout))
    )
    try:
        with command.make_context(PROGRAM, list(arguments)) as ctx:
            command.invoke(ctx)
    except typer.Exit as exc:
        return exc.exit_code
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()
    return 0


def _tell_os_error(error: OSError) -> int:
    """Tell of a name that no file can have, or a stream that takes nothing; else raise it."""
    reason = (error.strerror or "").lower()
    if error.errno in _UNUSABLE_NAMES:
        _tell(f"'{error.filename}': {reason}", None)
        return int(ExitCode.USAGE)
    if error.filename is not None or error.errno not in _UNWRITABLE:
        raise error
    _discard(1)
    _tell(f"cannot write the result: {reason}", None)
    return int(ExitCode.BUG)


def _is_help_or_version(arguments: Sequence[str]) -> bool:
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return not own or any(text in {"-h", "--help", "--version"} for text in own)


def _check_own_options(arguments: Sequence[str]) -> None:
    """Refuse a format or `--quiet` field that is not this command's, before it does anything."""
    chosen = context.settings()
    command = " ".join([text for text in arguments if not text.startswith("-")][:2])
    fields = QUIET_FIELDS_BY_COMMAND.get(command, frozenset())
    if chosen.quiet_field is not None and chosen.quiet_field not in fields:
        raise InvalidInputError(
            f"--quiet: '{command}' has no field '{chosen.quiet_field}'",
            hint=f"fields: {', '.join(fields)}" if fields else "-q alone prints ids",
        )
    if chosen.requested_format in SPECIAL_FORMATS:
        _check_format(command, chosen.requested_format)


def _check_format(command: str, requested: str) -> None:
    if requested not in FORMATS_BY_COMMAND.get(command, ()):
        writers = [name for name, formats in FORMATS_BY_COMMAND.items() if requested in formats]
        raise InvalidInputError(
            f"--format: '{command}' does not write {requested}",
            hint=f"{requested} is written by {' and '.join(writers)}",
        )


def _tell_usage(error: Exception) -> None:
    help_text = usage.help_text(error)
    if help_text is not None:
        context.write_err_text(help_text)
        return
    _tell(*usage.describe(error))


def _tell(message: str, hint: str | None) -> None:
    context.write_err("error", message)
    if hint:
        context.write_err("hint", hint)


def _broken_off(error: KeyboardInterrupt | RuntimeError) -> int:
    """Return the exit code of the signal that `error` comes from; any other is raised again."""
    if isinstance(error, RuntimeError) and not isinstance(error, typer.Abort):
        if str(error) != _BROKEN_OFF:
            raise error
        return _TERMINATED if _Signals.is_ended else _INTERRUPTED
    return _INTERRUPTED


class _Signals:
    """What this process was told."""

    is_ended = False


def _exit_terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    _Signals.is_ended = True
    insist(_terminate)


def _terminate() -> NoReturn:
    sys.exit(_TERMINATED)


def _hear_interrupts() -> None:
    """Let Ctrl-C be an exception from here on, unless this process was started deaf to it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)


def _stop_hearing() -> None:
    """Leave signals to Python, which is about to end, and has nothing open any more."""
    heard()
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    insist(_interrupt)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _accept_any_text() -> None:
    """Let streams of any encoding take any text: what they cannot write is escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _discard(stream: int) -> None:
    """Point a standard stream at nothing, so that Python's own flush at exit changes no code."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _complete() -> NoReturn:
    words = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", ""))
    called = [word for word in words.split()[1:] if word in GROUPS or word in COMMANDS]
    register_shells()
    command = typer.main.get_command(build_app(called))
    add_values(command)
    sys.exit(command.main(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE))
