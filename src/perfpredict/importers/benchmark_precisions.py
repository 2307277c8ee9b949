"""In which number format published benchmarks run, where a row is silent or says less.

MLPerf: read from the configurations that NVIDIA published with the results of rounds 2.0 and 4.1
(`closed/NVIDIA/configs` of mlcommons/inference_results_v2.0 and _v4.1), on whose code the closed
division's other TensorRT submissions run. Rows of other software stay unanswered.

Lambda: NVIDIA's containers of PyTorch, told by a version like 1.10.0a0+ecc3718, run products of
fp32 matrices in TF32 where the device has it (NVIDIA, "TensorFloat-32 in the A100", from 20.06).
"""

import re

import polars as pl

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.precision import Precision
from perfpredict.errors import UnknownDeviceError
from perfpredict.importers.benchmarks import LAMBDA, MLPERF

_ALWAYS = {
    "resnet50": Precision.INT8,
    "resnet": Precision.INT8,
    "retinanet": Precision.INT8,
    "ssd-mobilenet": Precision.INT8,
    "ssd-resnet34": Precision.INT8,
    "bert-99": Precision.INT8,
    "dlrm-99": Precision.INT8,
    "dlrm-99.9": Precision.INT8,
    "dlrm-v2-99": Precision.INT8,
    # the cross layers, which do most of its arithmetic: interaction_op_precision = 'fp16'
    "dlrm-v2-99.9": Precision.FP16,
    "rnnt": Precision.FP16,
}
_FP8_OR_FP16 = ("bert-99.9", "gptj-99", "gptj-99.9", "llama2-70b-99", "llama2-70b-99.9")
"""use_fp8 = True on every device that has it, precision = 'fp16' elsewhere."""
_FP8_OR_INT8 = ("stable-diffusion-xl",)
"""fp8 on Hopper; 'int8' on L40S and Orin."""
_HOPPER = re.compile(r"nvidia-(h\d|gh)")
_CONTAINER_BUILD = r"^\d+\.\d+\.0a0\+"
_PARTS_UNET = r"'unet': '(\w+)'"
_SPELLINGS = {"uint4": "int4"}
"""Names in MLPerf's system descriptions that say the width of stored weights."""


def with_precisions(frame: pl.DataFrame) -> pl.DataFrame:
    """Return text columns with the precision that published code or containers say."""
    return _with_tf32(_with_submitted(frame))


def _with_tf32(frame: pl.DataFrame) -> pl.DataFrame:
    is_container = pl.col("framework_version").str.contains(_CONTAINER_BUILD)
    is_fp32 = (pl.col("source") == LAMBDA) & (pl.col("precision") == "fp32") & is_container
    with_tf32 = [
        name for name in frame["hardware_id"].drop_nulls().unique() if _has(name, Precision.TF32)
    ]
    is_tf32 = is_fp32 & pl.col("hardware_id").is_in(with_tf32)
    return frame.with_columns(
        pl.when(is_tf32).then(pl.lit(Precision.TF32.value)).otherwise("precision")
        .alias("precision")
    )  # fmt: skip


def _with_submitted(frame: pl.DataFrame) -> pl.DataFrame:
    is_mlperf = pl.col("source").str.starts_with(MLPERF).fill_null(value=False)
    is_silent = pl.col("precision").is_null() | (pl.col("precision") == "unstated")
    is_tensorrt = (pl.col("framework") == "tensorrt") & pl.col("note").str.contains("closed")
    keys = frame.select("model_name", "hardware_id").unique()
    found = [_precision(model, device) for model, device in keys.iter_rows()]
    table = keys.with_columns(pl.Series("_code", found, dtype=pl.String))
    joined = frame.join(
        table, on=["model_name", "hardware_id"], how="left", nulls_equal=True, maintain_order="left"
    )
    stated = pl.coalesce(pl.col("precision").str.extract(_PARTS_UNET), "precision")
    documented = pl.when(is_mlperf & is_silent & is_tensorrt.fill_null(value=False)).then("_code")
    return joined.with_columns(
        pl.coalesce(
            documented, pl.when(is_mlperf).then(stated.replace(_SPELLINGS)).otherwise("precision")
        ).alias("precision")
    ).drop("_code")


def _precision(model: str | None, device: str | None) -> str | None:
    """Return the precision of a TensorRT submission of `model` on `device`, None if not known."""
    if model is None or device is None:
        return None
    if model in _ALWAYS:
        return _ALWAYS[model].value
    if model in _FP8_OR_INT8:
        return (Precision.FP8 if _HOPPER.match(device) else Precision.INT8).value
    if model in _FP8_OR_FP16:
        return (Precision.FP8 if _has(device, Precision.FP8) else Precision.FP16).value
    return None


def _has(device: str, precision: Precision) -> bool:
    """Return whether a device of the catalog computes in `precision`; unknown ones do not."""
    try:
        return precision in DeviceCatalog().find(device).peak_flops_per_s
    except UnknownDeviceError:
        return False
