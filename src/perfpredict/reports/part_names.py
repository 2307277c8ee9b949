"""What people read for the parts of an explanation; programs get the names themselves."""

from collections.abc import Mapping

PART_NAMES: Mapping[str, str] = {
    "conv_dense": "dense convolutions",
    "conv_pointwise": "pointwise convolutions",
    "conv_depthwise": "depthwise convolutions",
    "conv_grouped": "grouped convolutions",
    "linear": "linear layers",
    "matmul": "matrix products",
    "attention": "attention",
    "normalisation": "normalisation",
    "softmax": "softmax",
    "reduction": "reductions",
    "data_movement": "data movement",
    "elementwise": "element-wise operations",
    "launches": "launching and waiting",
    "prompt_products": "prompt: matrix products",
    "prompt_attention": "prompt: attention",
    "prompt_weights": "prompt: reading weights",
    "prompt_traffic": "prompt: small operations",
    "prompt_matrix_launches": "prompt: launching products",
    "prompt_small_launches": "prompt: launching the rest",
    "prompt_tokens": "prompt: tokens in and out",
    "prompt_unpacking": "prompt: unpacking weights",
    "step_weights": "steps: reading weights",
    "step_cache": "steps: reading the KV cache",
    "step_unshared_cache": "steps: reading it once a head",
    "step_products": "steps: matrix products",
    "step_traffic": "steps: small operations",
    "step_matrix_launches": "steps: launching products",
    "step_small_launches": "steps: launching the rest",
    "step_unpacking": "steps: unpacking weights",
    "passes": "scheduling each pass",
    "sequence_steps": "sampling for each sequence",
    "sync_latency": "messages between devices",
    "sync_traffic": "bytes between devices",
    "request": "taking in the request",
    "other_layers": "layers on the other devices",
}


def part_name(part: str) -> str:
    """Return what people read for `part`."""
    return PART_NAMES.get(part, part)
