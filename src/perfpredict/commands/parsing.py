"""From the text of an option to a checked value; errors name the option and the value."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

import typer

from perfpredict.domain.names import clean_name, parse_whole_number
from perfpredict.domain.precision import Precision
from perfpredict.domain.units import parse_number
from perfpredict.domain.workload import MAX_BATCH_SIZE
from perfpredict.errors import InvalidInputError

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def option_parser(parse: Callable[[str, str], T]) -> Callable[[str | T], T]:
    """Return `parse(field, text)` as a `typer.Option(parser=…)`, which knows the field itself.

    Our errors become the parser's, which are no ValueErrors, and keep their hint. A default that
    is a value already passes through.
    """
    field = "value"

    def checked(text: str | T) -> T:
        if type(text) is not str:
            return text  # type: ignore[return-value]
        try:
            return parse(field, text)
        except InvalidInputError as exc:
            raise typer.BadParameter(exc.message.removeprefix(f"{field}: ")) from exc

    return checked


def parse_share(field: str, text: str) -> float:
    """Return the number strictly between 0 and 1 that `text` writes."""
    number = parse_number(field, text)
    if not 0 < number < 1:
        raise InvalidInputError(f"{field}: must be between 0 and 1 (got '{text}')")
    return number


def split_names(field: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names in comma-separated `texts`, each once, in order.

    Raises InvalidInputError for an empty item or for what is no name.
    """
    items = [item.strip() for text in texts for item in text.split(",")]
    if any(not item for item in items):
        raise InvalidInputError(f"{field}: an item of the list is empty (got '{','.join(items)}')")
    return tuple(dict.fromkeys(clean_name(field, item) for item in items))


def parse_batch_sizes(field: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers in `1,8,32`, each once, in order."""
    sizes = [parse_whole_number(field, item, highest=MAX_BATCH_SIZE) for item in text.split(",")]
    return tuple(dict.fromkeys(sizes))


def parse_precision(field: str, text: str) -> Precision:
    """Return the precision that `text` names; an unknown one brings near matches."""
    try:
        return Precision.parse(text)
    except InvalidInputError as exc:
        names = [precision.value for precision in Precision]
        near = get_close_matches(text.casefold(), names, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else exc.hint
        message = f"{field}: must be one of {', '.join(names)} (got '{text}')"
        raise InvalidInputError(message, hint=hint) from None


def parse_choice(field: str, text: str, choices: type[Choice]) -> Choice:
    """Return the member of `choices` that `text` names; an unknown one brings near matches."""
    names = [choice.value for choice in choices]
    if text.casefold() in names:
        return choices(text.casefold())
    near = get_close_matches(text.casefold(), names, 3)
    raise InvalidInputError(
        f"{field}: must be one of {', '.join(names)} (got '{text}')",
        hint=f"did you mean {' or '.join(near)}?" if near else None,
    )


def parse_choice_or_none(field: str, text: str | None, choices: type[Choice]) -> Choice | None:
    """Return what `parse_choice` does, and None for None."""
    return None if text is None else parse_choice(field, text, choices)


def parse_time(field: str, text: str) -> datetime:
    """Return an ISO 8601 time in UTC; without an offset it is in this process's zone.

    Raises InvalidInputError naming `field` for what is no time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInputError(
            f"{field}: not a time (got '{text}')",
            hint="write 2026-11-24, 2026-11-24T12:00 or 2026-11-24T12:00:00Z",
        ) from None


def is_zoneless(text: str) -> bool:
    """Return whether `text` is a time that does not say its zone."""
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is None
    except ValueError:
        return False


def parse_since(field: str, text: str, now: datetime) -> datetime:
    """Return `30d` or `12h` before `now`, or the ISO time that `text` is; a day is 24 hours.

    Raises InvalidInputError naming `field`.
    """
    count, unit = text.strip()[:-1], text.strip()[-1:]
    if unit not in _SPANS or not count.isdecimal():
        return parse_time(field, text)
    number = parse_whole_number(field, count, highest=1_000_000)
    try:
        return now - timedelta(seconds=number * _SPANS[unit])
    except OverflowError:
        raise InvalidInputError(f"{field}: before the first year (got '{text}')") from None
