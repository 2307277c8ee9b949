"""The profile of an image size that was not captured, from the two captured sizes around it."""

import math
from dataclasses import replace

from perfpredict.domain.operations import Op, OpProfile


def derive_profile(
    image_size: int, small: tuple[int, OpProfile], large: tuple[int, OpProfile]
) -> OpProfile | None:
    """Return the profile between two captured ones, each amount a power of the image size.

    Amounts of convolutions grow with size², of attention with size⁴, weights with size⁰, so a
    straight line between the logarithms follows them all, save for the rounding of odd sizes.
    None where the two sizes launch different operations.
    """
    (small_size, low), (large_size, high) = small, large
    if _launches(low) != _launches(high):
        return None
    share = math.log(image_size / small_size) / math.log(large_size / small_size)
    return OpProfile(
        ops=tuple(_op_between(*pair, share) for pair in zip(low.ops, high.ops, strict=True)),
        parameters=_between(low.parameters, high.parameters, share),
        peak_activation_elements=_between(
            low.peak_activation_elements, high.peak_activation_elements, share
        ),
    )


def _launches(profile: OpProfile) -> list[tuple[str, float]]:
    return [(op.op_class.value, op.count) for op in profile.ops]


def _op_between(low: Op, high: Op, share: float) -> Op:
    return replace(
        low,
        flops=_between(low.flops, high.flops, share),
        activation_elements_read=_between(
            low.activation_elements_read, high.activation_elements_read, share
        ),
        weight_elements_read=_between(low.weight_elements_read, high.weight_elements_read, share),
        elements_written=_between(low.elements_written, high.elements_written, share),
    )


def _between(low: float, high: float, share: float) -> float:
    """Return low^(1 - share) · high^share; a straight line where one of them is zero."""
    if low == high:
        return low
    if low <= 0 or high <= 0:
        return low + share * (high - low)
    return math.exp((1 - share) * math.log(low) + share * math.log(high))
