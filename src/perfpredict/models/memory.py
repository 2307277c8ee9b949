"""Peak memory of a workload's tensors on each device, by formula.

It is what `torch.cuda.max_memory_allocated` counts: weights, live activations, KV cache, what
training keeps, and the libraries' workspaces. Left out are the driver's context (counted against
the capacity, and shown by `nvidia-smi`), blocks that a caching allocator holds but does not use,
and the pool of a serving framework, which takes its share of the memory whatever it needs.
"""

from dataclasses import dataclass
from functools import lru_cache

from perfpredict.domain.device import Device, DeviceKind
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.models.memory_ops import op_facts
from perfpredict.models.memory_training import state_bytes, training_elements
from perfpredict.models.memory_weights import is_eager, stored_weights
from perfpredict.models.predictor import Case

WORKSPACE_BYTES = 8_519_680
"""cuBLAS under PyTorch: two buffers of 4096 KiB and eight of 16 KiB (`:4096:2:16:8`, PyTorch,
CUDAContextLight `getChosenWorkspaceSize`)."""
LARGE_WORKSPACE_BYTES = 32 * 2**20
"""The same from Hopper on (`:4096:8`; NVIDIA cuBLAS documentation, `cublasSetWorkspace`)."""
_SMALL_WORKSPACE_ARCHITECTURES = frozenset(
    {"pascal", "volta", "turing", "ampere", "ampere-dc", "ada"}
)
RESERVED_BYTES = 512 * 2**20
"""Of a GPU's memory, taken by driver context and kernels before any tensor is allocated."""
CONTEXT_BYTES = 1.3e9
"""What `nvidia-smi` shows of a process that has loaded PyTorch's kernels and no tensor (Hugging
Face documentation, "Model training anatomy"); only for comparing with such readings."""
AUTOCAST_BYTES = 2.0
"""16-bit copy of each weight that autocast keeps until it is left (PyTorch, `cache_enabled`)."""
SAMPLING_BYTES = 4.0
"""fp32 copy of the last token's logits that generation samples from (`transformers`,
`generation/utils.py`)."""

LOSS_BYTES = 8.0
"""fp32 log-probability of each logit and its gradient (PyTorch, `cross_entropy` is
`nll_loss(log_softmax(x))`, and autocast runs both in fp32)."""

REMEMBERED_CASES = 4096
"""Cases whose memory is kept: it is asked for by what predicts it and by what says if it fits."""

SERVING_FRAMEWORKS = frozenset({"vllm", "tensorrt-llm", "sglang", "deepspeed", "deepspeed-mii"})
"""Servers that run a batch in waves where its KV cache does not fit at once."""
CHUNK_TOKENS = 8192
"""Prompt tokens that a server computes in one pass (vLLM `max_num_batched_tokens`, TensorRT-LLM
`max_num_tokens`: both 8192 by default)."""

RULED_OUT_FROM = {Mode.INFERENCE: 1.15, Mode.TRAINING: 1.3}
"""By how much the estimate of an image or text encoder must exceed the capacity to be ruled out.

Of the published `timm` runs, which halved the batch until it fitted, 99 % pass
(scripts/check_memory.py). Generation, of which weights and cache are known, has no such slack.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Peak bytes on each device; the parts are affine in the batch size."""

    weights: float
    activations: float
    kv_cache: float
    training: float
    """Gradients and optimizer state."""
    workspace: float
    """Of fixed size: libraries' buffers, one quantised matrix unpacked."""

    @property
    def total(self) -> float:
        return self.weights + self.activations + self.kv_cache + self.training + self.workspace


def memory_use(case: Case) -> MemoryUse:
    """Return the peak memory that `case` takes on each of its devices."""
    return _remembered(_OfMemory(case))


class _OfMemory:
    """A case as a key: equal for all devices that the same workload takes the same memory of."""

    __slots__ = ("case", "key")

    def __init__(self, case: Case) -> None:
        self.case = case  # keeps alive what the key names by identity
        device = case.device
        is_small = device.architecture in _SMALL_WORKSPACE_ARCHITECTURES
        is_cpu = device.kind is DeviceKind.CPU
        self.key = (id(case.workload), id(case.profile), is_cpu, is_small)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _OfMemory) and self.key == other.key


@lru_cache(maxsize=REMEMBERED_CASES)
def _remembered(alike: _OfMemory) -> MemoryUse:
    case = alike.case
    workload, profile = case.workload, case.profile
    shards = float(workload.device_count)
    is_split = any(op_profile.syncs for _, op_profile in profile.passes)
    weight_shards = shards if is_split else 1.0
    is_training = workload.mode is Mode.TRAINING
    cached = 0.0 if is_training else profile.kv_cache_elements
    return MemoryUse(
        weights=_weight_bytes(case) / weight_shards,
        activations=activation_bytes(case) / shards,
        kv_cache=cached * workload.precision.activation_bytes / shards,
        training=state_bytes(workload, profile.parameters) if is_training else 0.0,
        workspace=_workspace_bytes(case.device) + _unpacked_bytes(case) / weight_shards,
    )


def activation_bytes(case: Case) -> float:
    """Return the bytes of activations alive at once, all devices together."""
    workload = case.workload
    width = workload.precision.activation_bytes
    loss = 0.0
    if workload.mode is Mode.TRAINING:
        elements = training_elements(case)
        loss = op_facts(case.profile).head_elements * LOSS_BYTES
    elif workload.phase is not None:
        return _generation_bytes(case, width)
    else:
        elements = case.profile.peak_activation_elements
    if is_eager(workload) and case.device.kind is not DeviceKind.CPU:
        # convolutions on tensor cores work on copies in their own layout (NVIDIA, "Tensor
        # Layouts In Memory", Convolutional Layers User's Guide)
        elements += op_facts(case.profile).widest_convolution
    return elements * width + loss


def usable_bytes(case: Case) -> float:
    """Return the estimated memory from which `case` is said not to fit one of its devices."""
    slack = 1.0 if case.workload.phase else RULED_OUT_FROM[case.workload.mode]
    if case.device.kind is DeviceKind.CPU:
        return float(case.device.memory_bytes) * slack
    return float(case.device.memory_bytes - RESERVED_BYTES) * slack


def fits(case: Case) -> bool:
    """Return whether `case` can run; a server needs room for one sample of its batch only."""
    use = memory_use(case)
    needed = use.total
    if runs_in_waves(case.workload):
        whole = use.kv_cache + use.activations
        needed -= whole * (1.0 - 1.0 / case.workload.batch_size)
    return needed <= usable_bytes(case)


def runs_in_waves(workload: Workload) -> bool:
    """Return whether a batch that does not fit at once is run in waves."""
    return workload.phase is Phase.GENERATE and workload.framework in SERVING_FRAMEWORKS


def _weight_bytes(case: Case) -> float:
    total = stored_weights(case).total_bytes
    if case.workload.precision in {Precision.AMP_FP16, Precision.AMP_BF16}:
        total += case.profile.parameters * AUTOCAST_BYTES
    return total


def _generation_bytes(case: Case, width: float) -> float:
    """Return the activations of the widest pass, the prompt's, and the last token's logits.

    A decode step stands for a generation whose prompt was read before it, in one pass, where the
    framework is eager. All but the logits grows with the tokens of a pass.
    """
    workload = case.workload
    logits = op_facts(case.profile).head_elements
    peak = case.profile.peak_activation_elements
    alone = max(peak - logits, 0.0)
    tokens = float(workload.input_tokens or workload.sequence_length or 1)
    if workload.phase is Phase.DECODE:
        alone *= tokens if workload.framework not in SERVING_FRAMEWORKS else 1.0
    elif workload.framework in SERVING_FRAMEWORKS:
        in_pass = min(1.0, CHUNK_TOKENS / (workload.batch_size * tokens))
        alone *= max(in_pass, 1.0 / tokens)
    return (alone + logits) * width + logits * SAMPLING_BYTES


def _unpacked_bytes(case: Case) -> float:
    """Return the widest 4-bit matrix unpacked to 16 bits, as eager kernels do for a prompt.

    `bitsandbytes` (`functional.dequantize_4bit`) and ExLlama's GPTQ kernels (`temp_dq`) do so;
    servers multiply packed weights.
    """
    if case.workload.precision is not Precision.INT4 or not is_eager(case.workload):
        return 0.0
    return stored_weights(case).widest_layer * case.workload.precision.activation_bytes


def _workspace_bytes(device: Device) -> float:
    if device.kind is DeviceKind.CPU:
        return 0.0
    is_small = device.architecture in _SMALL_WORKSPACE_ARCHITECTURES
    return float(WORKSPACE_BYTES if is_small else LARGE_WORKSPACE_BYTES)
