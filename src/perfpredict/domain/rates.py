"""Which arithmetic rate a device offers for a precision, and what happens where it has none."""

from dataclasses import dataclass, replace

from perfpredict.domain.device import Device, DeviceKind
from perfpredict.domain.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticRate:
    """How the matrix arithmetic of one precision runs on one device."""

    flops_per_s: float
    operand_bytes: float
    """Of one value, as the multipliers take it."""
    is_emulated: bool = False
    """Narrow values are widened for arithmetic, so they move as fp32 and gain no speed."""
    caution: str | None = None


# Where a format has no arithmetic of its own, the next one in line computes it.
_SUBSTITUTES: dict[Precision, tuple[Precision, ...]] = {
    Precision.TF32: (Precision.FP32,),
    Precision.FP16: (Precision.FP32,),
    Precision.BF16: (Precision.FP32,),
    Precision.FP8: (Precision.FP16, Precision.BF16, Precision.FP32),
    Precision.INT8: (Precision.FP16, Precision.BF16, Precision.FP32),
    Precision.INT4: (Precision.FP16, Precision.BF16, Precision.FP32),
}


def arithmetic_rate(
    device: Device, precision: Precision, *, quantization: str | None = None
) -> ArithmeticRate:
    """Return the peak rate at which `device` computes matrix products in `precision`.

    Weights quantised alone (int4, or int8 by a named scheme) are widened to 16 bits first, so
    their arithmetic is that of the widest 16-bit format that the device has.
    """
    wanted = precision.arithmetic
    is_weight_only = wanted is Precision.INT4 or (
        wanted is Precision.INT8 and quantization is not None
    )
    peaks = device.peak_flops_per_s
    if wanted in peaks and not is_weight_only:
        return ArithmeticRate(flops_per_s=peaks[wanted], operand_bytes=_OPERAND_BYTES[wanted])
    substitute = next((p for p in _SUBSTITUTES.get(wanted, ()) if p in peaks), Precision.FP32)
    operand_bytes = _OPERAND_BYTES[substitute]
    if is_weight_only:
        return ArithmeticRate(flops_per_s=peaks[substitute], operand_bytes=operand_bytes)
    if wanted is Precision.TF32:
        caution = f"{device.name} has no tf32 arithmetic; computed as fp32"
        return ArithmeticRate(
            flops_per_s=peaks[substitute], operand_bytes=operand_bytes, caution=caution
        )
    is_emulated = wanted in (Precision.FP16, Precision.BF16)
    reason = "no faster than fp32" if is_emulated else f"computed in {substitute}"
    return ArithmeticRate(
        flops_per_s=peaks[substitute],
        operand_bytes=operand_bytes,
        is_emulated=is_emulated,
        caution=f"{device.name} has no {wanted} arithmetic: {reason}",
    )


_OPERAND_BYTES = {
    Precision.FP32: 4.0, Precision.TF32: 4.0, Precision.FP16: 2.0, Precision.BF16: 2.0,
    Precision.FP8: 1.0, Precision.INT8: 1.0, Precision.INT4: 0.5,
}  # fmt: skip


def operands_per_vector_flop(device: Device, rate: ArithmeticRate) -> float:
    """Return bytes that matrix units at peak take in for each fp32 operation of the vector units.

    Both are fed through the same registers and shared memory. 4 is what the vector units take
    themselves, and what GeForce cards of two generations take; NVIDIA's A100 and H100 take 32 and
    30 in every format but fp32.
    """
    return rate.flops_per_s * rate.operand_bytes / device.peak_flops_per_s[Precision.FP32]


def convolution_rate(device: Device, precision: Precision, rate: ArithmeticRate) -> ArithmeticRate:
    """Return the peak for convolutions: PyTorch lets fp32 ones run as tf32 where there is tf32.

    Source: `torch.backends.cudnn.allow_tf32` is True by default since PyTorch 1.7.
    """
    is_tf32_gpu = device.kind is not DeviceKind.CPU and Precision.TF32 in device.peak_flops_per_s
    if precision is Precision.FP32 and is_tf32_gpu:
        tf32 = device.peak_flops_per_s[Precision.TF32]
        return replace(rate, flops_per_s=tf32, operand_bytes=_OPERAND_BYTES[Precision.TF32])
    return rate
