"""Schemes of quantised weights: how wide each stores them, and which precision that is."""

import re

from perfpredict.domain.precision import Precision

GGUF_BITS = {
    "q2_k": 3.16, "q3_k_s": 3.64, "q3_k_m": 4.0, "q3_k_l": 4.3, "q4_0": 4.5, "q4_1": 5.0,
    "q4_k": 4.5, "q4_k_s": 4.58, "q4_k_m": 4.85, "iq4_xs": 4.25, "iq4_nl": 4.5, "q5_0": 5.5,
    "q5_1": 6.0, "q5_k": 5.5, "q5_k_s": 5.57, "q5_k_m": 5.7, "q6_k": 6.56, "q8_0": 8.5,
}  # fmt: skip
"""Bits per weight of whole llama.cpp files (its `quantize` README and block layouts)."""

SCHEME_BYTES = {
    # LLM.int8(): one byte and an fp32 scale per output row (Dettmers et al. 2022, section 3)
    "bnb": {Precision.INT8: 1.0, Precision.INT4: 0.5 + 4 / 64},
    # bitsandbytes Linear4bit: fp32 absmax per block of 64 weights, without double quantisation
    "nf4": {Precision.INT4: 0.5 + 4 / 64},
    "fp4": {Precision.INT4: 0.5 + 4 / 64},
    # fp16 scale and 4-bit zero point for each group of 128 (AutoGPTQ and AutoAWQ defaults)
    "gptq": {Precision.INT4: 0.5 + 2.5 / 128, Precision.INT8: 1.0 + 3 / 128},
    "awq": {Precision.INT4: 0.5 + 2.5 / 128},
    # an 8-bit scale for each block of 32 (OCP Microscaling specification 1.0)
    "mxfp4": {Precision.INT4: 0.5 + 1 / 32},
    # an FP8 scale for each block of 16 (NVIDIA, Transformer Engine documentation)
    "nvfp4": {Precision.INT4: 0.5 + 1 / 16},
}
"""Bytes per converted weight, scales and zero points included."""

WIDE = frozenset(
    {
        Precision.FP32, Precision.TF32, Precision.FP16, Precision.BF16, Precision.AMP_FP16,
        Precision.AMP_BF16,
    }
)  # fmt: skip
"""Precisions that no scheme stores weights in; beside one they are those of the arithmetic."""

_GGUF = re.compile(r"i?q(\d)[_-](0|1|k|k[_-][sml]|nl|xs|xxs|s|m)")
"""llama.cpp's weight formats, e.g. q4_k_m, q8_0, iq4_nl; the digit is the nominal width."""
_FOUR_BITS = frozenset({"awq", "gptq", "nf4", "mxfp4", "nvfp4", "fp4", "int4wo"})
_EIGHT_BITS = frozenset({"smoothquant", "int8wo", "llm_int8"})


def precision_of_scheme(scheme: str) -> Precision | None:
    """Return the precision that weights of `scheme` have when no width is named beside it.

    None where the scheme has several widths (`bnb`) or is not known. Widths between four and
    eight bits, which llama.cpp has, are INT4: the nearest that devices compute with; what they
    store is in GGUF_BITS.
    """
    name = scheme.casefold()
    gguf = _GGUF.fullmatch(name)
    if gguf:
        return Precision.INT8 if gguf.group(1) == "8" else Precision.INT4
    if name in _FOUR_BITS:
        return Precision.INT4
    if name in _EIGHT_BITS:
        return Precision.INT8
    return Precision.FP8 if name == "fp8" else None


def bytes_per_weight(precision: Precision, scheme: str | None) -> float:
    """Return bytes that a converted weight takes, its share of scales included."""
    if scheme in GGUF_BITS:
        return GGUF_BITS[scheme] / 8.0
    return SCHEME_BYTES.get(scheme or "", {}).get(precision, precision.weight_bytes)
