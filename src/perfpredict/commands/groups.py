"""Option groups: a command takes a dataclass, and Typer sees one option for each of its fields."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import TypeVar, get_type_hints

R = TypeVar("R")


def with_options(command: Callable[..., R]) -> Callable[..., R]:
    """Return `command` with each dataclass parameter spread out into options of its own.

    The fields of such a dataclass are `Annotated` as Typer parameters are, and keep their defaults.
    Put it below `@app.command(…)`.
    """
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    grouped = {name: kind for name, kind in hints.items() if _is_group(kind)}
    spread = inspect.Signature(
        [p for name, kind in hints.items() for p in _spread(command, name, kind)]
    )

    def call(**values: object) -> R:
        arguments: dict[str, object] = {}
        for name, kind in grouped.items():
            arguments[name] = kind(**{f.name: values.pop(f.name) for f in fields(kind)})
        return command(**arguments, **values)

    call.__name__ = command.__name__
    call.__doc__ = command.__doc__
    call.__signature__ = spread  # type: ignore[attr-defined]
    return call


def _is_group(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _spread(command: Callable[..., object], name: str, kind: type) -> list[inspect.Parameter]:
    if not _is_group(kind):
        own = inspect.signature(command).parameters[name]
        return [own.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)]
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(kind)
    ]
