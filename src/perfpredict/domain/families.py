"""One name for each family of models, whatever a caller calls it."""

_NAMES = {
    "embedding": "text_embedding",
    "text-embedding": "text_embedding",
    "text-generation": "text_generation",
    "llm": "text_generation",
    "text-to-text": "text2text",
    "text2text-generation": "text2text",
    "seq2seq": "text2text",
}
"""Other spellings; a name that is not here is its own."""


def canonical_family(name: str) -> str:
    """Return the canonical name of a family; one that is in no table comes back as it is."""
    return _NAMES.get(name.strip().casefold(), name.strip())


def family_spellings(name: str) -> tuple[str, ...]:
    """Return every name under which rows of this family may be stored, the canonical one first."""
    canonical = canonical_family(name)
    others = (other for other, target in _NAMES.items() if target == canonical)
    return tuple(dict.fromkeys((canonical, name, *others)))
