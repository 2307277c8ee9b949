"""Runs a vendor's command-line tool and tells apart: absent, failed, answered."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool printed, or how it failed."""

    command: str
    text: str
    failure: str | None = None


RunTool = Callable[[Sequence[str]], ToolOutput | None]
"""Runs a command line; None where the tool is not installed."""


def run_tool(command: Sequence[str]) -> ToolOutput | None:
    """Return what `command` printed, its failure, or None where the tool is absent."""
    if shutil.which(command[0]) is None:
        return None
    line = " ".join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ToolOutput(command=line, text="", failure=f"no answer within {_TIMEOUT_S} s")
    except OSError as exc:
        return ToolOutput(command=line, text="", failure=str(exc))
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[0] if said else "no message"
        return ToolOutput(
            command=line, text=done.stdout, failure=f"exit {done.returncode}: {reason}"
        )
    return ToolOutput(command=line, text=done.stdout)
