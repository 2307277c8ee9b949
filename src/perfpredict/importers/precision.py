"""Reads the precision names of result files, in which the quantisation scheme is often a suffix."""

import re

from perfpredict.domain.precision import Precision
from perfpredict.errors import InvalidInputError

_NOT_STATED = {"", "unstated", "unknown", "none", "null", "n/a", "na", "?", "-"}

_SCHEMES_4_BIT = {"awq", "gptq", "nf4", "mxfp4", "nvfp4", "fp4"}
"""Schemes whose weights take four bits when no width is named beside them."""

_SCHEMES = _SCHEMES_4_BIT | {
    "bnb",
    "bitsandbytes",
    "hqq",
    "quanto",
    "smoothquant",
    "int8wo",
    "int4wo",
}

_GGUF = re.compile(r"i?q(\d)[_-](0|1|k|k[_-][sml]|nl|xs|xxs|s|m)")
"""llama.cpp's weight formats, e.g. q4_k_m, q8_0, iq4_nl; the digit is the nominal width."""

_GGUF_WIDTHS = {"4": Precision.INT4, "8": Precision.INT8}


def parse_precision(text: str) -> tuple[Precision, str | None]:
    """Return the precision and the quantisation scheme that `text` names, the latter if any.

    `int4_awq` gives (INT4, 'awq'), `q4_k_m` (INT4, 'q4_k_m'), `fp16` (FP16, None). Raises
    InvalidInputError for a name that is none and for one that says it is unknown.
    """
    name = text.strip().casefold()
    if name in _NOT_STATED:
        raise InvalidInputError(
            "precision is not stated", hint="give it with --default precision=NAME if you know it"
        )
    gguf = _GGUF.fullmatch(name)
    if gguf:
        return _gguf_precision(gguf.group(1), name), name.replace("-", "_")
    if name in _SCHEMES_4_BIT:
        return Precision.INT4, name
    width, _, scheme = name.replace("-", "_").rpartition("_")
    if width and scheme in _SCHEMES:
        return Precision.parse(width), "bnb" if scheme == "bitsandbytes" else scheme
    return Precision.parse(text), None


def _gguf_precision(width: str, name: str) -> Precision:
    try:
        return _GGUF_WIDTHS[width]
    except KeyError:
        raise InvalidInputError(
            f"precision '{name}' stores {width}-bit weights, which no precision here stands for",
            hint="the weight widths are 4 and 8 bits",
        ) from None
