"""How aten operations are counted: which class each belongs to, and its arithmetic.

The counting rules are written down in docs/catalog.md. Only this package's recorder imports it.
"""

# mypy: disable-error-code="misc"
# torch has no types where it is not installed, so its classes cannot be told apart from Any.

import math
from typing import Any  # what the dispatcher hands over is not typed

import torch

from perfpredict.catalog.capture.amounts import BATCH_NORM_FLOPS, OTHER_NORM_FLOPS, SOFTMAX_FLOPS
from perfpredict.domain.operations import OpClass

NOT_A_LAUNCH = {
    "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "_unsafe_view",
    "_local_scalar_dense", "lift_fresh", "resize_", "set_", "is_same_size",
}  # fmt: skip
BATCH_NORMS = {
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm", "_batch_norm_no_update", "batch_norm_update_stats",
}  # fmt: skip
OTHER_NORMS = {"native_layer_norm", "native_group_norm", "_fused_rms_norm", "rms_norm"}
SOFTMAXES = {"_softmax", "_log_softmax", "_safe_softmax"}
POOLINGS = {
    "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d",
    "max_pool2d", "max_pool3d", "avg_pool1d",
}  # fmt: skip
REDUCTIONS = POOLINGS | {
    "mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "prod",
    "linalg_vector_norm", "norm", "argmax", "argmin", "cumsum", "logsumexp", "topk", "sort",
    "any", "all", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d",
    "adaptive_max_pool3d",
}  # fmt: skip
MOVEMENTS = {
    "clone", "copy_", "copy", "_to_copy", "cat", "stack", "index", "gather", "index_select",
    "constant_pad_nd", "reflection_pad2d", "replication_pad2d", "roll", "flip", "repeat",
    "pixel_shuffle", "pixel_unshuffle", "im2col", "col2im", "embedding", "scatter",
    "index_put", "index_put_", "tril", "triu", "upsample_nearest2d", "upsample_bilinear2d",
    "upsample_bicubic2d", "upsample_nearest3d", "upsample_trilinear3d", "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa", "zeros", "ones", "full", "zeros_like", "ones_like", "full_like",
    "new_zeros", "new_ones", "new_full", "fill", "fill_", "zero_", "arange", "linspace", "eye",
    "_unsafe_index", "channel_shuffle", "masked_fill", "masked_fill_", "masked_select",
}  # fmt: skip
ELEMENTWISE = {"hardswish", "hardswish_", "as_strided_"}
"""Counted so although PyTorch does not mark them; the last only sets strides after a pooling."""
ROW_READERS = {"embedding", "index_select", "index", "gather"}
"""Read of a table of weights no more than they return."""
FOURIERS = {"_fft_r2c", "_fft_c2r", "_fft_c2c"}
MATRIX_PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv"}

CLASS_OF_NAMES: tuple[tuple[set[str], OpClass], ...] = (
    ({"bmm", "baddbmm"}, OpClass.MATMUL),
    (BATCH_NORMS | OTHER_NORMS, OpClass.NORMALISATION),
    (SOFTMAXES, OpClass.SOFTMAX),
    (REDUCTIONS, OpClass.REDUCTION),
    (MOVEMENTS, OpClass.DATA_MOVEMENT),
)


def convolution_class(args: Any) -> OpClass:
    weight, groups = args[1], args[8]
    is_transposed = args[6]
    channels = weight.shape[0] if is_transposed else weight.shape[1] * groups
    if groups == 1:
        is_pointwise = all(extent == 1 for extent in weight.shape[2:])
        return OpClass.CONV_POINTWISE if is_pointwise else OpClass.CONV_DENSE
    return OpClass.CONV_DEPTHWISE if groups == channels else OpClass.CONV_GROUPED


def flops_of(
    name: str, op_class: OpClass, args: Any, inputs: list[Any], outputs: list[Any]
) -> float:
    """Return the arithmetic of one launch, a multiply-add counted as two."""
    written = float(outputs[0].numel())
    if op_class.name.startswith("CONV_"):
        weight, is_transposed = args[1], args[6]
        positions = float(args[0].numel()) if is_transposed else written
        return 2.0 * positions * float(math.prod(weight.shape[1:]))
    if name in MATRIX_PRODUCTS:
        left = args[1] if "add" in name else args[0]
        return 2.0 * written * int(left.shape[-1])
    if name in FOURIERS:
        extent = math.prod(int(inputs[0].shape[d]) for d in args[1])
        return 5.0 * int(inputs[0].numel()) * math.log2(max(extent, 2))  # usual radix-2 estimate
    if op_class is OpClass.REDUCTION:
        taken = written * math.prod(args[1]) if name in POOLINGS else inputs[0].numel()
        return max(written, float(taken))
    per_element = BATCH_NORM_FLOPS if name in BATCH_NORMS else _FLOPS_PER_ELEMENT[op_class]
    return written * per_element


_FLOPS_PER_ELEMENT = {
    OpClass.NORMALISATION: OTHER_NORM_FLOPS,
    OpClass.SOFTMAX: SOFTMAX_FLOPS,
    OpClass.DATA_MOVEMENT: 0,
    OpClass.ELEMENTWISE: 1,
}


def touched(tensor: torch.Tensor) -> int:
    """Return how many distinct elements a tensor stands for: an expanded axis is one."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(size for size, stride in sizes if stride != 0)


def storage_id(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def tensors_in(value: Any) -> list[Any]:
    """Return the distinct tensors in nested arguments, in order."""
    found: dict[int, Any] = {}
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, torch.Tensor):
            found[id(item)] = item
        elif isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
    return list(found.values())
