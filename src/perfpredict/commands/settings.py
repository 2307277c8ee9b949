"""Where each setting comes from: flag, environment, project file, user file or default."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from perfpredict.catalog.given_files import read_given
from perfpredict.commands.common import CommonOptions
from perfpredict.domain.toml_text import at_line, parse_toml
from perfpredict.errors import InvalidInputError
from perfpredict.reports.report import OutputFormat
from perfpredict.store.places import Location, absolute_folder, default_db_path, parse_location

KEYS = ("db", "format", "color", "user", "lock_timeout", "debug")
"""What a settings file may hold."""
_LARGEST_FILE_BYTES = 2**20
PROJECT_FILE = "perfpredict.toml"
SPECIAL_FORMATS = ("github", "junit", "parquet")
"""Formats that only some commands write; see `root.FORMATS_BY_COMMAND`."""


class ColorChoice(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value as text, and the flag, variable or file that it comes from."""

    text: str | None
    origin: str
    folder: Path | None = None
    """Folder of the file that gave it; relative paths start there."""
    line: str = ""
    """` (at line N)` where a file gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every command needs to know, checked."""

    db: Location
    requested_format: str
    """Also names formats that only one command writes, such as `junit`."""
    color: ColorChoice
    user: str | None
    lock_timeout_s: float
    quiet: bool
    quiet_field: str | None
    verbose: bool
    debug: bool
    origins: Mapping[str, Setting]

    @property
    def output_format(self) -> OutputFormat:
        """The general format; `auto` stands in where the command writes its own."""
        is_special = self.requested_format in SPECIAL_FORMATS
        return OutputFormat.AUTO if is_special else OutputFormat(self.requested_format)


def resolve_settings(options: CommonOptions, environ: Mapping[str, str]) -> Settings:
    """Return the settings that hold for this call.

    Raises InvalidInputError, naming the origin, for an unknown key or an unusable value.
    """
    layers = [_flags(options), _environment(environ), *_files(options, environ), _defaults(environ)]
    found = {key: next(layer[key] for layer in layers if key in layer) for key in KEYS}
    return Settings(
        db=_location(found["db"]),
        requested_format=_choice(found["format"], [*OutputFormat, *SPECIAL_FORMATS]),
        color=ColorChoice(_choice(found["color"], list(ColorChoice))),
        user=found["user"].text,
        lock_timeout_s=_seconds(found["lock_timeout"]),
        quiet=options.quiet is not None,
        quiet_field=options.quiet or None,
        verbose=options.verbose,
        debug=_truth(found["debug"]),
        origins=found,
    )


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Return the file that holds this user's settings, whether or not it exists."""
    from platformdirs import user_config_path as config_folder

    folder = absolute_folder("XDG_CONFIG_HOME", environ, config_folder("perfpredict"))
    return folder / "config.toml"


def _flags(options: CommonOptions) -> dict[str, Setting]:
    texts = {
        "db": ("--db", options.db),
        "format": ("--format", options.output_format),
        "color": ("--color", options.color),
        "lock_timeout": ("--lock-timeout", options.lock_timeout),
        "debug": ("--debug", "true" if options.debug else None),
    }
    return {
        key: Setting(text=text, origin=flag)
        for key, (flag, text) in texts.items()
        if text is not None
    }


def _environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    names = {key: f"PERFPREDICT_{key.upper()}" for key in KEYS if key != "color"}
    return {
        key: Setting(text=environ[name], origin=name)
        for key, name in names.items()
        if environ.get(name)
    }


def _files(options: CommonOptions, environ: Mapping[str, str]) -> list[dict[str, Setting]]:
    """Return the layers of the named or project file and of the user's file."""
    named = options.config or environ.get("PERFPREDICT_CONFIG")
    if named:
        project = read_settings_file(Path(named).expanduser(), is_required=True)
    else:
        project = _project_file()
    return [project, read_settings_file(user_config_path(environ))]


def _project_file() -> dict[str, Setting]:
    if Path(PROJECT_FILE).is_file():
        return read_settings_file(Path(PROJECT_FILE))
    pyproject = Path("pyproject.toml")
    if not pyproject.is_file():
        return {}
    text = _read_toml(pyproject)
    tool = parse_toml(str(pyproject), text).get("tool")
    table = tool.get("perfpredict") if isinstance(tool, dict) else None
    return _checked(table, text, pyproject, "tool.perfpredict") if isinstance(table, dict) else {}


def read_settings_file(path: Path, *, is_required: bool = False) -> dict[str, Setting]:
    """Return the settings in the TOML file `path`; empty where there is none.

    Raises InvalidInputError for an unknown key, a value of the wrong type or broken TOML.
    """
    if not path.is_file() and not is_required:
        return {}
    text = _read_toml(path)
    return _checked(parse_toml(str(path), text), text, path, "")


def _read_toml(path: Path) -> str:
    data = read_given(path, most_bytes=_LARGEST_FILE_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"{path}: not UTF-8 text") from exc


def _checked(table: Mapping[str, object], text: str, path: Path, prefix: str) -> dict[str, Setting]:
    found = {}
    for key, value in table.items():
        line = at_line(text, key, prefix)
        name = f"{prefix}.{key}" if prefix else key
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(KEYS)}"
            raise InvalidInputError(f"{path}: unknown key '{name}'{line}", hint=hint)
        if not isinstance(value, str | int | float):
            raise InvalidInputError(f"{path}: {name}: must be one value, got {value!r}{line}")
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        found[key] = Setting(text=shown, origin=str(path), folder=path.absolute().parent, line=line)
    return found


def _defaults(environ: Mapping[str, str]) -> dict[str, Setting]:
    texts: dict[str, str | None] = {
        "db": str(default_db_path(environ)),
        "format": "auto",
        "color": "auto",
        "user": None,
        "lock_timeout": "30",
        "debug": "false",
    }
    return {key: Setting(text=text, origin="default") for key, text in texts.items()}


def _location(setting: Setting) -> Location:
    try:
        return parse_location(setting.text or "", folder=setting.folder)
    except InvalidInputError as exc:
        raise InvalidInputError(
            f"{setting.origin}: {exc.message}{setting.line}", hint=exc.hint
        ) from exc


def _choice(setting: Setting, choices: list[str]) -> str:
    text = str(setting.text)
    if text in choices:
        return text
    near = get_close_matches(text, choices, 3)
    raise InvalidInputError(
        f"{setting.origin}: must be one of {', '.join(choices)} (got '{text}'){setting.line}",
        hint=f"did you mean {' or '.join(near)}?" if near else None,
    )


def _seconds(setting: Setting) -> float:
    problem = (
        f"{setting.origin}: lock timeout must be 0 or more seconds "
        f"(got '{setting.text}'){setting.line}"
    )
    try:
        seconds = float(str(setting.text))
    except ValueError:
        raise InvalidInputError(problem) from None
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidInputError(problem)
    return seconds


def _truth(setting: Setting) -> bool:
    text = str(setting.text).casefold()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise InvalidInputError(
        f"{setting.origin}: debug must be true or false (got '{setting.text}'){setting.line}"
    )


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ
