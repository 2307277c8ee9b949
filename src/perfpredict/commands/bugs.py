"""What happens to an exception that nobody expected: one line, and a report that can be sent."""

import contextlib
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from perfpredict._version import __version__
from perfpredict.commands import context
from perfpredict.domain.secrets import hide_passwords
from perfpredict.errors import InvalidInputError


def report_bug(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Write one line about `error` and where its traceback was saved; an `excepthook`."""
    text = hide_passwords("".join(traceback.format_exception(kind, error, trace)))
    if _is_debug():
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
    path = _save(text)
    summary = " ".join(str(error).split())[:200] or "no message"
    context.write_err("error", f"unexpected {kind.__name__}: {summary}")
    where = f"the traceback is in {path}" if path else "--debug shows the traceback"
    context.write_err("hint", f"this is a bug of perfpredict, please report it; {where}")


def _is_debug() -> bool:
    try:
        return context.settings().debug
    except InvalidInputError:
        return False


def _save(text: str) -> Path | None:
    """Return the file that now holds the report, None where none could be written."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    called = hide_passwords(" ".join(sys.argv))
    header = f"perfpredict {__version__}, Python {sys.version}\n{called}\n\n"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix=f"perfpredict-bug-{moment}-", suffix=".txt", delete=False,
            encoding="utf-8", errors="backslashreplace",
        ) as file:  # fmt: skip
            file.write(header + text)
    except OSError:
        return None
    return Path(file.name)
