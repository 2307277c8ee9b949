"""Named configurations from the catalog's TOML files, looked up by name or alias."""

import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from perfpredict.catalog.transformers.build import build_config
from perfpredict.catalog.transformers.config import TransformerConfig
from perfpredict.errors import InvalidInputError

_NOT_INHERITED = {"name", "aliases"}


def fold(name: str) -> str:
    """Return `name` as it is compared: NFC, case-folded, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def find_transformer(name: str) -> TransformerConfig | None:
    """Return the configuration that `name` or an alias of it names, None where there is none."""
    canonical = aliases().get(fold(name))
    return None if canonical is None else _config(canonical)


def transformer_names() -> tuple[str, ...]:
    """Return the canonical names in the order of the files."""
    return tuple(_entries())


@cache
def aliases() -> Mapping[str, str]:
    """Return every folded name and alias with the canonical name it stands for."""
    canonical_by_alias: dict[str, str] = {}
    for name, facts in _entries().items():
        for alias in (name, *_aliases(facts)):
            other = canonical_by_alias.setdefault(fold(alias), name)
            if other != name:
                raise InvalidInputError(f"alias '{alias}' names both '{other}' and '{name}'")
    return MappingProxyType(canonical_by_alias)


@cache
def architecture_traits(architecture: str) -> Mapping[str, object]:
    """Return the facts that all models of one architecture share."""
    traits = _documents()[0].get(architecture)
    if traits is None:
        raise InvalidInputError(f"no architecture named '{architecture}' in the catalog")
    return MappingProxyType({"architecture": architecture, **traits})


@cache
def _config(name: str) -> TransformerConfig:
    facts = _facts(name)
    tower = facts.pop("tower", None)
    return build_config(facts, tower=None if tower is None else _config(str(tower)))


def _facts(name: str) -> dict[str, object]:
    """Return all facts of one model: its architecture's, those it is like, its own."""
    entry = _entries().get(name)
    if entry is None:
        raise InvalidInputError(f"no model named '{name}' in the catalog's files")
    like = entry.get("like")
    if like is None:
        facts = dict(architecture_traits(str(entry["architecture"])))
    else:
        facts = _facts(str(like))
    own = {key: value for key, value in entry.items() if key not in _NOT_INHERITED}
    facts |= own | {"name": name}
    facts.pop("like", None)
    return facts


@cache
def _entries() -> Mapping[str, Mapping[str, object]]:
    return MappingProxyType(_documents()[1])


@cache
def _documents() -> tuple[dict[str, dict[str, object]], dict[str, dict[str, object]]]:
    """Return traits by architecture and entries by name, of all files."""
    traits: dict[str, dict[str, object]] = {}
    entries: dict[str, dict[str, object]] = {}
    folder = files("perfpredict.catalog").joinpath("model_files")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        if "source" not in document:
            raise InvalidInputError(f"{file.name}: 'source' is missing")
        traits |= document.get("architecture", {})
        for entry in document.get("model", []):
            if entry["name"] in entries:
                raise InvalidInputError(f"{file.name}: '{entry['name']}' is described twice")
            entries[entry["name"]] = entry
    return traits, entries


def _aliases(facts: Mapping[str, object]) -> list[str]:
    names = facts.get("aliases", [])
    return [str(name) for name in names] if isinstance(names, list) else []
