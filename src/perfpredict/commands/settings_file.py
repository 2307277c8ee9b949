"""Writes one setting to a TOML file and leaves the rest of the file as it is."""

import json
import os
import re
from difflib import get_close_matches
from pathlib import Path

from perfpredict.catalog.written_files import write_atomically
from perfpredict.commands.common import CommonOptions
from perfpredict.commands.settings import KEYS, read_settings_file, resolve_settings
from perfpredict.domain.names import clean_text
from perfpredict.errors import InvalidInputError
from perfpredict.store.places import parse_location


def write_setting(path: Path, key: str, value: str) -> Path:
    """Set `key` in the file at `path`, which is made if there is none; return the path.

    Raises InvalidInputError for an unknown key, a value that cannot be used, or a broken file.
    """
    if key not in KEYS:
        near = get_close_matches(key, KEYS, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"keys: {', '.join(KEYS)}"
        raise InvalidInputError(f"no setting named '{key}'", hint=hint)
    clean_text(key, value, 1000)
    _check(key, value)
    read_settings_file(path)
    line = f"{key} = {_toml(key, value)}"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    pattern = re.compile(rf"^{key}\s*=.*$", re.MULTILINE)
    if pattern.search(text):
        text = pattern.sub(lambda _: line, text, count=1)
    else:
        text = f"{text.rstrip()}\n{line}\n".lstrip()
    _replace(path, text)
    return path


def _check(key: str, value: str) -> None:
    """Raise InvalidInputError unless `value` would do as this setting."""
    options = {
        "db": CommonOptions(db=value),
        "format": CommonOptions(output_format=value),
        "color": CommonOptions(color=value),
        "lock_timeout": CommonOptions(lock_timeout=value),
    }
    if key in options:
        resolve_settings(options[key], os.environ)
    elif key == "debug" and value not in {"true", "false"}:
        raise InvalidInputError(f"debug: must be true or false (got '{value}')")


def _toml(key: str, value: str) -> str:
    if key == "db":
        # another folder may be the current one when the file is read
        place = parse_location(value)
        value = str(place.absolute()) if isinstance(place, Path) else place.url
    return value if key in {"lock_timeout", "debug"} else json.dumps(value, ensure_ascii=False)


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        reason = (exc.strerror or "").lower()
        raise InvalidInputError(f"'{path.parent}': cannot be made: {reason}") from exc
    # the name of a team store may hold a password
    write_atomically(path, text.encode(), is_private=True)
