"""The parts that measured memory is a sum of: those the formula counts, and those that some
releases or quantisers add and that only measurements can tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.catalog.transformers.registry import find_transformer
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode
from perfpredict.models.memory import memory_use
from perfpredict.models.memory_weights import stored_weights
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

UNIT_BYTES = 1e8
"""What the constant part is counted in: context and kernels, where a reading includes them."""
UPCAST_BYTES = 4.0
"""One logit in fp32."""
_MASKED = frozenset({"gpt2", "gpt_neo", "gptj", "codegen", "gpt_neox", "gpt_bigcode"})
"""Architectures whose layers held a causal mask of max_tokens squared, one byte each
(`transformers` to 4.4x, `register_buffer("bias", ...)`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One summand and how often it is expected to count."""

    name: str
    expected: float
    """1 for what the formula counts, 0 for what it leaves out."""
    stiffness: float
    """Rows' worth of evidence for `expected`; high for what is certain."""


PARTS = (
    Part(name="weights", expected=1.0, stiffness=300.0),
    Part(name="activations", expected=1.0, stiffness=1.0),
    Part(name="kv_cache", expected=1.0, stiffness=1.0),
    Part(name="workspace", expected=1.0, stiffness=300.0),
    Part(name="training_state", expected=1.0, stiffness=300.0),
    Part(name="training_activations", expected=1.0, stiffness=1.0),
    Part(name="training_constant", expected=0.0, stiffness=1.0),
    Part(name="int8_weights", expected=0.0, stiffness=1.0),
    Part(name="prompt_logits", expected=0.0, stiffness=1.0),
    Part(name="position_tables", expected=0.0, stiffness=1.0),
    Part(name="causal_masks", expected=0.0, stiffness=1.0),
)


def part_matrix(cases: Sequence[Case]) -> Floats:
    """Return the bytes of each of PARTS on each device, shape (cases, parts)."""
    rows = [[_parts(case)[part.name] for part in PARTS] for case in cases]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(PARTS))


def _parts(case: Case) -> dict[str, float]:
    use, workload = memory_use(case), case.workload
    is_training = workload.mode is Mode.TRAINING
    tables, masks = _buffers(case)
    return {
        "weights": use.weights,
        "activations": 0.0 if is_training else use.activations,
        "kv_cache": use.kv_cache,
        "workspace": use.workspace,
        "training_state": use.training,
        "training_activations": use.activations if is_training else 0.0,
        "training_constant": UNIT_BYTES if is_training else 0.0,
        "int8_weights": _int8_bytes(case, use.weights),
        "prompt_logits": _prompt_logits(case),
        "position_tables": tables,
        "causal_masks": masks,
    }


def _int8_bytes(case: Case, weight_bytes: float) -> float:
    """Return the bytes of weights in int8, of which LLM.int8() keeps outliers in 16 bits."""
    if case.workload.precision is not Precision.INT8:
        return 0.0
    stored = stored_weights(case)
    return weight_bytes * stored.converted * stored.bytes_per_converted / stored.total_bytes


def _prompt_logits(case: Case) -> float:
    """Return logits of the whole prompt and their fp32 copy (`transformers` before 4.45)."""
    workload = case.workload
    config = find_transformer(workload.model)
    if workload.phase is None or config is None or config.text is None:
        return 0.0
    tokens = workload.batch_size * (workload.input_tokens or workload.sequence_length or 1)
    stored = workload.precision.activation_bytes
    upcast = UPCAST_BYTES if stored < UPCAST_BYTES else 0.0
    return tokens * config.text.vocab * (stored + upcast) / workload.device_count


def _buffers(case: Case) -> tuple[float, float]:
    """Return rotary tables and causal masks of all layers, as long as the longest input.

    Each layer held tables of its own in `transformers` up to 4.4x. 0 where the model is not in
    the catalog by name.
    """
    config = find_transformer(case.workload.model)
    if config is None or config.decoder is None or config.max_tokens is None:
        return 0.0, 0.0
    stack, longest = config.decoder, float(config.max_tokens)
    rotated = stack.attention.rotary_share * stack.attention.head_dim
    width = case.workload.precision.activation_bytes
    tables = 2.0 * stack.layers * longest * rotated * width
    masks = stack.layers * longest**2 if config.architecture in _MASKED else 0.0
    return tables / case.workload.device_count, masks / case.workload.device_count
