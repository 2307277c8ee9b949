"""How many values are alive at once, and how many a KV cache keeps; elements, not bytes."""

from perfpredict.catalog.transformers.attention import Shape
from perfpredict.catalog.transformers.config import Activation, Relative, Stack, TextInput


def peak_elements(stack: Stack, shape: Shape) -> float:
    """Return the most activations alive inside one layer, without gradients.

    The residual, the normalised input and the caller's reference to the layer's input live
    through a layer. Beside them stand either queries, keys, values and the rotation's
    temporaries, or the feed-forward part's widest tensors.
    """
    attention = stack.attention
    kept = 3.0 * shape.rows * stack.hidden
    turns = 3.0 if attention.rotary_share else 1.0
    inside = shape.rows * ((1.0 + turns) * attention.query_dim + 2.0 * attention.kv_dim)
    if attention.is_materialised:
        inside += 2.0 * shape.batch * attention.heads * shape.queries * shape.keys
    if attention.relative in {Relative.DISENTANGLED, Relative.DISENTANGLED_SHARED}:
        # scores against every relative position, both ways
        inside += 2.0 * shape.batch * attention.heads * shape.queries * attention.relative_positions
    return kept + max(inside, shape.rows * _feed_forward_width(stack))


def logits_elements(text: TextInput, rows: float) -> float:
    """Return the values of the logits for `rows` tokens."""
    return rows * text.vocab if text.has_head else 0.0


def kv_cache_elements(stack: Stack, batch: float, context: float) -> float:
    """Return keys and values of all layers: 2 * batch * context * kv_heads * head_dim a layer.

    Latent attention keeps its latent vector alone; a window bounds the context of its layers.
    """
    attention = stack.attention
    if attention.latent:
        return stack.layers * batch * context * attention.latent.cached_dim
    tokens = context
    if attention.window is not None:
        inside = min(context, float(attention.window))
        share = attention.windowed_share
        tokens = share * inside + (1.0 - share) * context
    return 2.0 * stack.layers * batch * tokens * attention.kv_dim


def _feed_forward_width(stack: Stack) -> float:
    """Return the widest set of feed-forward tensors alive at once, per token."""
    mlp, experts = stack.mlp, stack.experts
    copies = 3.0 if mlp.is_gated else 2.0
    if mlp.activation is Activation.GELU_NEW:
        copies += 2.0
    if not experts:
        return copies * mlp.intermediate
    routed = copies * experts.intermediate * experts.per_token
    return max(routed, copies * experts.shared_intermediate) + stack.hidden
