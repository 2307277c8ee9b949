"""Model and weight format out of the names that llama.cpp gives model files and types."""

import re

from perfpredict.catalog.models import find_model
from perfpredict.errors import UnknownModelError

_FORMAT = r"(?:i?q\d_[0-9a-z_]+|bf16|f16|f32|mxfp4)"
_IN_TYPE = re.compile(
    rf"\s(?:all |mostly )?(?P<name>{_FORMAT})"
    r"(?: - (?P<size>small|medium|large)| - [\d.]+ bpw| moe)?$",
    re.IGNORECASE,
)
_IN_FILE = re.compile(rf"[-._](?:ud-)?{_FORMAT}(?:-\d+-of-\d+)?$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.gguf$", re.IGNORECASE)
_UNNAMED = re.compile(r"(ggml-)?model", re.IGNORECASE)
_SHARED_TYPE = "llama "
"""llama 7B may be Llama 1, Llama 2 or Mistral: the type does not tell."""
_SIZES = {"small": "_s", "medium": "_m", "large": "_l"}


def weight_format(model_type: str | None) -> str | None:
    """Return `q4_k_m` of `qwen2 7B Q4_K - Medium`, None where the type names no format."""
    found = None if model_type is None else _IN_TYPE.search(model_type)
    if found is None:
        return None
    return found["name"].lower() + _SIZES.get((found["size"] or "").lower(), "")


def model_name(filename: str | None, model_type: str | None) -> str | None:
    """Return the model: by its file where that has a name, else by a type that only one has.

    None where neither tells.
    """
    stem = _stem(filename)
    if stem is not None and _is_known(stem):
        return stem
    by_type = _IN_TYPE.sub("", model_type or "").replace(" ", "-")
    if by_type and not (model_type or "").startswith(_SHARED_TYPE) and _is_known(by_type):
        return by_type
    return stem


def _stem(filename: str | None) -> str | None:
    if filename is None:
        return None
    base = _SUFFIX.sub("", re.split(r"[/\\]", filename)[-1])
    stem = _IN_FILE.sub("", base)
    return None if _UNNAMED.fullmatch(stem) else stem


def _is_known(name: str) -> bool:
    try:
        find_model(name)
    except UnknownModelError:
        return False
    return True
