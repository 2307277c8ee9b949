"""Packs the operations of many cases into flat arrays, in seconds at 100 % efficiency."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.device import Device
from perfpredict.domain.identity import Same
from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import arithmetic_rate, convolution_rate
from perfpredict.domain.workload import Mode, Workload
from perfpredict.features import OP_KINDS
from perfpredict.models.op_kinds import kind_codes
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OP_CLASSES = tuple(OpClass)
CLASS_CODES = {op_class: code for code, op_class in enumerate(OP_CLASSES)}
CONVOLUTIONS = frozenset(
    {OpClass.CONV_DENSE, OpClass.CONV_POINTWISE, OpClass.CONV_DEPTHWISE, OpClass.CONV_GROUPED}
)
MATRIX_CLASSES = CONVOLUTIONS | {OpClass.LINEAR, OpClass.MATMUL, OpClass.ATTENTION}
SEQUENTIAL_FRAMEWORKS = frozenset({"exllamav2", "llama.cpp", "llama.cpp-vulkan", "transformers"})
"""Those that split a model by layers: llama.cpp's `split_mode=layer`, `device_map="auto"`,
ExLlamaV2's `load_autosplit`."""
BACKWARD_PASSES = 2.0
"""A backward pass computes two gradients for every forward product (weights and inputs)."""
OPTIMIZER_WORDS = 7.0
"""fp32 words moved per weight by Adam: four read (gradient, weight, moments), three written."""
REMEMBERED_PROFILES = 8192
"""Profiles whose operations stay packed; a frame of cases shares few profiles."""

_IS_CONVOLUTION = np.array([op_class in CONVOLUTIONS for op_class in OP_CLASSES])
_IS_MATRIX = np.array([op_class in MATRIX_CLASSES for op_class in OP_CLASSES])


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
    moved_bytes: Floats
    """(n,) bytes that one launch reads and writes on one device."""
    weight_share: Floats
    """(n,) part of the bytes that are weights."""
    cache_share: Floats
    """(n,) cache / (cache + bytes of one launch): near 1 where the operands stay in cache."""
    gemm: Floats
    """(n, 3) rows, columns and depth of the matrix product that a launch with weights amounts to:
    positions of the batch, channels written, weights per channel written; 0 for other launches."""
    kind_code: Ints
    """(n,) index into OP_KINDS."""
    amounts: Floats
    """(n, 3) FLOPs, weight elements read and elements written by one launch, on all devices."""
    case_index: Ints
    """(k,) which case a pass belongs to."""
    repeats: Floats
    """(k,) how often the pass is run."""
    case_count: int


def pack(cases: Sequence[Case]) -> OpArrays:
    """Return the operations of `cases` as arrays; training counts forward, backward and update."""
    passes = [
        (index, times, profile)
        for index, case in enumerate(cases)
        for times, profile in case.profile.passes
    ]
    tables = [_table(Same(profile)) for _, _, profile in passes]
    lengths = np.array([table.shape[1] for table in tables], dtype=np.int64)
    case_index = np.array([index for index, _, _ in passes], dtype=np.int64)
    scalars = np.array([_scalars(case) for case in cases]).reshape(-1, len(_SCALARS))
    columns = np.ascontiguousarray(scalars.T)
    has_syncs = np.array([profile.syncs > 0 for _, _, profile in passes], dtype=bool)
    pass_index = np.repeat(np.arange(len(passes)), lengths)
    per_op = np.take(columns, case_index[pass_index], axis=1)
    table = np.concatenate(tables, axis=1) if tables else np.empty((7, 0))
    arrays = _arrays(table, pass_index, per_op, has_syncs[pass_index])
    if any(case.workload.mode is Mode.TRAINING for case in cases):
        updates = _updates(cases, case_index)
        arrays = {name: np.concatenate([own, updates[name]]) for name, own in arrays.items()}
    return OpArrays(
        **arrays,
        case_index=case_index,
        repeats=np.array([times for _, times, _ in passes], dtype=np.float64),
        case_count=len(cases),
    )


def is_sequential(workload: Workload) -> bool:
    """Return whether several devices hold layers one after another, so that only one works."""
    return workload.framework in SEQUENTIAL_FRAMEWORKS


@lru_cache(maxsize=REMEMBERED_PROFILES)
def _table(profile: Same[OpProfile]) -> Floats:
    """Return (7, n): class, count, FLOPs, activations and weights read, written, kind."""
    rows = [
        (
            CLASS_CODES[op.op_class], op.count, op.flops, op.activation_elements_read,
            op.weight_elements_read, op.elements_written,
        )
        for op in profile.value.ops
    ]  # fmt: skip
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return np.ascontiguousarray(np.column_stack([table, kind_codes(table)]).T)


def _arrays(
    table: Floats, pass_index: Ints, per_op: Floats, has_syncs: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    code, count, flops, read, weights, written, kind = table
    class_code = code.astype(np.int64)
    scalar = dict(zip(_SCALARS, per_op, strict=True))
    shards = scalar["shards"]
    weight_bytes = weights * scalar["weight_bytes"] / np.where(has_syncs, shards, 1.0)
    moved_bytes = weight_bytes + (read + written) * scalar["activation_bytes"] / shards
    peak = np.where(
        _IS_MATRIX[class_code], scalar["matrix_flops_per_s"], scalar["vector_flops_per_s"]
    )
    peak = np.where(_IS_CONVOLUTION[class_code], scalar["convolution_flops_per_s"], peak)
    cache_bytes = scalar["cache_bytes"]
    return {
        "pass_index": pass_index,
        "class_code": class_code,
        "count": count * scalar["launches"],
        "compute_s": flops / shards / peak,
        "memory_s": moved_bytes / scalar["bandwidth_bytes_per_s"],
        "moved_bytes": moved_bytes,
        "weight_share": weight_bytes / np.maximum(moved_bytes, 1e-30),
        "cache_share": cache_bytes / np.maximum(cache_bytes + moved_bytes, 1e-30),
        "gemm": _gemm(class_code, flops, weights, written),
        "kind_code": kind.astype(np.int64),
        "amounts": np.stack([flops, weights, written]).T,
    }  # fmt: skip


def _gemm(class_code: Ints, flops: Floats, weights: Floats, written: Floats) -> Floats:
    """Return rows, columns and depth: FLOPs = 2 rows * weights, written = rows * columns."""
    is_product = _IS_MATRIX[class_code] & (weights > 0) & (flops > 0)
    rows = np.where(is_product, flops / np.maximum(2.0 * weights, 1.0), 0.0)
    columns = np.where(is_product, written / np.maximum(rows, 1e-9), 0.0)
    depth = np.where(is_product, weights / np.maximum(columns, 1e-9), 0.0)
    return np.stack([rows, columns, depth]).T


def _updates(cases: Sequence[Case], case_index: Ints) -> dict[str, NDArray[Any]]:
    """Return one launch for each pass of a training case: the optimizer's."""
    trained = [
        number
        for number, index in enumerate(case_index)
        if cases[index].workload.mode is Mode.TRAINING
    ]
    own = [cases[case_index[number]] for number in trained]
    size = len(trained)
    moved_bytes = np.array([case.profile.parameters * OPTIMIZER_WORDS * 4.0 for case in own])
    bandwidth = np.array([case.device.bandwidth_bytes_per_s for case in own])
    return {
        "pass_index": np.array(trained, dtype=np.int64),
        "class_code": np.full(size, CLASS_CODES[OpClass.ELEMENTWISE], dtype=np.int64),
        "count": np.ones(size),
        "compute_s": np.zeros(size),
        "memory_s": moved_bytes / bandwidth if size else np.zeros(0),
        "moved_bytes": moved_bytes if size else np.zeros(0),
        "weight_share": np.ones(size),
        "cache_share": np.zeros(size),
        "gemm": np.zeros((size, 3)),
        "kind_code": np.full(size, OP_KINDS.index("other"), dtype=np.int64),
        "amounts": np.zeros((size, 3)),
    }


_SCALARS = (
    "shards", "launches", "weight_bytes", "activation_bytes", "matrix_flops_per_s",
    "convolution_flops_per_s", "vector_flops_per_s", "bandwidth_bytes_per_s", "cache_bytes",
)  # fmt: skip


def _scalars(case: Case) -> tuple[float, ...]:
    """Return what holds for every operation of one case, in the order of _SCALARS."""
    workload, device = case.workload, case.device
    weight_bytes, activation_bytes, matrix, convolution = _rates(
        Same(device), workload.precision, workload.quantization
    )
    return (
        1.0 if is_sequential(workload) else float(workload.device_count),
        1.0 + (BACKWARD_PASSES if workload.mode is Mode.TRAINING else 0.0),
        weight_bytes,
        activation_bytes,
        matrix,
        convolution,
        device.peak_flops_per_s[Precision.FP32],
        device.bandwidth_bytes_per_s,
        float(device.cache_bytes or 0),
    )


@lru_cache(maxsize=REMEMBERED_PROFILES)
def _rates(
    device: Same[Device], precision: Precision, quantization: str | None
) -> tuple[float, float, float, float]:
    """Return bytes per weight and activation, FLOP/s of matrix products and convolutions."""
    rate = arithmetic_rate(device.value, precision, quantization=quantization)
    weight_bytes, activation_bytes = precision.weight_bytes, precision.activation_bytes
    if rate.is_emulated:
        weight_bytes, activation_bytes = max(weight_bytes, 4.0), 4.0
    convolution = convolution_rate(device.value, precision, rate)
    return weight_bytes, activation_bytes, rate.flops_per_s, convolution.flops_per_s
