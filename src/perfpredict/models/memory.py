"""Peak device memory: weights, live activations, KV cache and what training keeps."""

from dataclasses import dataclass

from perfpredict.domain.device import DeviceKind
from perfpredict.domain.operations import OpClass
from perfpredict.domain.workload import Mode
from perfpredict.models.op_arrays import MATRIX_CLASSES
from perfpredict.models.predictor import Case

WORKSPACE_BYTES = 32 * 2**20
"""What matrix libraries keep on a GPU: cuBLAS workspaces of 8 to 32 MiB (cuBLAS documentation)."""
RESERVED_BYTES = 512 * 2**20
"""Of a GPU's memory, taken by driver context and kernels before any tensor is allocated."""
OPTIMIZER_BYTES = 8.0
"""Two fp32 moments per weight (Adam)."""

KEPT_SHARE = 0.33
"""Of the values written by operations that are not in KEPT_SHARES, those kept for backward."""
KEPT_SHARES = dict.fromkeys((*MATRIX_CLASSES, OpClass.SOFTMAX), 1.0) | {OpClass.NORMALISATION: 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Peak bytes on each device; the parts are affine in the batch size."""

    weights: float
    activations: float
    kv_cache: float
    training: float
    """Gradients and optimizer state."""
    workspace: float

    @property
    def total(self) -> float:
        return self.weights + self.activations + self.kv_cache + self.training + self.workspace


def memory_use(case: Case) -> MemoryUse:
    """Return the peak memory that `case` takes on each of its devices."""
    workload, profile = case.workload, case.profile
    shards = float(workload.device_count)
    is_split = any(op_profile.syncs for _, op_profile in profile.passes)
    weight_shards = shards if is_split else 1.0
    activation_bytes = workload.precision.activation_bytes
    training = 0.0
    activations = profile.peak_activation_elements
    if workload.mode is Mode.TRAINING:
        training = profile.parameters * (workload.precision.weight_bytes + OPTIMIZER_BYTES)
        activations = max(activations, kept_activation_elements(case))
    return MemoryUse(
        weights=profile.parameters * workload.precision.weight_bytes / weight_shards,
        activations=activations * activation_bytes / shards,
        kv_cache=profile.kv_cache_elements * activation_bytes / shards,
        training=training,
        workspace=0.0 if case.device.kind is DeviceKind.CPU else float(WORKSPACE_BYTES),
    )


def kept_activation_elements(case: Case) -> float:
    """Return the activation values a training step keeps for its backward pass.

    Results of matrix products and softmax are kept whole; others partly, since in-place
    activations overwrite them and sums need no operand. With KEPT_SHARES, 99 % of the published
    timm training rows that ran on a card of 24 GB fit it (scripts/fit_roofline.py prints this).
    """
    return sum(
        repeats
        * sum(
            op.count * op.elements_written * KEPT_SHARES.get(op.op_class, KEPT_SHARE)
            for op in op_profile.ops
        )
        for repeats, op_profile in case.profile.passes
    )


def usable_bytes(case: Case) -> float:
    """Return the memory of one device that tensors can take."""
    if case.device.kind is DeviceKind.CPU:
        return float(case.device.memory_bytes)
    return float(case.device.memory_bytes - RESERVED_BYTES)
