"""Records what one pass of a PyTorch module launches, on the `meta` device: no data, no weights.

The counting rules are written down in docs/catalog.md; `perfpredict` itself never needs this file.
"""

# mypy: disable-error-code="misc"
# torch has no types where it is not installed, so its classes cannot be told apart from Any.

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from perfpredict.domain.operations import Op, OpClass, OpProfile, merge_equal_ops

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
FOURIERS = {"_fft_r2c", "_fft_c2r", "_fft_c2c"}
MATRIX_PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv"}

# Arithmetic per element of the ordinary kernels.
BATCH_NORM_FLOPS = 2  # a fixed scale and shift in evaluation mode
OTHER_NORM_FLOPS = 7  # mean 1, variance 2, normalise 2, scale and shift 2
SOFTMAX_FLOPS = 5  # maximum, subtract, exponential, sum, divide


def capture(module: torch.nn.Module, sample: torch.Tensor) -> OpProfile:
    """Return the launches of one pass of `module`, in evaluation mode, on `sample` (batch 1)."""
    module.eval()
    recorder = _Recorder(module, sample)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), _AttentionMode(recorder), recorder:
        module(sample)
    return OpProfile(
        ops=merge_equal_ops(recorder.ops),
        parameters=float(sum(p.numel() for p in module.parameters())),
        peak_activation_elements=float(recorder.peak_elements),
    )


class _Recorder(TorchDispatchMode):
    """Turns each dispatched aten call into an `Op`, and follows which storages are alive."""

    def __init__(self, module: torch.nn.Module, sample: torch.Tensor) -> None:
        super().__init__()
        self.ops: list[Op] = []
        self.peak_elements = 0
        self.unlisted: set[str] = set()
        """Names taken for elementwise because no table above has them."""
        self._is_paused = False
        # The tensors are kept: a buffer that the pass replaces would free its storage, and an
        # activation could then take the same address.
        self._kept = (*module.parameters(), *module.buffers())
        self._weights = {_storage_id(t) for t in self._kept}
        self._constants: dict[int, StorageWeakRef] = {}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._follow([sample], is_constant=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._is_paused:
            inputs = _tensors((args, kwargs or {}))
            outputs = _tensors(result)
            if outputs:
                self._see(func, args, inputs, outputs)
        return result

    def _see(self, func: Any, args: Any, inputs: list[Any], outputs: list[Any]) -> None:
        name = func._schema.name.removeprefix("aten::")
        input_ids = {_storage_id(t) for t in inputs}
        is_constant = all(self._is_constant(t) for t in inputs)
        if not func._schema.is_mutable and all(_storage_id(t) in input_ids for t in outputs):
            return  # a view
        if not is_constant:  # a constant that activations were written into is one no longer
            for tensor in outputs:
                self._constants.pop(_storage_id(tensor), None)
        self._follow(outputs, is_constant=is_constant)
        if name in NOT_A_LAUNCH:
            return
        op_class = self._classify(name, args)
        if name in BATCH_NORMS | OTHER_NORMS:
            outputs = outputs[:1]
        self.record(op_class, _flops(name, op_class, args, inputs, outputs), inputs, outputs)

    def record(
        self, op_class: OpClass, flops: float, inputs: list[Any], outputs: list[Any]
    ) -> None:
        """Append one launch; work on weights alone does not grow with the batch."""
        weights_read = sum(_touched(t) for t in inputs if self._is_constant(t))
        activations_read = sum(_touched(t) for t in inputs if not self._is_constant(t))
        written = sum(t.numel() for t in outputs)
        if all(self._is_constant(t) for t in inputs):
            weights_read, written, flops = weights_read + written, 0, 0.0
        self.ops.append(
            Op(
                op_class=op_class,
                count=1.0,
                flops=float(flops),
                activation_elements_read=float(activations_read),
                weight_elements_read=float(weights_read),
                elements_written=float(written),
            )
        )

    def follow_output(self, output: torch.Tensor) -> None:
        self._follow([output], is_constant=False)

    def _follow(self, outputs: list[Any], *, is_constant: bool) -> None:
        """Add new storages to the living, drop the dead, and keep the highest total."""
        self._alive = {key: row for key, row in self._alive.items() if not row[0].expired()}
        for tensor in outputs:
            key = _storage_id(tensor)
            if key in self._weights or key in self._alive or key in self._constants:
                continue
            reference = StorageWeakRef(tensor.untyped_storage())
            if is_constant:
                self._constants[key] = reference
            else:
                elements = tensor.untyped_storage().nbytes() // tensor.element_size()
                self._alive[key] = (reference, elements)
        total = sum(elements for _, elements in self._alive.values())
        self.peak_elements = max(self.peak_elements, total)

    def _is_constant(self, tensor: torch.Tensor) -> bool:
        key = _storage_id(tensor)
        return key in self._weights or key in self._constants

    def _classify(self, name: str, args: Any) -> OpClass:
        if name in {"convolution", "_convolution", "cudnn_convolution"}:
            return _convolution_class(args)
        if name in {"mm", "addmm", "mv", "addmv"}:
            factors = args[1:3] if name.startswith("add") else args[:2]
            has_weight = any(self._is_constant(t) for t in factors)
            return OpClass.LINEAR if has_weight else OpClass.MATMUL
        for names, op_class in _CLASS_OF_NAMES:
            if name in names:
                return op_class
        self.unlisted.add(name)
        return OpClass.ELEMENTWISE


class _AttentionMode(TorchFunctionMode):
    """Keeps scaled-dot-product attention one launch, as every accelerator has it.

    The meta device would take it apart into its matrix products.
    """

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention:
            return func(*args, **kwargs)
        with self._recorder.paused():
            output = _as_fused_kernels_lay_it_out(func(*args, **kwargs))
        inputs = _tensors((args, kwargs))
        named = dict(zip(("query", "key", "value"), args, strict=False)) | kwargs
        query, key, value = named["query"], named["key"], named["value"]
        flops = (
            2 * math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        )
        self._recorder.follow_output(output)
        self._recorder.record(OpClass.ATTENTION, flops, inputs, [output])
        return output


def _as_fused_kernels_lay_it_out(output: torch.Tensor) -> torch.Tensor:
    """Return (B, H, L, D) as a view of (B, L, H, D), so that merging heads copies nothing."""
    if output.dim() != 4:
        return output
    return torch.empty_like(output.transpose(1, 2).contiguous()).transpose(1, 2)


_CLASS_OF_NAMES: tuple[tuple[set[str], OpClass], ...] = (
    ({"bmm", "baddbmm"}, OpClass.MATMUL),
    (BATCH_NORMS | OTHER_NORMS, OpClass.NORMALISATION),
    (SOFTMAXES, OpClass.SOFTMAX),
    (REDUCTIONS, OpClass.REDUCTION),
    (MOVEMENTS, OpClass.DATA_MOVEMENT),
)


def _convolution_class(args: Any) -> OpClass:
    weight, groups = args[1], args[8]
    is_transposed = args[6]
    channels = weight.shape[0] if is_transposed else weight.shape[1] * groups
    if groups == 1:
        is_pointwise = all(extent == 1 for extent in weight.shape[2:])
        return OpClass.CONV_POINTWISE if is_pointwise else OpClass.CONV_DENSE
    return OpClass.CONV_DEPTHWISE if groups == channels else OpClass.CONV_GROUPED


def _flops(name: str, op_class: OpClass, args: Any, inputs: list[Any], outputs: list[Any]) -> float:
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


def _touched(tensor: torch.Tensor) -> int:
    """Return how many distinct elements a tensor stands for: an expanded axis is one."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(size for size, stride in sizes if stride != 0)


def _storage_id(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(value: Any) -> list[Any]:
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
