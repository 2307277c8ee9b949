"""TOML as people write it: every failure is an error of ours, and a key is found by its line."""

import re
import tomllib

from perfpredict.errors import InvalidInputError

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""")


def parse_toml(where: str, text: str) -> dict[str, object]:
    """Return what the TOML `text` holds; InvalidInputError names `where` for what is none."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InvalidInputError(f"{where}: not valid TOML: values are nested too deeply") from None
    except ValueError as exc:
        # not only TOMLDecodeError: a number of more than 4,300 digits is refused by int() itself
        raise InvalidInputError(f"{where}: not valid TOML: {str(exc).lower()}") from exc


def at_line(text: str, key: str, table: str = "") -> str:
    """Return ` (at line N)` for the line of TOML that sets `key` in `table`, or nothing."""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            current = header[1]
        elif current == table and (found := _KEY.match(line)) and found[1] == key:
            return f" (at line {number})"
    return ""
