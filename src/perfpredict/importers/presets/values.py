"""Values out of foreign records by path; a bad one is named by the key it stands under."""

import re
from statistics import quantiles

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import Json

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_RUNS_FOR_P90 = 10
_RUNS_FOR_P99 = 100
_PERCENT = 100
_SHOWN_CHARACTERS = 60


def group(values: Json, *path: str) -> Json:
    """Return the object at `path`, empty where there is none."""
    found = _at(values, path)
    return found if isinstance(found, dict) else {}


def items(values: Json, *path: str) -> list[object]:
    """Return the array at `path`, empty where there is none."""
    found = _at(values, path)
    return found if isinstance(found, list) else []


def text(values: Json, *path: str) -> str | None:
    """Return the text at `path`, None where it is absent, null, blank or no single value."""
    found = _at(values, path)
    if isinstance(found, bool):
        return "true" if found else "false"
    return found.strip() or None if isinstance(found, str) else None


def number(values: Json, *path: str) -> float | None:
    """Return the finite number at `path`, None where it is absent or null."""
    found = _at(values, path)
    if found is None or found == "":
        return None
    return as_number(".".join(path), found)


def whole(values: Json, *path: str) -> int | None:
    """Return the whole number at `path`, None where it is absent or null."""
    found = number(values, *path)
    if found is None:
        return None
    if found != int(found):
        raise InvalidInputError(f"{'.'.join(path)}: must be a whole number, got {found:g}")
    return int(found)


def numbers(values: Json, *path: str) -> list[float]:
    """Return the numbers of the array at `path`, empty where there is none."""
    return [as_number(".".join(path), one) for one in items(values, *path)]


def as_number(name: str, value: object) -> float:
    """Return `value` as a finite number; raises InvalidInputError naming it otherwise."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        found = float(value)
        if found != float("inf"):
            return found
    shown = value if isinstance(value, str) else type(value).__name__
    raise InvalidInputError(f'{name}: not a number (got "{shown[:_SHOWN_CHARACTERS]}")')


def quantile(samples: list[float], percent: int) -> float | None:
    """Return a percentile of single runs; None where there are too few to tell it.

    The median needs one run, the 90th percentile 10 and the 99th 100.
    """
    needed = {50: 1, 90: _RUNS_FOR_P90, 99: _RUNS_FOR_P99}[percent]
    if len(samples) < needed:
        return None
    if len(samples) == 1:
        return samples[0]
    return quantiles(samples, n=_PERCENT, method="inclusive")[percent - 1]


def times(value: float | None, factor: float) -> float | None:
    """Return `value` in another unit, None where there is none."""
    return None if value is None else value * factor


def _at(values: Json, path: tuple[str, ...]) -> object:
    found: object = values
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found
