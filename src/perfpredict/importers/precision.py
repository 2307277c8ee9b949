"""Reads the precision names of result files, in which the quantisation scheme is often a suffix."""

from perfpredict.domain.precision import Precision
from perfpredict.domain.quantization import precision_of_scheme
from perfpredict.errors import InvalidInputError

_NOT_STATED = {"", "unstated", "unknown", "none", "null", "n/a", "na", "?", "-"}

_SCHEMES = {
    "awq", "gptq", "nf4", "mxfp4", "nvfp4", "fp4", "bnb", "bitsandbytes", "hqq", "quanto",
    "smoothquant", "int8wo", "int4wo",
}  # fmt: skip


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
    alone = precision_of_scheme(name)
    if alone is not None and alone.value != name:
        return alone, name.replace("-", "_")
    width, _, scheme = name.replace("-", "_").rpartition("_")
    if width and scheme in _SCHEMES:
        return Precision.parse(width), "bnb" if scheme == "bitsandbytes" else scheme
    return Precision.parse(text), None
