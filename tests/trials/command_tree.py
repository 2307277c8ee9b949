"""The whole command tree as the parser knows it, so that no command is left out of a trial."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer

from perfpredict.commands.root import COMMANDS, GROUPS, build_app


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One option or argument."""

    names: tuple[str, ...]
    """Spellings of an option, the name of an argument."""
    is_option: bool
    is_flag: bool
    is_required: bool
    type_name: str
    takes_many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command with everything it takes."""

    path: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """The command as it is typed, without `perfpredict`."""
        return " ".join(self.path)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """What begins with dashes."""
        return tuple(one for one in self.parameters if one.is_option)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """What stands by its place."""
        return tuple(one for one in self.parameters if not one.is_option)


@cache
def commands() -> tuple[Command, ...]:
    """Return every command of every group, in the order of the help."""
    found: list[Command] = []
    for name in (*GROUPS, *COMMANDS):
        root: Any = typer.main.get_command(build_app([name]))
        found += _below(root.commands[name], (name,))
    return tuple(found)


def command_named(name: str) -> Command:
    """Return the command that is typed as `name`."""
    return next(one for one in commands() if one.name == name)


# Any: Typer has its own copy of Click from 0.26 on, whose classes have no public name
def _below(command: Any, path: tuple[str, ...]) -> Iterator[Command]:
    below = getattr(command, "commands", None)
    if below:
        for name, one in below.items():
            yield from _below(one, (*path, name))
        return
    yield Command(path=path, parameters=tuple(_parameter(one) for one in command.params))


def _parameter(param: Any) -> Parameter:
    is_option = param.param_type_name == "option"
    return Parameter(
        names=(*param.opts, *param.secondary_opts) if is_option else (param.name,),
        is_option=is_option,
        is_flag=is_option and bool(param.is_flag),
        is_required=bool(param.required),
        type_name=str(getattr(param.type, "name", param.type)),
        takes_many=bool(getattr(param, "multiple", False)) or param.nargs == -1,
    )
