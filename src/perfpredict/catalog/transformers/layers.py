"""Launches of whole layers: attention, feed-forward part or experts, normalisation, residuals."""

from perfpredict.catalog.transformers.attention import (
    Shape,
    attention_ops,
    cross_attention_ops,
)
from perfpredict.catalog.transformers.config import Experts, Mlp, Norm, Relative, Stack
from perfpredict.catalog.transformers.ops import (
    activate,
    conv,
    copy,
    elementwise,
    gather,
    linear,
    normalise,
    reduction,
    softmax,
    times,
)
from perfpredict.catalog.transformers.parameters import POSITION_GROUPS, POSITION_KERNEL
from perfpredict.domain.operations import Op


def stack_ops(stack: Stack, shape: Shape, *, memory_tokens: float = 0.0) -> list[Op]:
    """Return all launches of one stack; `memory_tokens` are the encoder's, for cross-attention."""
    count = stack.layers
    one = _around(stack, shape, memory_tokens)
    dense = min(count, stack.experts.dense_layers) if stack.experts else count
    ops = _before(stack, shape) + times(count, one)
    ops += times(dense, mlp_ops(stack.mlp, stack.hidden, shape.rows))
    if stack.experts:
        ops += times(count - dense, experts_ops(stack.experts, stack, shape.rows))
    if stack.has_final_norm:
        ops += normalise(stack.norm, shape.rows, stack.hidden)
    return ops


def mlp_ops(mlp: Mlp, hidden: int, rows: float) -> list[Op]:
    """Return one feed-forward part."""
    inner, elements = mlp.intermediate, rows * mlp.intermediate
    activation = activate(mlp.activation, elements)
    down = linear(rows, inner, hidden, bias=mlp.has_bias)
    if not mlp.is_gated:
        return [linear(rows, hidden, inner, bias=mlp.has_bias), *activation, down]
    if mlp.is_fused_gate:
        into = [linear(rows, hidden, 2 * inner, bias=mlp.has_bias)]
    else:
        into = times(2.0, [linear(rows, hidden, inner, bias=mlp.has_bias)])
    return [*into, *activation, elementwise(elements, reads=2.0), down]


def experts_ops(experts: Experts, stack: Stack, rows: float) -> list[Op]:
    """Return routing and the experts that `rows` tokens are expected to touch, one by one."""
    hidden = stack.hidden
    touched = experts.distinct(rows)
    share = rows * experts.per_token / touched
    one = Mlp(
        intermediate=experts.intermediate,
        is_gated=experts.is_gated,
        has_bias=experts.has_bias,
        activation=stack.mlp.activation,
    )
    ops = [linear(rows, hidden, experts.count), softmax(rows, experts.count)]
    ops += [reduction(rows * experts.count, rows * experts.per_token)]
    ops += [elementwise(rows * experts.per_token, count=2.0)]
    expert = [copy(share * hidden), *mlp_ops(one, hidden, share)]
    expert += [elementwise(share * hidden), elementwise(share * hidden, reads=2.0)]
    ops += times(touched, expert)
    if experts.shared_intermediate:
        shared = Mlp(
            intermediate=experts.shared_intermediate,
            is_gated=True,
            activation=stack.mlp.activation,
        )
        ops += [*mlp_ops(shared, hidden, rows), elementwise(rows * hidden, reads=2.0)]
    if experts.has_shared_gate:
        ops += [linear(rows, hidden, 1), elementwise(rows), elementwise(rows * hidden)]
    return ops


def _around(stack: Stack, shape: Shape, memory_tokens: float) -> list[Op]:
    """Return one layer without its feed-forward part: norms, attention, residual sums."""
    elements = shape.rows * stack.hidden
    norm = normalise(stack.norm, shape.rows, stack.hidden)
    head_norm = stack.norm if stack.norm is not Norm.LAYER else Norm.RMS
    ops = times(stack.norms_per_layer, norm)
    ops += attention_ops(stack.attention, stack.hidden, shape, head_norm)
    ops.append(elementwise(elements, reads=2.0, count=2.0))
    if stack.has_layer_scale:
        ops.append(elementwise(elements, count=2.0))
    if stack.has_cross_attention:
        ops += [*norm, elementwise(elements, reads=2.0)]
        ops += cross_attention_ops(stack.attention, stack.hidden, shape, memory_tokens)
    return ops


def _before(stack: Stack, shape: Shape) -> list[Op]:
    """Return what runs once ahead of the layers for positions."""
    attention, hidden = stack.attention, stack.hidden
    if attention.rotary_share or attention.latent:
        table = shape.queries * attention.head_dim
        # angles, joined halves, cosine and sine, each scaled and cast
        return [copy(table), elementwise(table, count=7.0)]
    match attention.relative:
        case Relative.BUCKETS:
            pairs = shape.queries * shape.keys
            # bucket numbers: about a dozen integer launches, then the look-up
            return [elementwise(pairs, count=12.0), gather(pairs, attention.heads)]
        case Relative.DISENTANGLED | Relative.DISENTANGLED_SHARED:
            normed = normalise(stack.norm, attention.relative_positions, hidden)
            return [elementwise(shape.queries * shape.keys, count=6.0), *normed]
        case Relative.CONVOLUTION:
            rows = shape.rows
            weight = float(hidden * hidden * POSITION_KERNEL // POSITION_GROUPS)
            taps = conv(rows, hidden, hidden, POSITION_KERNEL, groups=POSITION_GROUPS)
            ops = [elementwise(weight, reads=2.0), taps, copy(rows * hidden)]
            return [*ops, elementwise(rows * hidden), elementwise(rows * hidden, reads=2.0)]
        case _:
            return []
