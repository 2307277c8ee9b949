"""Records what one pass of a PyTorch module launches, on the `meta` device: no data, no weights.

Needs torch, and so is imported only where a module is at hand.
"""

# mypy: disable-error-code="misc"
# torch has no types where it is not installed, so its classes cannot be told apart from Any.

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any  # what the dispatcher hands over is not typed

import torch
import torch.nn.functional as F
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from perfpredict.catalog.capture.torch_ops import (
    BATCH_NORMS,
    CLASS_OF_NAMES,
    ELEMENTWISE,
    NOT_A_LAUNCH,
    OTHER_NORMS,
    ROW_READERS,
    convolution_class,
    flops_of,
    storage_id,
    tensors_in,
    touched,
)
from perfpredict.domain.operations import Op, OpClass, OpProfile, merge_equal_ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What one pass launched."""

    profile: OpProfile
    unlisted: tuple[str, ...]
    """Operations that no rule lists, counted as element by element although they may not be."""


def record_pass(module: torch.nn.Module, *inputs: Any, **named: Any) -> Recording:
    """Return the launches of one pass of `module`, in evaluation mode, over its inputs."""
    module.eval()
    recorder = _Recorder(module, tensors_in((inputs, named)))
    with torch.no_grad(), _without_fast_path(), _AttentionMode(recorder), recorder:
        module(*inputs, **named)
    profile = OpProfile(
        ops=merge_equal_ops(recorder.ops),
        parameters=float(sum(p.numel() for p in module.parameters())),
        peak_activation_elements=float(recorder.peak_elements),
    )
    return Recording(profile=profile, unlisted=tuple(sorted(recorder.unlisted)))


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """Keep `nn.MultiheadAttention` from one operation that the meta device cannot see into."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)


class _Recorder(TorchDispatchMode):
    """Turns each dispatched aten call into an `Op`, and follows which storages are alive."""

    def __init__(self, module: torch.nn.Module, inputs: list[Any]) -> None:
        super().__init__()
        self.ops: list[Op] = []
        self.peak_elements = 0
        self.unlisted: set[str] = set()
        """Names taken for elementwise although no table has them and PyTorch does not say so."""
        self._is_paused = False
        # The tensors are kept: a buffer that the pass replaces would free its storage, and an
        # activation could then take the same address.
        self._kept = (*module.parameters(), *module.buffers())
        self._weights = {storage_id(t) for t in self._kept}
        self._constants: dict[int, StorageWeakRef] = {}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._follow(inputs, is_constant=False)

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
            inputs = tensors_in((args, kwargs or {}))
            outputs = tensors_in(result)
            if outputs:
                self._see(func, args, inputs, outputs)
        return result

    def _see(self, func: Any, args: Any, inputs: list[Any], outputs: list[Any]) -> None:
        name = func._schema.name.removeprefix("aten::")
        input_ids = {storage_id(t) for t in inputs}
        is_constant = all(self._is_constant(t) for t in inputs)
        if not func._schema.is_mutable and all(storage_id(t) in input_ids for t in outputs):
            return  # a view
        if not is_constant:  # a constant that activations were written into is one no longer
            for tensor in outputs:
                self._constants.pop(storage_id(tensor), None)
        self._follow(outputs, is_constant=is_constant)
        if name in NOT_A_LAUNCH:
            return
        op_class = self._classify(func, name, args)
        if name in BATCH_NORMS | OTHER_NORMS:
            outputs = outputs[:1]
        flops = flops_of(name, op_class, args, inputs, outputs)
        self.record(op_class, flops, inputs, outputs, reads_rows=name in ROW_READERS)

    def record(
        self,
        op_class: OpClass,
        flops: float,
        inputs: list[Any],
        outputs: list[Any],
        *,
        reads_rows: bool = False,
    ) -> None:
        """Append one launch; work on weights alone does not grow with the batch."""
        weights_read = sum(touched(t) for t in inputs if self._is_constant(t))
        activations_read = sum(touched(t) for t in inputs if not self._is_constant(t))
        written = sum(t.numel() for t in outputs)
        if all(self._is_constant(t) for t in inputs):
            weights_read, written, flops = weights_read + written, 0, 0.0
        elif reads_rows:
            weights_read = min(weights_read, written)
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
            key = storage_id(tensor)
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
        key = storage_id(tensor)
        return key in self._weights or key in self._constants

    def _classify(self, func: Any, name: str, args: Any) -> OpClass:
        if name in {"convolution", "_convolution", "cudnn_convolution"}:
            return convolution_class(args)
        if name in {"mm", "addmm", "mv", "addmv"}:
            factors = args[1:3] if name.startswith("add") else args[:2]
            has_weight = any(self._is_constant(t) for t in factors)
            return OpClass.LINEAR if has_weight else OpClass.MATMUL
        for names, op_class in CLASS_OF_NAMES:
            if name in names:
                return op_class
        if torch.Tag.pointwise not in func.tags and name not in ELEMENTWISE:
            self.unlisted.add(name)
        return OpClass.ELEMENTWISE


class _AttentionMode(TorchFunctionMode):
    """Keeps scaled-dot-product attention one launch, as every accelerator has it.

    The meta device would take it apart into its matrix products.
    """

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._attention = F.scaled_dot_product_attention

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is self._attention:
            return self._fused(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            with self._seen_inside():
                return func(*args, **kwargs)
        return func(*args, **kwargs)

    @contextmanager
    def _seen_inside(self) -> Iterator[None]:
        """Keep attention in sight in a function that PyTorch calls with this mode switched off."""
        F.scaled_dot_product_attention = self._fused
        try:
            yield
        finally:
            F.scaled_dot_product_attention = self._attention

    def _fused(self, *args: Any, **kwargs: Any) -> Any:
        with self._recorder.paused():
            output = _as_fused_kernels_lay_it_out(self._attention(*args, **kwargs))
        inputs = tensors_in((args, kwargs))
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
