"""The one function from workloads × devices to a feature frame, for training and predicting.

Every feature is a share, a flag or a logarithm, so it means the same on a small device as on a
large one. There is no model name and no family name: they make an unseen family worse.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.device import Device, DeviceKind
from perfpredict.domain.operations import OpClass
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.domain.workload import Mode, Phase, Workload

Floats = NDArray[np.float64]

OP_CLASSES = tuple(OpClass)
FRAMEWORKS = (
    "pytorch", "transformers", "vllm", "tensorrt-llm", "llama.cpp", "onnxruntime", "tensorrt",
    "tensorflow",
)  # fmt: skip
"""Frameworks with a flag of their own; any other has none set."""

_TINY_S = 1e-12
"""Added to times before a logarithm: a picosecond, far below any that counts."""


class FeatureCase(Protocol):
    """One workload on one device, with the operations it launches."""

    @property
    def workload(self) -> Workload: ...
    @property
    def device(self) -> Device: ...
    @property
    def profile(self) -> WorkloadProfile: ...


class TimeBreakdown(Protocol):
    """Roofline seconds of m cases; columns of the (m, c) arrays follow `OP_CLASSES`."""

    @property
    def latency_s(self) -> Floats: ...
    @property
    def class_s(self) -> Floats: ...
    @property
    def compute_s(self) -> Floats: ...
    @property
    def memory_s(self) -> Floats: ...
    @property
    def overhead_s(self) -> Floats: ...
    @property
    def launches(self) -> Floats: ...


FEATURES: tuple[str, ...] = (
    *(f"time_share_{op_class}" for op_class in OP_CLASSES),
    *(f"flops_share_{op_class}" for op_class in OP_CLASSES),
    "launch_share",
    "log_launches",
    "log_time_per_launch",
    "log_compute_to_memory",
    "log_flops_per_parameter",
    "log_batch_size",
    "log_sequence_length",
    "log_image_size",
    "log_output_tokens",
    "log_device_count",
    "log_concurrency",
    *(f"framework_{name}" for name in FRAMEWORKS),
    "is_compiled",
    "is_channels_last",
    "is_quantized",
    "is_training",
    *(f"precision_{precision}" for precision in Precision),
    *(f"phase_{phase}" for phase in Phase),
    *(f"kind_{kind}" for kind in DeviceKind),
    "log_ridge_point",
    "log_precision_gain",
    "log_bandwidth",
    "log_cache_seconds",
    "is_probed",
)
"""Names of the features, in the order of the frame's columns."""


def feature_frame(cases: Sequence[FeatureCase], breakdown: TimeBreakdown) -> pl.DataFrame:
    """Return one row of `FEATURES` a case, all float64; `breakdown` has the cases' order.

    Times enter as shares of the roofline sum. Lengths that a workload does not have count as 1.
    """
    columns = {
        **_time_features(breakdown),
        **_profile_features(cases, breakdown),
        **_workload_features([case.workload for case in cases]),
        **_device_features(cases),
    }
    return pl.DataFrame({name: columns[name] for name in FEATURES})


def _time_features(breakdown: TimeBreakdown) -> dict[str, Floats]:
    overhead_s = np.maximum(breakdown.overhead_s, 0.0)
    total_s = breakdown.class_s.sum(axis=1) + overhead_s + _TINY_S
    shares = breakdown.class_s / total_s[:, None]
    compute_s = breakdown.compute_s.sum(axis=1) + _TINY_S
    memory_s = breakdown.memory_s.sum(axis=1) + _TINY_S
    launches = np.maximum(breakdown.launches, 1.0)
    return {
        **{f"time_share_{c}": shares[:, i] for i, c in enumerate(OP_CLASSES)},
        "launch_share": overhead_s / total_s,
        "log_launches": np.log(launches),
        "log_time_per_launch": np.log((breakdown.latency_s + _TINY_S) / launches),
        "log_compute_to_memory": np.log(compute_s / memory_s),
    }


def _profile_features(cases: Sequence[FeatureCase], breakdown: TimeBreakdown) -> dict[str, Floats]:
    flops = np.zeros_like(breakdown.class_s)
    places = {op_class: place for place, op_class in enumerate(OP_CLASSES)}
    for row, case in enumerate(cases):
        for repeats, one in case.profile.passes:
            for op in one.ops:
                flops[row, places[op.op_class]] += repeats * op.count * op.flops
    total = flops.sum(axis=1)
    shares = flops / np.maximum(total, 1.0)[:, None]
    parameters = np.array([case.profile.parameters for case in cases], dtype=np.float64)
    return {
        **{f"flops_share_{c}": shares[:, i] for i, c in enumerate(OP_CLASSES)},
        "log_flops_per_parameter": np.log(np.maximum(total, 1.0) / np.maximum(parameters, 1.0)),
    }


def _workload_features(workloads: Sequence[Workload]) -> dict[str, Floats]:
    tokens = [w.sequence_length or w.input_tokens for w in workloads]
    return {
        "log_batch_size": _log([w.batch_size for w in workloads]),
        "log_sequence_length": _log(tokens),
        "log_image_size": _log([w.image_size for w in workloads]),
        "log_output_tokens": _log([w.output_tokens for w in workloads]),
        "log_device_count": _log([w.device_count for w in workloads]),
        "log_concurrency": _log([w.concurrency for w in workloads]),
        **{
            f"framework_{name}": _flags([(w.framework or "pytorch") == name for w in workloads])
            for name in FRAMEWORKS
        },
        "is_compiled": _flags([w.is_compiled for w in workloads]),
        "is_channels_last": _flags([_is_channels_last(w) for w in workloads]),
        "is_quantized": _flags([w.quantization is not None for w in workloads]),
        "is_training": _flags([w.mode is Mode.TRAINING for w in workloads]),
        **{f"precision_{p}": _flags([w.precision is p for w in workloads]) for p in Precision},
        **{f"phase_{p}": _flags([w.phase is p for w in workloads]) for p in Phase},
    }


def _device_features(cases: Sequence[FeatureCase]) -> dict[str, Floats]:
    devices = [case.device for case in cases]
    fp32 = np.array([d.peak_flops_per_s[Precision.FP32] for d in devices], dtype=np.float64)
    bandwidth = np.array([d.bandwidth_bytes_per_s for d in devices], dtype=np.float64)
    cache = np.array([d.cache_bytes or 0 for d in devices], dtype=np.float64)
    reached = np.array(
        [
            arithmetic_rate(
                case.device, case.workload.precision, quantization=case.workload.quantization
            ).flops_per_s
            for case in cases
        ],
        dtype=np.float64,
    )
    return {
        **{f"kind_{kind}": _flags([d.kind is kind for d in devices]) for kind in DeviceKind},
        "log_ridge_point": np.log(fp32 / bandwidth),
        "log_precision_gain": np.log(reached / fp32),
        "log_bandwidth": np.log(bandwidth),
        "log_cache_seconds": np.log(cache / bandwidth + _TINY_S),
        "is_probed": _flags([d.is_probed for d in devices]),
    }


def _is_channels_last(workload: Workload) -> bool:
    return workload.memory_format in {"nhwc", "channels_last"}


def _log(values: Sequence[int | None]) -> Floats:
    return np.log(np.array([value or 1 for value in values], dtype=np.float64))


def _flags(values: Sequence[bool]) -> Floats:
    return np.array(values, dtype=np.float64)
