"""Named configurations from the catalog's TOML files, looked up by name or alias.

Parsing all files takes longer than a prediction. So a name is looked for in their text first, and
only the files that hold it are parsed.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from perfpredict.catalog.transformers.build import build_config
from perfpredict.catalog.transformers.config import TransformerConfig
from perfpredict.errors import InvalidInputError

_NOT_INHERITED = {"name", "aliases"}

Facts = Mapping[str, object]


def fold(name: str) -> str:
    """Return `name` as it is compared: NFC, case-folded, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def find_transformer(name: str) -> TransformerConfig | None:
    """Return the configuration that `name` or an alias of it names, None where there is none."""
    wanted = fold(name)
    for file in _files_that_hold(wanted):
        for canonical, facts in _document(file).entries.items():
            if wanted in (fold(alias) for alias in (canonical, *_aliases(facts))):
                return _config(canonical)
    return None


def transformer_names() -> tuple[str, ...]:
    """Return the canonical names in the order of the files."""
    return tuple(name for file in _texts() for name in _document(file).entries)


@cache
def aliases() -> Mapping[str, str]:
    """Return every folded name and alias with the canonical name it stands for."""
    canonical_by_alias: dict[str, str] = {}
    described: set[str] = set()
    for file in _texts():
        for name, facts in _document(file).entries.items():
            if name in described:
                raise InvalidInputError(f"{file}: '{name}' is described twice")
            described.add(name)
            for alias in (name, *_aliases(facts)):
                other = canonical_by_alias.setdefault(fold(alias), name)
                if other != name:
                    raise InvalidInputError(f"alias '{alias}' names both '{other}' and '{name}'")
    return MappingProxyType(canonical_by_alias)


@cache
def architecture_traits(architecture: str) -> Facts:
    """Return the facts that all models of one architecture share."""
    for file in _files_that_hold(fold(architecture)):
        traits = _document(file).traits.get(architecture)
        if traits is not None:
            return MappingProxyType({"architecture": architecture, **traits})
    raise InvalidInputError(f"no architecture named '{architecture}' in the catalog")


@cache
def _config(name: str) -> TransformerConfig:
    facts = _facts(name)
    tower = facts.pop("tower", None)
    return build_config(facts, tower=None if tower is None else _config(str(tower)))


def _facts(name: str) -> dict[str, object]:
    """Return all facts of one model: its architecture's, those it is like, its own."""
    entry = _entry(name)
    like = entry.get("like")
    if like is None:
        facts = dict(architecture_traits(str(entry["architecture"])))
    else:
        facts = _facts(str(like))
    own = {key: value for key, value in entry.items() if key not in _NOT_INHERITED}
    facts |= own | {"name": name}
    facts.pop("like", None)
    return facts


def _entry(name: str) -> Facts:
    for file in _files_that_hold(fold(name)):
        entry = _document(file).entries.get(name)
        if entry is not None:
            return entry
    raise InvalidInputError(f"no model named '{name}' in the catalog's files")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What one file holds."""

    traits: Mapping[str, Facts]
    """By architecture."""
    entries: Mapping[str, Facts]
    """By canonical name."""


@cache
def _texts() -> Mapping[str, str]:
    """Return the text of every file, in the order of their names."""
    folder = files("perfpredict.catalog").joinpath("model_files")
    found = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in found}


@cache
def _folded_texts() -> Mapping[str, str]:
    return {file: fold(text) for file, text in _texts().items()}


def _files_that_hold(folded: str) -> list[str]:
    return [file for file, text in _folded_texts().items() if folded in text]


@cache
def _document(file: str) -> _Document:
    document = tomllib.loads(_texts()[file])
    if "source" not in document:
        raise InvalidInputError(f"{file}: 'source' is missing")
    entries: dict[str, Facts] = {}
    for entry in document.get("model", []):
        if entry["name"] in entries:
            raise InvalidInputError(f"{file}: '{entry['name']}' is described twice")
        entries[entry["name"]] = entry
    return _Document(traits=document.get("architecture", {}), entries=entries)


def _aliases(facts: Facts) -> list[str]:
    names = facts.get("aliases", [])
    return [str(name) for name in names] if isinstance(names, list) else []
