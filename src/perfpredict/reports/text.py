"""Single values as text: numbers at a readable precision, hostile characters made visible."""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from perfpredict.reports.report import ColumnKind, JsonValue

TABLE_DIGITS = 3
"""Significant digits in tables and Markdown."""
PLAIN_DIGITS = 6
"""Significant digits in aligned plain text; JSON and CSV carry full precision."""

_Textual: TypeAlias = str | Sequence[JsonValue] | Mapping[str, JsonValue]

_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}
# characters that reorder, hide or join text on a screen
_REORDERING = set("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff") | {
    chr(code) for code in range(0x2066, 0x206A)
}


def visible(text: str, *, keep: str = "") -> str:
    """Return `text` with control, reordering and undecodable characters written as escapes.

    The characters in `keep`, such as a newline, stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_hidden(c) else _escaped(c) for c in text)


def _is_hidden(character: str) -> bool:
    is_tag = "\U000e0000" <= character <= "\U000e007f"
    return is_tag or character in _REORDERING or unicodedata.category(character) in _INVISIBLE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def display_width(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def significant(value: float, digits: int) -> str:
    """Return `value` rounded to `digits` significant digits, without an exponent if readable."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    decimals = digits - 1 - int(exponent)
    text = f"{float(f'{mantissa}e{exponent}'):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if digits > TABLE_DIGITS and "." in text else text


def percent(fraction: float) -> str:
    """Return `fraction` in percent, never rounded to a false 0 % or 100 %."""
    value = fraction * 100
    if not math.isfinite(value):
        return str(value)
    if value != 0 and abs(value) < 0.05:
        return "<0.1 %" if value > 0 else ">-0.1 %"
    if value < 100 and round(value, 1) >= 100:
        return ">99.9 %"
    if value > 100 and round(value, 1) <= 100:
        return ">100 %"
    return f"{value:.0f} %" if abs(value) >= 1000 else f"{round(value, 1):g} %"


def utc_text(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with a `Z`; a naive one is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def local_text(moment: datetime) -> str:
    """Return `moment` to the minute in the local time zone, with the zone's name."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return aware.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def cell(value: JsonValue, kind: ColumnKind, *, digits: int, is_local: bool = False) -> str:
    """Return one value as people read it; hidden characters are visible, absence is `-`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return local_text(value) if is_local else utc_text(value)
    if isinstance(value, int | float):
        return _number(value, kind, digits)
    return _text(value, kind, digits=digits, is_local=is_local) or "-"


def _text(value: _Textual, kind: ColumnKind, *, digits: int, is_local: bool) -> str:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return visible(json.dumps(plain_value(value), ensure_ascii=False, allow_nan=False))
    return ", ".join(cell(item, kind, digits=digits, is_local=is_local) for item in value)


def _number(value: float, kind: ColumnKind, digits: int) -> str:
    if kind is ColumnKind.PERCENT:
        return percent(float(value))
    if isinstance(value, int) and kind in {ColumnKind.COUNT, ColumnKind.TEXT, ColumnKind.ID}:
        return str(value)
    if isinstance(value, int) and abs(value) < 10**digits:
        return str(value)
    return significant(float(value), digits)


def plain_value(value: JsonValue) -> JsonValue:
    """Return `value` as strict JSON knows it: times as text, NaN and infinity as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain_value(item) for item in value]
    return value
