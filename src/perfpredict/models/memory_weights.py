"""Bytes that stored weights take in each quantisation scheme, and which weights none touches.

Quantisers convert the linear layers between the embedding and the output head. Embedding tables,
the head, normalisation and biases stay in 16 bits: `bitsandbytes`, GPTQ and AWQ in
`transformers` (`modules_to_not_convert`, by default the head), FP8 in vLLM (`ignore: lm_head`).
llama.cpp's formats convert every matrix.
"""

from dataclasses import dataclass

from perfpredict.domain.precision import Precision
from perfpredict.domain.quantization import GGUF_BITS, bytes_per_weight
from perfpredict.domain.workload import Workload
from perfpredict.models.memory_ops import op_facts
from perfpredict.models.predictor import Case

WIDE_BYTES = 2.0
"""A weight that the scheme leaves alone, as fp16 or bf16."""

GGUF_FRAMEWORKS = frozenset({"llama.cpp", "llama.cpp-vulkan"})
"""Those whose files convert every matrix, whatever the scheme."""
EAGER_FRAMEWORKS = frozenset({None, "pytorch", "transformers"})
"""None stands for the default, eager PyTorch."""

_HEAD_ALONE = 1.25
"""More weights outside linear layers than this many heads are experts that no token reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeights:
    """Weights of one workload by how they are kept; counts, all devices together."""

    converted: float
    """Those in the format of the precision or of the quantisation scheme."""
    wide: float
    """Those that the scheme leaves in 16 bits; 0 where nothing is quantised."""
    bytes_per_converted: float
    widest_layer: float
    """Weights of the largest converted matrix."""

    @property
    def total_bytes(self) -> float:
        return self.converted * self.bytes_per_converted + self.wide * WIDE_BYTES


def stored_weights(case: Case) -> StoredWeights:
    """Return how the weights of `case` are kept."""
    workload, parameters = case.workload, case.profile.parameters
    wide = 0.0
    if _leaves_some_wide(workload):
        wide = min(unconverted_weights(case), parameters)
    return StoredWeights(
        converted=parameters - wide,
        wide=wide,
        bytes_per_converted=bytes_per_weight(workload.precision, workload.quantization),
        widest_layer=op_facts(case.profile).widest_layer,
    )


def unconverted_weights(case: Case) -> float:
    """Return the weights of embedding tables, output head, normalisation and biases.

    They are what the linear layers of all passes leave of the parameters, and the head, which is
    a linear layer that is launched once. Experts that a generation's tokens do not reach are left
    over as well; then the embedding is taken to be as large as the head. 0 for models that read
    no text.
    """
    facts = op_facts(case.profile)
    if not facts.reads_text:
        return 0.0
    head = facts.head_weights
    rest = max(case.profile.parameters - facts.linear_weights, 0.0)
    if case.workload.phase and rest > _HEAD_ALONE * head > 0:
        rest = head
    return rest + head


def is_eager(workload: Workload) -> bool:
    """Return whether operations run one by one on whole tensors."""
    return workload.framework in EAGER_FRAMEWORKS and not workload.is_compiled


def is_quantized(workload: Workload) -> bool:
    """Return whether weights are kept narrower than activations."""
    return workload.precision in {Precision.FP8, Precision.INT8, Precision.INT4}


def _leaves_some_wide(workload: Workload) -> bool:
    is_gguf = workload.framework in GGUF_FRAMEWORKS or workload.quantization in GGUF_BITS
    return is_quantized(workload) and not is_gguf
