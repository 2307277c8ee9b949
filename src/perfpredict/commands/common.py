"""The options that every command takes, in any position of the command line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perfpredict.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """As typed; None where the option was not given."""

    db: str | None = None
    output_format: str | None = None
    color: str | None = None
    config: str | None = None
    lock_timeout: str | None = None
    quiet: str | None = None
    """Empty for plain `-q`; otherwise the field that `--quiet=FIELD` asks for."""
    verbose: bool = False
    debug: bool = False


_WITH_VALUE = {
    "--db": "db",
    "--database": "db",
    "--format": "output_format",
    "--color": "color",
    "--config": "config",
    "--lock-timeout": "lock_timeout",
}
_FLAGS: dict[str, tuple[str, str | bool]] = {
    "--json": ("output_format", "json"),
    "--no-color": ("color", "never"),
    "-q": ("quiet", ""),
    "--quiet": ("quiet", ""),
    "-v": ("verbose", True),
    "--verbose": ("verbose", True),
    "--debug": ("debug", True),
}


def hoist_common_options(arguments: Sequence[str]) -> tuple[CommonOptions, list[str]]:
    """Return the common options found anywhere before `--`, and the arguments without them.

    `--config FILE` is common only where FILE ends in `.toml`; any other belongs to the command,
    which reads it as the configuration of a model.
    """
    found: dict[str, str | bool] = {}
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
            break
        name, has_equals, value = argument.partition("=")
        if argument in _FLAGS:
            field, flag = _FLAGS[argument]
            found[field] = flag
        elif name == "--quiet" and has_equals:
            found["quiet"] = value
        elif name in _WITH_VALUE:
            text = value if has_equals else _next_value(name, remaining)
            if name == "--config" and not text.endswith(".toml"):
                rest += [argument] if has_equals else [argument, text]
            else:
                found[_WITH_VALUE[name]] = text
        else:
            rest.append(argument)
    return CommonOptions(**found), rest  # type: ignore[arg-type]


def _next_value(name: str, remaining: Iterator[str]) -> str:
    value = next(remaining, None)
    if value is None or value.startswith("--"):
        got = "" if value is None else f", got {value}"
        raise InvalidInputError(
            f"{name}: a value must follow{got}", hint=f"write {name}=VALUE if it begins with '--'"
        )
    return value
