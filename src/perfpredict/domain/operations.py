"""Operation profiles: the list of operations that one pass of a workload launches."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class OpClass(StrEnum):
    """Kinds of operation that hardware serves at different efficiencies."""

    CONV_DENSE = "conv_dense"
    CONV_POINTWISE = "conv_pointwise"
    CONV_DEPTHWISE = "conv_depthwise"
    CONV_GROUPED = "conv_grouped"
    LINEAR = "linear"
    MATMUL = "matmul"
    ATTENTION = "attention"
    NORMALISATION = "normalisation"
    SOFTMAX = "softmax"
    REDUCTION = "reduction"
    DATA_MOVEMENT = "data_movement"
    ELEMENTWISE = "elementwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """`count` launches of one operation; the amounts are those of a single launch."""

    op_class: OpClass
    count: float
    flops: float
    """Floating-point operations; one multiply-add counts as two."""
    activation_elements_read: float
    weight_elements_read: float
    elements_written: float

    def for_batch(self, batch_size: int) -> Self:
        """Return this operation of one sample as it runs on a batch: weights are read once."""
        return replace(
            self,
            flops=self.flops * batch_size,
            activation_elements_read=self.activation_elements_read * batch_size,
            elements_written=self.elements_written * batch_size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProfile:
    """What one pass of a workload does, at its batch size, on one device."""

    ops: tuple[Op, ...]
    parameters: float
    """Weights held in memory, all experts and embeddings included (count, not bytes)."""
    peak_activation_elements: float
    """Most activation values alive at once."""
    kv_cache_elements: float = 0.0
    """Key and value vectors kept between steps, whole batch, at the longest context."""
    syncs: float = 0.0
    """All-reduces of one pass when the layers are split over devices (tensor parallel)."""
    sync_elements: float = 0.0
    """Activation values that all those all-reduces exchange together."""

    @property
    def flops(self) -> float:
        return sum(op.count * op.flops for op in self.ops)

    @property
    def op_count(self) -> float:
        return sum(op.count for op in self.ops)

    def for_batch(self, batch_size: int) -> Self:
        """Return the profile of `batch_size` samples, given the profile of one."""
        return replace(
            self,
            ops=tuple(op.for_batch(batch_size) for op in self.ops),
            peak_activation_elements=self.peak_activation_elements * batch_size,
            kv_cache_elements=self.kv_cache_elements * batch_size,
            sync_elements=self.sync_elements * batch_size,
        )


def merge_equal_ops(ops: Iterable[Op]) -> tuple[Op, ...]:
    """Return `ops` with launches of identical shape added up, in order of first appearance."""
    counts: dict[Op, float] = {}
    for op in ops:
        key = replace(op, count=1.0)
        counts[key] = counts.get(key, 0.0) + op.count
    return tuple(replace(op, count=count) for op, count in counts.items())
