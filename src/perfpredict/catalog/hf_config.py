"""Reads a Hugging Face `config.json` into a transformer configuration.

Each `model_type` names an architecture of the catalog, whose traits hold, and the keys under which
its sizes stand in the file.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from perfpredict.catalog.given_files import read_given
from perfpredict.catalog.hf_families import CLIP_TEXT, CLIP_VISION, FAMILIES, LIKE
from perfpredict.catalog.hf_keys import Keys
from perfpredict.catalog.transformers.build import build_config
from perfpredict.catalog.transformers.config import TransformerConfig
from perfpredict.catalog.transformers.registry import architecture_traits
from perfpredict.catalog.transformers.table import LARGEST
from perfpredict.errors import InvalidInputError

LARGEST_FILE_BYTES = 10_000_000
"""A config.json is a few kilobytes; anything this large is another file."""


def read_config(path: Path) -> TransformerConfig:
    """Return the configuration that the file describes, named after its repository or folder.

    Raises InvalidInputError for a file that is no such JSON, an unknown `model_type` or a missing
    key; the message names file and key.
    """
    found = _load(path)
    model_type = found.get("model_type")
    if not isinstance(model_type, str):
        raise InvalidInputError(f"{path}: 'model_type' is missing")
    name = _name(path, found)
    try:
        if model_type == "clip":
            return _clip(name, found)
        nested = found.get("text_config")
        if isinstance(nested, dict):  # Gemma 3 keeps its text model's sizes there
            found = {**found, **nested}
        return _config(_keys(model_type), name, found)
    except InvalidInputError as exc:
        raise InvalidInputError(f"{path}: {exc.message}", hint=exc.hint) from exc


def _keys(model_type: str) -> Keys:
    keys = FAMILIES.get(LIKE.get(model_type, model_type))
    if keys is None:
        raise InvalidInputError(
            f"no model_type '{model_type:.40}' is known here",
            hint=f"known are {', '.join(sorted({*FAMILIES, *LIKE, 'clip'}))}",
        )
    return keys


def _config(
    keys: Keys,
    name: str,
    found: Mapping[str, object],
    tower: TransformerConfig | None = None,
    **more: object,
) -> TransformerConfig:
    facts = {**architecture_traits(keys.architecture), "name": name, **more}
    facts |= _translate(keys, found)
    known = {key: value for key, value in facts.items() if value is not None}
    return build_config(known, tower=tower)


def _clip(name: str, found: Mapping[str, object]) -> TransformerConfig:
    """Return both towers, which stand in the file as `text_config` and `vision_config`."""
    text, vision = found.get("text_config"), found.get("vision_config")
    if not isinstance(text, dict) or not isinstance(vision, dict):
        raise InvalidInputError("'text_config' and 'vision_config' must both be given")
    shared = _translate(Keys(architecture="clip", required={"width": "projection_dim"}), found)
    width = shared["width"]
    pairs = [
        _translate(Keys(architecture="clip", required={"hidden": "hidden_size"}), tower)["hidden"]
        for tower in (text, vision)
    ]
    image = _config(CLIP_VISION, f"{name}-vision", vision, projections=[[pairs[1], width, False]])
    return _config(CLIP_TEXT, name, text, image, projections=[[pairs[0], width, False]])


def _load(path: Path) -> Mapping[str, object]:
    data = read_given(path, most_bytes=LARGEST_FILE_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"{path}: not UTF-8 text") from exc
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise InvalidInputError(f"{path}: not JSON ({str(exc)[:80]})") from exc
    if not isinstance(found, dict):
        raise InvalidInputError(f"{path}: must be a JSON object, not a {type(found).__name__}")
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _name(path: Path, found: Mapping[str, object]) -> str:
    given = found.get("_name_or_path")
    if isinstance(given, str) and given.strip():
        return given
    folder = path.resolve().parent.name
    return path.stem if path.stem != "config" or not folder else folder


def _translate(keys: Keys, found: Mapping[str, object]) -> dict[str, object]:
    """Return our facts from the file's keys; a required key that is absent is named."""
    facts: dict[str, object] = {}
    for ours, theirs in keys.required.items():
        names = theirs.split("|")
        value = next((found[name] for name in names if found.get(name) is not None), None)
        if value is None:
            raise InvalidInputError(f"'{names[0]}' is missing")
        facts[ours] = value
    for ours, theirs in keys.optional.items():
        names = theirs.split("|")
        value = next((found[name] for name in names if found.get(name) is not None), None)
        if value is not None:
            facts[ours] = value
    _check_whole(facts)
    for derive in keys.derived:
        derive(facts, found)
    return facts


def _check_whole(facts: Mapping[str, object]) -> None:
    """Refuse numbers that could not be sizes before anything is computed from them."""
    for key, value in facts.items():
        if isinstance(value, bool | str) or not isinstance(value, int | float):
            continue
        if not 0 <= value <= LARGEST:
            raise InvalidInputError(f"'{key}' must be from 0 to {LARGEST}")
