"""Which names and texts are stored: one rule for commands, library and importers."""

import re
import unicodedata

from perfpredict.errors import InvalidInputError

MAX_NAME_LENGTH = 200
MAX_TEXT_LENGTH = 10_000
_PUNCTUATION = frozenset("._-/:@+ ")
# a leading one reads as an option, or as a formula in a spreadsheet
_FORBIDDEN_STARTS = ("-", "=", "+", "@")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}\Z")


def clean_name(field: str, text: str) -> str:
    """Return `text` in NFC without surrounding blanks, as a name may be stored.

    Raises InvalidInputError naming `field` unless it has 1 to 200 letters, digits and `._-/:@+ `,
    the first of which is none of `-=+@`.
    """
    name = unicodedata.normalize("NFC", text).strip(" ")
    if not name:
        raise InvalidInputError(f"{field}: must not be blank")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInputError(
            f"{field}: must have at most {MAX_NAME_LENGTH} characters, got {len(name)}"
        )
    if name.startswith(_FORBIDDEN_STARTS):
        raise InvalidInputError(f"{field}: must not start with '{name[0]}' (got '{name}')")
    for character in name:
        if not _is_name_character(character):
            raise InvalidInputError(
                f"{field}: has a character that names may not have, {_shown(character)}",
                hint="letters, digits, blanks and ._-/:@+ may be in a name",
            )
    return name


def _shown(character: str) -> str:
    is_plain = character.isascii() and character.isprintable()
    return f"'{character}'" if is_plain else f"U+{ord(character):04X}"


def _is_name_character(character: str) -> bool:
    # marks (M) belong to the letters of many scripts and have no composed form
    return character in _PUNCTUATION or unicodedata.category(character)[0] in "LNM"


def clean_text(field: str, text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return `text` unchanged if it can be stored.

    Raises InvalidInputError naming `field` if it is longer than `limit` characters, is not
    encodable or has a NUL character.
    """
    if len(text) > limit:
        raise InvalidInputError(f"{field}: must have at most {limit} characters, got {len(text)}")
    if "\x00" in text:
        raise InvalidInputError(f"{field}: must not have a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInputError(f"{field}: is not valid Unicode text") from None
    return text


def parse_whole_number(field: str, text: str, *, lowest: int = 1, highest: int) -> int:
    """Return the whole number that `text` writes in ASCII digits.

    Raises InvalidInputError naming `field` for anything else or outside of the range.
    """
    stripped = text.strip()
    if not _WHOLE_NUMBER.match(stripped) or not lowest <= int(stripped) <= highest:
        raise InvalidInputError(
            f"{field}: must be a whole number from {lowest} to {highest} (got '{text}')"
        )
    return int(stripped)
