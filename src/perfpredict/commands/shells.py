"""The shells that completion is written for."""

from enum import StrEnum

PROGRAM = "perfpredict"
COMPLETION_VARIABLE = "_PERFPREDICT_COMPLETE"
"""Set by the completion scripts; names the shell that asks."""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


def completion_script(shell: Shell) -> str:
    """Return Typer's completion script for `shell`."""
    # not part of Typer's documented interface: a test watches that it stays
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(
        prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, shell=shell.value
    )
    return script.rstrip() + "\n"


def register_shells() -> None:
    """Make the shells known that the completion scripts ask for."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
