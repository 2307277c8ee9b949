"""The one function from workloads × devices to a feature frame, for training and predicting.

Every feature is a share, a flag or a logarithm, so it means the same on a small device as on a
large one. There is no model name and no family name: they make an unseen family worse.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.device import Device, DeviceKind
from perfpredict.domain.framework_versions import released
from perfpredict.domain.identity import Same
from perfpredict.domain.operations import OpClass
from perfpredict.domain.precision import Precision
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
    @property
    def class_peak_s(self) -> Floats: ...


SHAPE_FEATURES: tuple[str, ...] = (
    "mean_log_rows",
    *(f"time_share_rows_to_{label}" for label in (2**10, 2**13, 2**16, 2**19, 2**22, "more")),
    "mean_log_columns",
    *(f"time_share_columns_to_{label}" for label in (32, 64, 128, 256, 512, 1024, "more")),
    "mean_log_depth",
    *(f"time_share_depth_to_{label}" for label in (32, 128, 512, 2048, "more")),
    "time_share_columns_not_of_8",
    "time_share_columns_not_of_64",
    "time_share_depth_not_of_8",
    *(f"time_share_depthwise_of_{area}" for area in (9, 25, 49)),
    "log_bytes_per_launch",
    "mean_cache_share",
)
"""Features of the operations' shapes: extents of matrix products, kernels, sizes against cache."""

OP_KINDS: tuple[str, ...] = (
    "batch_norm", "other_norm", "pooling", "reduction_to_few", "reduction_partial",
    "elementwise_of_weights", "elementwise_of_two", "elementwise_broadcast",
    "movement_of_weights", "movement_growing", "movement_shrinking", "copy",
    "dense_3_stride_1", "dense_3_stride_2", "dense_patches", "dense_large",
    "depthwise_large", "depthwise_strided", "grouped_narrow",
    "matmul_depth_to_32", "matmul_depth_to_64", "matmul_depth_to_256", "other",
)  # fmt: skip
"""Finer kinds of operation; `other` is all whose class says enough."""

KIND_FEATURES: tuple[str, ...] = (
    *(f"time_share_{kind}" for kind in OP_KINDS[:-1]),
    *(f"launch_share_{kind}" for kind in ("batch_norm", "other_norm")),
    *(f"launch_share_{op_class}" for op_class in OP_CLASSES if op_class != "normalisation"),
    "log_attention_intensity",
    "mean_log_norm_width",
)
"""Features of the kinds of operation: shares of time and of launches."""

FEATURES: tuple[str, ...] = (
    *(f"time_share_{op_class}" for op_class in OP_CLASSES),
    *(f"peak_share_{op_class}" for op_class in OP_CLASSES),
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
    "framework_released",
    *SHAPE_FEATURES,
    *KIND_FEATURES,
)
"""Names of the features, in the order of the frame's columns."""


def feature_matrix(
    cases: Sequence[FeatureCase], breakdown: TimeBreakdown, shapes: Floats, kinds: Floats
) -> Floats:
    """Return (m, len(FEATURES)); `breakdown` has the cases' order.

    `shapes` is (m, len(SHAPE_FEATURES)), `kinds` (m, len(KIND_FEATURES)).
    Times enter as shares of the roofline sum. Lengths that a
    workload does not have count as 1; a framework version that is not known is nan.
    """
    columns = {
        **{name: shapes[:, place] for place, name in enumerate(SHAPE_FEATURES)},
        **{name: kinds[:, place] for place, name in enumerate(KIND_FEATURES)},
        **_time_features(breakdown),
        **_profile_features(cases, breakdown),
        **_features_of_workloads([case.workload for case in cases]),
        **_device_features(cases),
    }
    return np.column_stack([columns[name] for name in FEATURES])


def feature_frame(matrix: Floats) -> pl.DataFrame:
    """Return a matrix of features as a frame with their names, all float64."""
    return pl.DataFrame(matrix, schema=dict.fromkeys(FEATURES, pl.Float64), orient="row")


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
    peak_s = breakdown.class_peak_s
    total_s = peak_s.sum(axis=1) + _TINY_S
    shares = peak_s / total_s[:, None]
    parameters = np.array([case.profile.parameters for case in cases], dtype=np.float64)
    flops = np.array([_flops(Same(case.profile)) for case in cases], dtype=np.float64)
    return {
        **{f"peak_share_{c}": shares[:, i] for i, c in enumerate(OP_CLASSES)},
        "log_flops_per_parameter": np.log(np.maximum(flops, 1.0) / np.maximum(parameters, 1.0)),
    }


@lru_cache(maxsize=8192)
def _flops(profile: Same[WorkloadProfile]) -> float:
    return sum(repeats * one.flops for repeats, one in profile.value.passes)


def _features_of_workloads(workloads: Sequence[Workload]) -> dict[str, Floats]:
    """Return the features of each workload, found once for those that cases share."""
    places: dict[int, int] = {}
    distinct: list[Workload] = []
    for workload in workloads:
        if id(workload) not in places:
            places[id(workload)] = len(distinct)
            distinct.append(workload)
    own = np.array([places[id(workload)] for workload in workloads], dtype=np.int64)
    return {name: values[own] for name, values in _workload_features(distinct).items()}


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
            f"framework_{name}": _flags([w.framework_name == name for w in workloads])
            for name in FRAMEWORKS
        },
        "is_compiled": _flags([w.is_compiled for w in workloads]),
        "is_channels_last": _flags([_is_channels_last(w) for w in workloads]),
        "is_quantized": _flags([w.quantization is not None for w in workloads]),
        "is_training": _flags([w.mode is Mode.TRAINING for w in workloads]),
        **{f"precision_{p}": _flags([w.precision is p for w in workloads]) for p in Precision},
        **{f"phase_{p}": _flags([w.phase is p for w in workloads]) for p in Phase},
        "framework_released": np.array(
            [released(w.framework, w.framework_version) or np.nan for w in workloads],
            dtype=np.float64,
        ),
    }


def _device_features(cases: Sequence[FeatureCase]) -> dict[str, Floats]:
    devices = [case.device for case in cases]
    return {f"kind_{kind}": _flags([d.kind is kind for d in devices]) for kind in DeviceKind}


def _is_channels_last(workload: Workload) -> bool:
    return workload.memory_format in {"nhwc", "channels_last"}


def _log(values: Sequence[int | None]) -> Floats:
    return np.log(np.array([value or 1 for value in values], dtype=np.float64))


def _flags(values: Sequence[bool]) -> Floats:
    return np.array(values, dtype=np.float64)
