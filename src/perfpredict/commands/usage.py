"""Turns what the command-line parser complains about into our one-line errors."""

from difflib import get_close_matches

import typer

from perfpredict.errors import PerfpredictError

# Typer has its own copy of Click from 0.26 on; its exported error leads to the base in both
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
CLICK_ERROR: type[Exception] = USAGE_ERROR.__mro__[1]


def describe(error: Exception) -> tuple[str, str | None]:
    """Return the message and the hint for an error of the parser."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _no_such_option(error)
    if kind == "MissingParameter":
        return f"{_option_name(error)}: must be given", _help_hint(error)
    if isinstance(error, typer.BadParameter):
        return _bad_value(error)
    message, _, suggestion = _message(error).partition(" Did you mean ")
    return _sentence(message), f"did you mean {suggestion}" if suggestion else _help_hint(error)


def help_text(error: Exception) -> str | None:
    """Return the help that a group called without a command shows, None for other errors."""
    return _message(error) if type(error).__name__ == "NoArgsIsHelpError" else None


def _message(error: Exception) -> str:
    format_message = getattr(error, "format_message", None)
    return str(format_message() if format_message else error)


def _sentence(text: str) -> str:
    """Return `text` as our errors are written: lower case at first, no full stop."""
    return (text[:1].lower() + text[1:]).rstrip(". ")


def _bad_value(error: typer.BadParameter) -> tuple[str, str | None]:
    cause = error.__cause__
    message = _sentence(error.message)
    hint = cause.hint if isinstance(cause, PerfpredictError) else None
    choices = [str(choice) for choice in getattr(getattr(error.param, "type", None), "choices", ())]
    if choices and " is not one of " in message:
        got = message.partition(" is not one of ")[0].strip("'")
        near = get_close_matches(got, choices, 3)
        message = f"must be one of {', '.join(choices)} (got '{got}')"
        hint = f"did you mean {' or '.join(near)}?" if near else None
    return f"{_option_name(error)}: {message}", hint


def _no_such_option(error: Exception) -> tuple[str, str | None]:
    name = getattr(error, "option_name", "")
    near = sorted(getattr(error, "possibilities", None) or ())[:3]
    message = f"no option named '{name}'"
    return message, f"did you mean {' or '.join(near)}?" if near else _help_hint(error)


def _option_name(error: Exception) -> str:
    """Return the option or argument that the error is about, as it is typed."""
    param = getattr(error, "param", None)
    if param is None:
        return "the call"
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).strip("[]").lower()
    return str(next((name for name in param.opts if name.startswith("--")), param.opts[0]))


def _help_hint(error: Exception) -> str | None:
    ctx = getattr(error, "ctx", None)
    return f"see '{ctx.command_path} --help'" if ctx is not None else None
