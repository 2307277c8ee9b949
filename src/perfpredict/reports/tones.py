"""One language of colours: the same colour means the same thing in every table and plot.

Nothing is said by colour alone: the text beside it says the same.
"""

from enum import StrEnum

from perfpredict.reports.report import JsonValue, Style


class Tone(StrEnum):
    """What a colour means; the value is its name in rich."""

    PLAIN = ""
    GOOD = "green"
    UNSURE = "yellow"
    BAD = "red"
    NAME = "cyan"
    ABSENT = "dim"
    COMPUTE = "magenta"
    MEMORY = "bright_blue"


SMALL_ERROR, LARGE_ERROR = 0.10, 0.25
"""Relative errors up to which a prediction counts as good, and beyond which as bad."""
ERROR_LEGEND = f"errors: green up to {SMALL_ERROR:.0%}, yellow up to {LARGE_ERROR:.0%}, red beyond"

_ERRORS = frozenset({
    "rel_error", "median_abs_rel_error", "mean_abs_rel_error", "median_abs_rel_error_test",
})  # fmt: skip
_ERROR_FACTORS = "geo_error_factor"
_ANSWERS = frozenset({
    "accepted", "fits", "inside", "inside_interval", "intact", "meets", "result", "same", "status",
    "trusted",
})  # fmt: skip
"""Keys of columns whose values are answers; no is bad."""
_TONE_OF_ANSWER = {
    "yes": Tone.GOOD, "pass": Tone.GOOD, "ok": Tone.GOOD,
    "no": Tone.BAD, "fail": Tone.BAD, "problem": Tone.BAD,
    "unknown": Tone.UNSURE, "insufficient": Tone.UNSURE, "pending": Tone.UNSURE,
    "warning": Tone.UNSURE,
}  # fmt: skip
_TONE_OF_BOUND = {"compute": Tone.COMPUTE, "memory": Tone.MEMORY}
"""What waits for the host or a link is bound by no rate of the device and has no colour."""
_SGR = {
    "green": "32", "yellow": "33", "red": "31", "cyan": "36", "dim": "2", "magenta": "35",
    "bright_blue": "94",
}  # fmt: skip


def is_error(key: str) -> bool:
    """Return whether a column of this key holds errors, which are coloured by their size."""
    return key in _ERRORS or key.startswith(_ERROR_FACTORS)


def tone_of(key: str, value: JsonValue) -> Tone:
    """Return the colour of a value in the column `key`, which means the same in every report."""
    if value is None:
        return Tone.ABSENT
    if key in _ANSWERS:
        text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        return _TONE_OF_ANSWER.get(text, Tone.PLAIN)
    if key == "bound":
        return _TONE_OF_BOUND.get(str(value), Tone.PLAIN)
    if is_error(key) and isinstance(value, int | float):
        return _tone_of_error(value - 1.0 if key.startswith(_ERROR_FACTORS) else value)
    return Tone.PLAIN


def _tone_of_error(relative_error: float) -> Tone:
    if abs(relative_error) <= SMALL_ERROR:
        return Tone.GOOD
    return Tone.UNSURE if abs(relative_error) <= LARGE_ERROR else Tone.BAD


def colored(text: str, tone: Tone) -> str:
    """Return `text` between the terminal's codes for `tone`."""
    return f"\x1b[{_SGR[tone.value]}m{text}\x1b[0m" if tone.value else text


def toned(style: Style, text: str, tone: Tone) -> str:
    """Return `text` in the colour of `tone`, where a plot has colour."""
    return colored(text, tone) if style.color else text
