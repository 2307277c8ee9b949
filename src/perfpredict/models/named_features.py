"""The features that a predictor from outside may ask for by name, and how each is computed."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.metrics import work_per_batch
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.domain.workload import Mode
from perfpredict.errors import InvalidInputError
from perfpredict.features import FEATURES
from perfpredict.models.memory import memory_use
from perfpredict.models.observations import describe
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

Floats = NDArray[np.float64]

_BITS = {
    Precision.FP32: 32, Precision.TF32: 32, Precision.FP16: 16, Precision.BF16: 16,
    Precision.AMP_FP16: 16, Precision.AMP_BF16: 16, Precision.FP8: 8, Precision.INT8: 8,
    Precision.INT4: 4,
}  # fmt: skip
"""Bits of one value; a number cannot tell fp16 from bf16 or int8 from fp8."""

_MIB = 2.0**20


def _sequence_length(case: Case) -> float | None:
    return _number(case.workload.sequence_length or case.workload.input_tokens)


def _peak(case: Case, precision: Precision) -> float | None:
    return case.device.peak_flops_per_s.get(precision)


def _reached_peak(case: Case) -> float:
    workload = case.workload
    rate = arithmetic_rate(case.device, workload.precision, quantization=workload.quantization)
    return rate.flops_per_s


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


_OF_CASE: Mapping[str, Callable[[Case], float | None]] = {
    "batch_size": lambda c: float(c.workload.batch_size),
    "sequence_length": _sequence_length,
    "image_size": lambda c: _number(c.workload.image_size),
    "input_tokens": lambda c: _number(c.workload.input_tokens or c.workload.sequence_length),
    "output_tokens": lambda c: _number(c.workload.output_tokens),
    "precision_bits": lambda c: float(_BITS[c.workload.precision]),
    "is_training": lambda c: float(c.workload.mode is Mode.TRAINING),
    "is_compiled": lambda c: float(c.workload.is_compiled),
    "device_count": lambda c: float(c.workload.device_count),
    "concurrency": lambda c: float(c.workload.concurrency),
    "parameters": lambda c: float(c.profile.parameters),
    "parameters_millions": lambda c: c.profile.parameters / 1e6,
    "weight_bytes": lambda c: c.profile.parameters * c.workload.precision.weight_bytes,
    "flops": lambda c: float(c.profile.flops),
    "gflops": lambda c: c.profile.flops / 1e9,
    "flops_per_sample": lambda c: c.profile.flops / c.workload.batch_size,
    "op_count": lambda c: float(c.profile.op_count),
    "memory_bytes": lambda c: memory_use(c).total,
    "memory_mib": lambda c: memory_use(c).total / _MIB,
    "device_memory_bytes": lambda c: float(c.device.memory_bytes),
    "device_memory_mib": lambda c: c.device.memory_bytes / _MIB,
    "bandwidth_bytes_per_s": lambda c: c.device.bandwidth_bytes_per_s,
    "bandwidth_gb_s": lambda c: c.device.bandwidth_bytes_per_s / 1e9,
    "peak_flops_per_s": _reached_peak,
    "peak_tflops": lambda c: _reached_peak(c) / 1e12,
    "tflops_fp32": lambda c: _scaled(_peak(c, Precision.FP32), 1e12),
    "tflops_fp16": lambda c: _scaled(_peak(c, Precision.FP16), 1e12),
    "ridge_point": lambda c: c.device.ridge_point,
    "compute_units": lambda c: _number(c.device.compute_units),
}

_OTHER_NAMES = {
    "seq_length": "sequence_length",
    "seq_len": "sequence_length",
    "precision_numeric": "precision_bits",
    "bits": "precision_bits",
    "model_size": "parameters",
    "num_parameters": "parameters",
    "param_count": "parameters",
    "params": "parameters",
    "params_m": "parameters_millions",
    "devices": "device_count",
    "memory": "memory_mib",
    "memory_usage": "memory_mib",
    "bandwidth": "bandwidth_bytes_per_s",
}

_ROOFLINE = ("roofline_latency_ms", "roofline_throughput_per_s")

KNOWN_FEATURES: tuple[str, ...] = (*_OF_CASE, *_OTHER_NAMES, *_ROOFLINE, *FEATURES)
"""Every name that `named_matrix` can compute."""


def unknown_features(features: Sequence[str]) -> tuple[str, ...]:
    """Return those of `features` that cannot be computed for a workload and a device."""
    return tuple(name for name in features if name not in KNOWN_FEATURES)


def check_known(features: Sequence[str]) -> None:
    """Raise InvalidInputError naming the first feature that cannot be computed."""
    unknown = unknown_features(features)
    if not unknown:
        return
    near = get_close_matches(unknown[0], KNOWN_FEATURES, 3)
    names = ", ".join((*_OF_CASE, *_OTHER_NAMES))
    raise InvalidInputError(
        f"no feature named '{unknown[0]}' can be computed for a workload",
        hint=f"did you mean {' or '.join(near)}?" if near else f"known features: {names}",
    )


def named_matrix(
    cases: Sequence[Case], features: Sequence[str], prior: RooflinePredictor
) -> Floats:
    """Return one row a case and one column a feature, NaN where a case has no such value."""
    check_known(features)
    computed: dict[str, Floats] = {}
    if any(name in FEATURES or name in _ROOFLINE for name in features):
        described = describe(cases, prior.constants)
        breakdown = described.breakdown
        work = np.array([work_per_batch(case.workload) for case in cases], dtype=np.float64)
        computed = dict(zip(FEATURES, described.matrix.T, strict=True))
        computed["roofline_latency_ms"] = breakdown.latency_s * 1e3
        computed["roofline_throughput_per_s"] = work / breakdown.latency_s
    columns = [
        computed[name] if name in computed else _column(cases, _OTHER_NAMES.get(name, name))
        for name in features
    ]
    return np.column_stack(columns) if columns else np.empty((len(cases), 0))


def _column(cases: Sequence[Case], name: str) -> Floats:
    values = (_OF_CASE[name](case) for case in cases)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
