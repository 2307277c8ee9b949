"""`perfpredict completion SHELL`: prints the script that a shell sources."""

from typing import Annotated

import typer

from perfpredict.commands.context import write_out
from perfpredict.commands.options import help_epilog
from perfpredict.commands.parsing import parse_choice
from perfpredict.commands.shells import Shell, completion_script

app = typer.Typer()


@app.command(
    epilog=help_epilog(
        [
            "perfpredict completion bash > ~/.local/share/bash-completion/completions/perfpredict",
            "perfpredict completion zsh > ~/.zfunc/_perfpredict",
        ]
    )
)
def completion(
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell or pwsh.")
    ],
) -> None:
    """Print the completion script of SHELL."""
    write_out(completion_script(parse_choice("shell", shell, Shell)))
