"""The shells that completion is written for."""

from enum import StrEnum


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
        prog_name="perfpredict", complete_var="_PERFPREDICT_COMPLETE", shell=shell.value
    )
    return script.rstrip() + "\n"
