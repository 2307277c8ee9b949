"""Packs the operations of many cases into flat arrays, in seconds at 100 % efficiency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.device import Device
from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import arithmetic_rate, convolution_rate
from perfpredict.domain.workload import Mode, Workload
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OP_CLASSES = tuple(OpClass)
CLASS_CODES = {op_class: code for code, op_class in enumerate(OP_CLASSES)}
CONVOLUTIONS = frozenset(
    {OpClass.CONV_DENSE, OpClass.CONV_POINTWISE, OpClass.CONV_DEPTHWISE, OpClass.CONV_GROUPED}
)
MATRIX_CLASSES = CONVOLUTIONS | {OpClass.LINEAR, OpClass.MATMUL, OpClass.ATTENTION}
SEQUENTIAL_FRAMEWORKS = frozenset({"llama.cpp", "llama.cpp-vulkan", "transformers"})
"""Those that split a model by layers: llama.cpp's `split_mode=layer`, `device_map="auto"`."""
BACKWARD_PASSES = 2.0
"""A backward pass computes two gradients for every forward product (weights and inputs)."""
OPTIMIZER_WORDS = 7.0
"""fp32 words moved per weight by Adam: four read (gradient, weight, moments), three written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpArrays:
    """One row per distinct operation of every case; n operations, k passes, m cases."""

    pass_index: Ints
    """(n,) which pass the operation belongs to."""
    class_code: Ints
    """(n,) index into OP_CLASSES."""
    count: Floats
    """(n,) launches in one pass."""
    compute_s: Floats
    """(n,) seconds of one launch at peak arithmetic rate."""
    memory_s: Floats
    """(n,) seconds of one launch at full bandwidth."""
    weight_share: Floats
    """(n,) part of the bytes that are weights."""
    cache_share: Floats
    """(n,) cache / (cache + bytes of one launch): near 1 where the operands stay in cache."""
    case_index: Ints
    """(k,) which case a pass belongs to."""
    repeats: Floats
    """(k,) how often the pass is run."""
    case_count: int


def pack(cases: Sequence[Case]) -> OpArrays:
    """Return the operations of `cases` as arrays; training counts forward, backward and update."""
    rows: list[tuple[int, int, float, float, float, float, float]] = []
    case_index: list[int] = []
    repeats: list[float] = []
    for index, case in enumerate(cases):
        for times, profile in case.profile.passes:
            rows.extend(_rows(len(case_index), case, profile))
            case_index.append(index)
            repeats.append(times)
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return OpArrays(
        pass_index=table[:, 0].astype(np.int64),
        class_code=table[:, 1].astype(np.int64),
        count=table[:, 2],
        compute_s=table[:, 3],
        memory_s=table[:, 4],
        weight_share=table[:, 5],
        cache_share=table[:, 6],
        case_index=np.array(case_index, dtype=np.int64),
        repeats=np.array(repeats, dtype=np.float64),
        case_count=len(cases),
    )


def is_sequential(workload: Workload) -> bool:
    """Return whether several devices hold layers one after another, so that only one works."""
    return workload.framework in SEQUENTIAL_FRAMEWORKS


def _rows(
    pass_index: int, case: Case, profile: OpProfile
) -> Iterator[tuple[int, int, float, float, float, float, float]]:
    rates = _Rates.of(case.workload, case.device)
    shards = 1.0 if is_sequential(case.workload) else float(case.workload.device_count)
    weight_shards = shards if profile.syncs else 1.0
    passes = 1.0 + (BACKWARD_PASSES if case.workload.mode is Mode.TRAINING else 0.0)
    cache_bytes = float(case.device.cache_bytes or 0)
    for op in profile.ops:
        weight_bytes = op.weight_elements_read * rates.weight_bytes / weight_shards
        moved_elements = op.activation_elements_read + op.elements_written
        moved_bytes = weight_bytes + moved_elements * rates.activation_bytes / shards
        yield (
            pass_index,
            CLASS_CODES[op.op_class],
            op.count * passes,
            op.flops / shards / rates.flops_per_s(op.op_class),
            moved_bytes / case.device.bandwidth_bytes_per_s,
            weight_bytes / moved_bytes if moved_bytes else 0.0,
            cache_bytes / (cache_bytes + moved_bytes) if cache_bytes else 0.0,
        )
    if case.workload.mode is Mode.TRAINING:
        yield _optimizer_row(pass_index, case.profile.parameters, case.device)


def _optimizer_row(
    pass_index: int, parameters: float, device: Device
) -> tuple[int, int, float, float, float, float, float]:
    moved_bytes = parameters * OPTIMIZER_WORDS * 4.0
    seconds = moved_bytes / device.bandwidth_bytes_per_s
    return (pass_index, CLASS_CODES[OpClass.ELEMENTWISE], 1.0, 0.0, seconds, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Bytes per element and FLOP/s per op class of one workload on one device."""

    weight_bytes: float
    activation_bytes: float
    matrix_flops_per_s: float
    convolution_flops_per_s: float
    vector_flops_per_s: float

    @classmethod
    def of(cls, workload: Workload, device: Device) -> "_Rates":
        rate = arithmetic_rate(device, workload.precision, quantization=workload.quantization)
        weight_bytes = workload.precision.weight_bytes
        activation_bytes = workload.precision.activation_bytes
        if rate.is_emulated:
            weight_bytes, activation_bytes = max(weight_bytes, 4.0), 4.0
        return cls(
            weight_bytes=weight_bytes,
            activation_bytes=activation_bytes,
            matrix_flops_per_s=rate.flops_per_s,
            convolution_flops_per_s=convolution_rate(device, workload.precision, rate),
            vector_flops_per_s=device.peak_flops_per_s[Precision.FP32],
        )

    def flops_per_s(self, op_class: OpClass) -> float:
        if op_class in CONVOLUTIONS:
            return self.convolution_flops_per_s
        return self.matrix_flops_per_s if op_class in MATRIX_CLASSES else self.vector_flops_per_s
