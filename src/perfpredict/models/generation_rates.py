"""What one device gives a workload that generates text: rates, launches and links between devices.

Times of launches and messages are units whose real size is learned (models/generation_fit.py).
"""

from dataclasses import dataclass

import numpy as np

from perfpredict.domain.device import DeviceKind
from perfpredict.domain.precision import Precision
from perfpredict.domain.quantization import bytes_per_weight
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.models.memory_weights import is_eager
from perfpredict.models.op_arrays import is_sequential
from perfpredict.models.predictor import Case

LAUNCH_S = 1e-6
"""Unit of one launch."""
UNPACKING_FLOPS = 500.0
"""Unit of unpacking one weight; likewise."""
EAGER_MATRIX_LAUNCH_S, EAGER_SMALL_LAUNCH_S = 5e-6, 16e-6
"""The same unit under eager PyTorch, where the host takes about 22 us for a launch of either sort
(scripts/measure_launches.py, and published decoding of small models): that over the factors that
physics expects of a launch, 4.5 and 1.35."""
BITSANDBYTES_LAUNCHES = {Precision.INT8: 16.0, Precision.INT4: 8.0}
"""Operators that one linear layer becomes under eager PyTorch, counted in the Python sources of
bitsandbytes 0.43: `MatMul8bitLt` finds row and column maxima, quantises, transforms, multiplies and
scales back; `gemv_4bit` casts, unpacks the scales of blocks, multiplies and casts back."""
LINK_SHARE = 0.1
"""Bandwidth of a link between devices over that of memory: NVLink of A100 and H100 has 300 and
450 GB/s each way to 2.0 and 3.35 TB/s (NVIDIA data sheets), of which all-reduces use two thirds."""
PCIE_BYTES_PER_S = 25e9
"""PCIe 4.0 x16 each way (32 GB/s) less its protocol; NVIDIA cards that are not SXM."""
HOP_S, PCIE_HOP_S = 1e-5, 3e-5
"""One message between devices with direct writes, and through the host; units, as above."""
DIES = {"amd-mi250": 2.0, "intel-max-1550": 2.0}
"""Devices that software sees as two: one die works alone where layers are split."""
_BITSANDBYTES = frozenset({"bnb", "llm_int8", "nf4", "fp4"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one device gives a workload."""

    weight_bytes: float
    activation_bytes: float
    flops_per_s: float
    unpacking_per_s: float
    """Quantised weights unpacked; infinite where none are."""
    bandwidth_bytes_per_s: float
    link_bytes_per_s: float
    hop_s: float
    shards: float
    """Parts that every layer is split into."""
    prompt_flops_per_s: float
    """Of a prompt's products, where those are not computed as a step's are."""
    product_launches: float
    """Launches that a product becomes."""
    matrix_launch_s: float
    small_launch_s: float


def rates_of(case: Case) -> Rates:
    """Return the rates at which one device, or one die where layers are split, runs `case`."""
    workload, device = case.workload, case.device
    is_split_by_layers = is_sequential(workload)
    dies = DIES.get(device.name, 1.0) if is_split_by_layers else 1.0
    rate = arithmetic_rate(device, workload.precision, quantization=workload.quantization)
    weight_bytes = bytes_per_weight(workload.precision, workload.quantization)
    activation_bytes = workload.precision.activation_bytes
    if rate.is_emulated:
        weight_bytes, activation_bytes = max(weight_bytes, 4.0), 4.0
    bandwidth = device.bandwidth_bytes_per_s / dies
    is_pcie = device.vendor == "nvidia" and "sxm" not in device.name
    fp32 = device.peak_flops_per_s[Precision.FP32] / dies
    is_host_bound = is_eager(workload) and device.kind is not DeviceKind.CPU
    is_bitsandbytes = is_host_bound and workload.quantization in _BITSANDBYTES
    prompt_flops_per_s = rate.flops_per_s
    if is_bitsandbytes:
        prompt_flops_per_s = _bitsandbytes_rate(case, rate.flops_per_s)
    return Rates(
        weight_bytes=weight_bytes,
        activation_bytes=activation_bytes,
        flops_per_s=rate.flops_per_s / dies,
        unpacking_per_s=fp32 / UNPACKING_FLOPS if workload.quantization else np.inf,
        bandwidth_bytes_per_s=bandwidth,
        link_bytes_per_s=PCIE_BYTES_PER_S if is_pcie else bandwidth * LINK_SHARE,
        hop_s=PCIE_HOP_S if is_pcie else HOP_S,
        shards=1.0 if is_split_by_layers else float(workload.device_count),
        prompt_flops_per_s=prompt_flops_per_s / dies,
        product_launches=BITSANDBYTES_LAUNCHES.get(workload.precision, 1.0)
        if is_bitsandbytes
        else 1.0,
        matrix_launch_s=EAGER_MATRIX_LAUNCH_S if is_host_bound else LAUNCH_S,
        small_launch_s=EAGER_SMALL_LAUNCH_S if is_host_bound else LAUNCH_S,
    )


def _bitsandbytes_rate(case: Case, flops_per_s: float) -> float:
    """Return the rate of a prompt's products; `flops_per_s` is that of 16-bit arithmetic.

    `Linear8bitLt` multiplies in int8, `Linear4bit` in its compute_dtype: float32 unless one is
    given.
    """
    peaks = case.device.peak_flops_per_s
    if case.workload.precision is Precision.INT4:
        return peaks[Precision.FP32]
    return peaks.get(Precision.INT8, flops_per_s)
