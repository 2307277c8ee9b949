"""One language of colours: the same colour means the same thing in every table and plot.

Nothing is said by colour alone: the text beside it says the same.
"""

from enum import StrEnum

from perfpredict.reports.report import JsonValue, Judged


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
    HOST = "yellow"
    LINK = "green"


SMALL_ERROR, LARGE_ERROR = 0.10, 0.25
"""Relative errors up to which a prediction counts as good, and beyond which as bad."""
ERROR_LEGEND = f"errors: green up to {SMALL_ERROR:.0%}, yellow up to {LARGE_ERROR:.0%}, red beyond"

_ANSWERS = {
    "yes": Tone.GOOD, "pass": Tone.GOOD, "no": Tone.BAD, "fail": Tone.BAD,
    "unknown": Tone.UNSURE, "insufficient": Tone.UNSURE, "pending": Tone.UNSURE,
}  # fmt: skip
_BOUNDS = {
    "compute": Tone.COMPUTE, "memory": Tone.MEMORY, "host": Tone.HOST, "link": Tone.LINK,
}  # fmt: skip
_SGR = {
    "green": "32", "yellow": "33", "red": "31", "cyan": "36", "dim": "2", "magenta": "35",
    "bright_blue": "94",
}  # fmt: skip


def tone_of(value: JsonValue, judged: Judged) -> Tone:
    """Return the colour of a value in a column that is judged so."""
    if value is None:
        return Tone.ABSENT
    if judged is Judged.ANSWER:
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        return _ANSWERS.get(text, Tone.PLAIN)
    if judged is Judged.BOUND:
        return _BOUNDS.get(str(value), Tone.PLAIN)
    if judged is Judged.RELATIVE_ERROR and isinstance(value, int | float):
        size = abs(value)
        return (
            Tone.GOOD if size <= SMALL_ERROR else (Tone.UNSURE if size <= LARGE_ERROR else Tone.BAD)
        )
    return Tone.PLAIN


def colored(text: str, tone: Tone) -> str:
    """Return `text` between the terminal's codes for `tone`."""
    return f"\x1b[{_SGR[tone.value]}m{text}\x1b[0m" if tone.value else text
