"""The roofline sum: seconds of many cases from their packed operations and the constants."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.domain.workload import Mode
from perfpredict.models.efficiency import Constants
from perfpredict.models.op_arrays import (
    CONVOLUTIONS,
    MATRIX_CLASSES,
    OP_CLASSES,
    Floats,
    Ints,
    OpArrays,
    is_sequential,
)
from perfpredict.models.predictor import Case
from perfpredict.models.roofline_situation import Situation, situation

HOST_NORM = 4.0
"""Launching and computing overlap: the longer of the two rules, smoothly (a p-norm)."""
FUSIBLE = np.array([op_class not in MATRIX_CLASSES for op_class in OP_CLASSES])
_IS_CONVOLUTION = np.array([op_class in CONVOLUTIONS for op_class in OP_CLASSES])
_LINEAR = OP_CLASSES.index(OpClass.LINEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Where the time of m cases goes; c op classes."""

    latency_s: Floats
    """(m,) the sum."""
    class_s: Floats
    """(m, c) device seconds per op class."""
    compute_s: Floats
    """(m, c) of these, were arithmetic alone to count."""
    memory_s: Floats
    """(m, c) of these, were traffic alone to count."""
    overhead_s: Floats
    """(m,) launches, passes and synchronisation beyond the device's time."""
    launches: Floats
    """(m,) operations launched in all."""
    op_s: Floats
    """(n,) device seconds of each packed operation, all its launches in one pass."""
    class_peak_s: Floats
    """(m, c) seconds of the arithmetic alone at the peak rate."""


def sync_s(case: Case, profile: OpProfile, link_share: float, step_s: float) -> float:
    """Return seconds that one pass spends exchanging data between devices.

    A ring all-reduce over n devices moves 2 (n - 1) / n of the data over each link. Split
    layers exchange activations; copies of the model exchange fp32 gradients after a training
    step. Layers computed one device after another only hand over one small tensor each.
    """
    n = case.workload.device_count
    if n == 1:
        return 0.0
    moved_bytes, steps = 0.0, 0.0
    if is_sequential(case.workload):
        steps = n - 1.0
    elif profile.syncs:
        moved_bytes = profile.sync_elements * case.workload.precision.activation_bytes
        steps = profile.syncs
    elif case.workload.mode is Mode.TRAINING:
        moved_bytes, steps = case.profile.parameters * 4.0, 1.0
    link_bytes_per_s = case.device.bandwidth_bytes_per_s * link_share
    return steps * step_s + 2.0 * (n - 1) / n * moved_bytes / link_bytes_per_s


def roofline_sum(cases: Sequence[Case], arrays: OpArrays, constants: Constants) -> Breakdown:
    """Return seconds per case: the sum over operations of their roofline time, plus launches."""
    situations = [situation(case, constants) for case in cases]
    passes = [situations[i] for i in arrays.case_index]
    op = arrays.class_code

    def per_op(values: Sequence[float] | Floats) -> Floats:
        return np.asarray(values, dtype=np.float64)[arrays.pass_index]

    is_cpu = per_op([s.kind == "cpu" for s in passes]).astype(bool)
    gpu, cpu = (_class_constants(constants, kind) for kind in ("gpu", "cpu"))
    # powers of each pass and not of each operation: they take long
    cores = np.array([s.core_ratio for s in passes])
    compute_share = np.where(is_cpu, cpu.compute[op], gpu.compute[op])
    compute_share = compute_share * per_op(cores**-cpu.core_exponent)
    compute_share = compute_share * np.where(
        _IS_CONVOLUTION[op],
        per_op([s.convolution_share for s in passes]),
        np.where(FUSIBLE[op], 1.0, per_op([s.matrix_share for s in passes])),
    )
    memory_share = np.where(is_cpu, cpu.memory[op], gpu.memory[op])
    gain = 1.0 + np.where(is_cpu, cpu.cache_gain, gpu.cache_gain) * arrays.cache_share
    norm = np.where(is_cpu, cpu.norm, gpu.norm)
    cpu_kernel_s = per_op(cpu.kernel_s * cores**cpu.kernel_core_exponent)
    kernel_s = np.where(is_cpu, cpu_kernel_s, gpu.kernel_s)

    is_fused = FUSIBLE[op]
    traffic = np.where(is_fused, per_op([s.framework.fused_traffic for s in passes]), 1.0)
    launches = np.where(is_fused, per_op([s.framework.fused_launches for s in passes]), 1.0)
    scale = per_op([s.level for s in passes])
    scale = scale * np.where(
        _IS_CONVOLUTION[op], per_op([s.convolution_level for s in passes]), 1.0
    )
    scale = scale * np.where(op == _LINEAR, per_op([s.quantization for s in passes]), 1.0)

    count = arrays.count
    compute_s = count * scale * arrays.compute_s / compute_share
    memory_s = count * scale * traffic * arrays.memory_s / (memory_share * gain)
    busy_s = (compute_s**norm + memory_s**norm) ** (1.0 / norm) + count * launches * kernel_s
    exchange_s = [
        sync_s(case, profile, constants.link_share, situations[i].framework.sync_s)
        for i, case in enumerate(cases)
        for _, profile in case.profile.passes
    ]
    fixed_s = np.array([s.framework.pass_s for s in passes]) + np.array(exchange_s)
    return _sum_up(arrays, passes, fixed_s, (compute_s, memory_s, busy_s, count * launches))


def _sum_up(
    arrays: OpArrays,
    passes: Sequence[Situation],
    fixed_s: Floats,
    per_op: tuple[Floats, Floats, Floats, Floats],
) -> Breakdown:
    compute_s, memory_s, busy_s, launches = per_op
    pass_count, classes = len(passes), len(OP_CLASSES)

    def by_pass(values: Floats) -> Floats:
        return _add_up(arrays.pass_index, values, pass_count)

    def by_class(values: Floats) -> Floats:
        weights = values * arrays.repeats[arrays.pass_index]
        cells = arrays.case_index[arrays.pass_index] * classes + arrays.class_code
        return _add_up(cells, weights, arrays.case_count * classes).reshape(-1, classes)

    def by_case(values: Floats) -> Floats:
        return _add_up(arrays.case_index, values * arrays.repeats, arrays.case_count)

    device_s = by_pass(busy_s)
    host_s = by_pass(launches) * np.array([s.framework.host_s for s in passes])
    pass_s = (device_s**HOST_NORM + host_s**HOST_NORM) ** (1.0 / HOST_NORM) + fixed_s
    latency_s = by_case(pass_s)
    return Breakdown(
        latency_s=latency_s,
        class_s=by_class(busy_s),
        compute_s=by_class(compute_s),
        memory_s=by_class(memory_s),
        overhead_s=latency_s - by_case(device_s),
        launches=by_case(by_pass(launches)),
        op_s=busy_s,
        class_peak_s=by_class(arrays.count * arrays.compute_s),
    )


def _add_up(cells: Ints, values: Floats, size: int) -> Floats:
    """Return the sum of `values` in each of `size` cells."""
    return np.bincount(cells, weights=values, minlength=size).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassConstants:
    compute: Floats
    memory: Floats
    kernel_s: float
    norm: float
    cache_gain: float
    core_exponent: float
    kernel_core_exponent: float


def _class_constants(constants: Constants, kind: str) -> _ClassConstants:
    efficiency = constants.kinds[kind]
    return _ClassConstants(
        compute=np.array([efficiency.compute[c.value] for c in OP_CLASSES]),
        memory=np.array([efficiency.memory[c.value] for c in OP_CLASSES]),
        kernel_s=efficiency.kernel_s,
        norm=efficiency.norm,
        cache_gain=efficiency.cache_gain,
        core_exponent=efficiency.core_exponent,
        kernel_core_exponent=efficiency.kernel_core_exponent,
    )
