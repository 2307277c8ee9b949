"""Finer kinds of operation, told from amounts alone: the same class runs at unlike efficiencies.

A layer normalisation is not a batch normalisation, a 3 x 3 convolution not one of patches, and a
copy not a gather. The kind depends on what one launch reads, writes and computes, hardly on the
batch, so it is found once for each profile.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from perfpredict.catalog.capture.amounts import BATCH_NORM_FLOPS
from perfpredict.domain.operations import OpClass
from perfpredict.features import OP_KINDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WIDE_READ = 16.0
"""Values read for each one written, from which on a reduction leaves few values."""
LARGE_KERNEL = 50.0
"""Weights per channel above which a depthwise convolution is larger than 7 x 7."""
NARROW_GROUP = 64.0
"""Channels written below which a grouped convolution is narrow."""

_CODES = {op_class: float(code) for code, op_class in enumerate(OpClass)}


def kind_codes(table: Floats) -> Ints:
    """Return the place in OP_KINDS of each row of (n, 6): class, count, FLOPs, activations read,
    weights read, elements written."""
    codes = np.full(len(table), OP_KINDS.index("other"), dtype=np.int64)
    is_open = np.ones(len(table), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, holds in _kinds(*table.T):
            chosen = is_open & holds
            codes[chosen] = OP_KINDS.index(name)
            is_open &= ~chosen
    return codes


def _kinds(
    code: Floats, _count: Floats, flops: Floats, read: Floats, weights: Floats, written: Floats
) -> Iterator[tuple[str, Bools]]:
    """Yield kinds and the rows that are of them, unless of one that was yielded before."""

    def of(op_class: OpClass) -> Bools:
        return np.asarray(code == _CODES[op_class])

    per_element, growth = flops / written, read / written
    yield "batch_norm", of(OpClass.NORMALISATION) & (per_element <= BATCH_NORM_FLOPS)
    yield "other_norm", of(OpClass.NORMALISATION)
    is_reduction = of(OpClass.REDUCTION)
    yield "pooling", is_reduction & (flops > 1.01 * read) & (per_element == np.round(per_element))
    yield "reduction_to_few", is_reduction & (growth > WIDE_READ)
    yield "reduction_partial", is_reduction
    is_elementwise = of(OpClass.ELEMENTWISE)
    yield "elementwise_of_weights", is_elementwise & (weights > 0)
    yield "elementwise_of_two", is_elementwise & (growth > 1.5)
    yield "elementwise_broadcast", is_elementwise & (growth > 1.02)
    is_movement = of(OpClass.DATA_MOVEMENT)
    yield "movement_of_weights", is_movement & (weights > 0)
    yield "movement_growing", is_movement & (growth < 1 / 1.5)
    yield "movement_shrinking", is_movement & (growth > 1.01)
    yield "copy", is_movement & (growth >= 0.99)
    yield from _convolution_kinds(of, flops, read, weights, written)
    depth = per_element / 2.0
    for longest in (32, 64, 256):
        yield f"matmul_depth_to_{longest}", of(OpClass.MATMUL) & (depth <= longest)


def _convolution_kinds(
    of: Callable[[OpClass], Bools], flops: Floats, read: Floats, weights: Floats, written: Floats
) -> Iterator[tuple[str, Bools]]:
    rows = flops / (2.0 * weights)
    columns = written / rows
    depth = weights / columns
    # channels read x k^2 = depth, so this is (stride / kernel extent)^2
    stride_square = read / written * columns / depth
    is_dense = of(OpClass.CONV_DENSE)
    yield "dense_3_stride_1", is_dense & (np.abs(stride_square - 1 / 9) < 0.02)
    yield "dense_3_stride_2", is_dense & (np.abs(stride_square - 4 / 9) < 0.08)
    yield "dense_patches", is_dense & (stride_square > 0.9)
    yield "dense_large", is_dense & (stride_square < 0.09)
    is_depthwise = of(OpClass.CONV_DEPTHWISE)
    yield "depthwise_large", is_depthwise & (depth > LARGE_KERNEL)
    yield "depthwise_strided", is_depthwise & (read > 1.5 * written)
    yield "grouped_narrow", of(OpClass.CONV_GROUPED) & (columns < NARROW_GROUP)
