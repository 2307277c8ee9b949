"""Number formats: how wide a value is, and in which format the arithmetic runs."""

from enum import StrEnum
from typing import Self

from perfpredict.errors import InvalidInputError


class Precision(StrEnum):
    """Format of weights and arithmetic of a workload."""

    FP32 = "fp32"
    TF32 = "tf32"
    FP16 = "fp16"
    BF16 = "bf16"
    AMP_FP16 = "amp-fp16"
    AMP_BF16 = "amp-bf16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the precision that `text` names, by its own name or a usual spelling.

        Raises InvalidInputError for a name that is none.
        """
        key = text.strip().casefold().replace("_", "-")
        try:
            return cls(_SPELLINGS.get(key, key))
        except ValueError:
            names = ", ".join(p.value for p in cls)
            raise InvalidInputError(
                f"no precision named '{text}'", hint=f"the precisions are {names}"
            ) from None

    @property
    def weight_bytes(self) -> float:
        """Bytes that one stored weight takes; mixed precision keeps fp32 weights."""
        return _WEIGHT_BYTES[self]

    @property
    def activation_bytes(self) -> float:
        """Bytes that one activation value takes."""
        return _ACTIVATION_BYTES[self]

    @property
    def arithmetic(self) -> "Precision":
        """Format whose peak rate bounds the matrix arithmetic."""
        return _ARITHMETIC.get(self, self)


_SPELLINGS = {
    "float32": "fp32", "float": "fp32", "single": "fp32", "f32": "fp32",
    "float16": "fp16", "half": "fp16", "f16": "fp16",
    "bfloat16": "bf16", "bp16": "bf16",
    "tensorfloat32": "tf32", "tfloat32": "tf32",
    "amp": "amp-fp16", "mixed": "amp-fp16",
    "amp-float16": "amp-fp16", "amp-bfloat16": "amp-bf16",
    "float8": "fp8", "fp8-e4m3": "fp8", "fp8-e5m2": "fp8", "fp8-e4m3fn": "fp8",
    "w8a8": "int8", "i8": "int8", "uint8": "int8", "q8-0": "int8",
    "i4": "int4", "uint4": "int4", "w4a16": "int4",
}  # fmt: skip

_WEIGHT_BYTES = {
    Precision.FP32: 4.0,
    Precision.TF32: 4.0,
    Precision.FP16: 2.0,
    Precision.BF16: 2.0,
    Precision.AMP_FP16: 4.0,
    Precision.AMP_BF16: 4.0,
    Precision.FP8: 1.0,
    Precision.INT8: 1.0,
    # 4 bits and a 16-bit scale and zero point for each group of 64 to 128 weights
    Precision.INT4: 0.56,
}

_ACTIVATION_BYTES = {
    Precision.FP32: 4.0,
    Precision.TF32: 4.0,
    Precision.FP16: 2.0,
    Precision.BF16: 2.0,
    Precision.AMP_FP16: 2.0,
    Precision.AMP_BF16: 2.0,
    Precision.FP8: 2.0,
    Precision.INT8: 2.0,
    Precision.INT4: 2.0,
}

_ARITHMETIC = {Precision.AMP_FP16: Precision.FP16, Precision.AMP_BF16: Precision.BF16}
