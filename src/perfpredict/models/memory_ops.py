"""What memory depends on in a profile's operations, found in one pass over them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.identity import Same
from perfpredict.domain.operations import Op, OpClass
from perfpredict.models.op_arrays import CONVOLUTIONS

_REMEMBERED = 4096
"""Profiles whose facts are kept; a frame of cases shares few profiles."""

KEPT_SHARES = {
    OpClass.CONV_DENSE: 1.18,
    OpClass.CONV_POINTWISE: 1.18,
    OpClass.CONV_GROUPED: 1.18,
    OpClass.CONV_DEPTHWISE: 2.72,
    OpClass.LINEAR: 1.03,
    OpClass.MATMUL: 1.03,
    OpClass.ATTENTION: 3.82,
    OpClass.SOFTMAX: 0.19,
    OpClass.NORMALISATION: 0.32,
    OpClass.DATA_MOVEMENT: 0.45,
    OpClass.REDUCTION: 0.57,
    OpClass.ELEMENTWISE: 0.57,
}
"""Values that training keeps for backward per value written, by op class.

Fitted to the bytes that autograd's saved-tensor hooks report for 239 `timm` architectures run
on PyTorch's `meta` device (scripts/fit_kept_activations.py prints them; left-out models are off by
9.8 % in the median). Above 1 where an operation's
input is kept as well: a depthwise convolution stands between two activations that are not
overwritten, attention keeps queries, keys, values and its result.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpFacts:
    """Counts over the operations of all passes; elements of the whole batch."""

    linear_weights: float
    """Weights of all linear layers; a layer that several passes share counts once."""
    head_weights: float
    """Weights of the largest linear layer that is launched once: the output head."""
    head_elements: float
    """Most values that the head writes in one pass: the logits."""
    widest_layer: float
    """Weights of the largest linear layer that is launched more than once."""
    reads_text: bool
    """A table of embeddings is looked up."""
    widest_result: float
    """Most values that one launch writes."""
    widest_convolution: float
    """The same of convolutions alone."""
    kept_elements: float
    """Values that a training step keeps for its backward pass."""


def op_facts(profile: WorkloadProfile) -> OpFacts:
    """Return what memory depends on in the operations of `profile`."""
    return _remembered(Same(profile))


@lru_cache(maxsize=_REMEMBERED)
def _remembered(key: Same[WorkloadProfile]) -> OpFacts:
    passes = key.value.passes
    ops = [op for _, one in passes for op in one.ops]
    layers = _linear_layers([one.ops for _, one in passes])
    head = max((size for size, count in layers.items() if count <= 1.0), default=0.0)
    return OpFacts(
        linear_weights=sum(size * count for size, count in layers.items()),
        head_weights=head,
        head_elements=_most(
            op for op in ops if op.op_class is OpClass.LINEAR and op.weight_elements_read == head
        ),
        widest_layer=max((size for size, count in layers.items() if count > 1.0), default=0.0),
        reads_text=any(
            op.op_class is OpClass.DATA_MOVEMENT and op.weight_elements_read > 0 for op in ops
        ),
        widest_result=_most(ops),
        widest_convolution=_most(op for op in ops if op.op_class in CONVOLUTIONS),
        kept_elements=sum(
            repeats * op.count * op.elements_written * KEPT_SHARES[op.op_class]
            for repeats, one in passes
            for op in one.ops
        ),
    )


def _most(ops: Iterable[Op]) -> float:
    return max((op.elements_written for op in ops), default=0.0)


def _linear_layers(passes: Iterable[tuple[Op, ...]]) -> dict[float, float]:
    """Return how many linear layers of each size there are; passes share their layers."""
    most: dict[float, float] = {}
    for ops in passes:
        counts: dict[float, float] = {}
        for op in ops:
            if op.op_class is OpClass.LINEAR:
                size = op.weight_elements_read
                counts[size] = counts.get(size, 0.0) + op.count
        for size, count in counts.items():
            most[size] = max(most.get(size, 0.0), count)
    return most
