"""Launches of one attention block, as `transformers` runs it in eager PyTorch."""

from dataclasses import dataclass

from perfpredict.catalog.transformers.config import Attention, LatentAttention, Norm, Relative
from perfpredict.catalog.transformers.ops import (
    copy,
    elementwise,
    linear,
    matmul,
    normalise,
    softmax,
    times,
)
from perfpredict.domain.operations import Op, OpClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many tokens go through a layer, and how many they attend to."""

    batch: float
    queries: float
    """New tokens per sample."""
    cached: float = 0.0
    """Tokens per sample whose keys and values come from the cache."""
    copies_cache: bool = False
    """True where the cache is a tensor that every step concatenates anew."""

    @property
    def rows(self) -> float:
        return self.batch * self.queries

    @property
    def keys(self) -> float:
        return self.queries + self.cached


def attention_ops(attention: Attention, hidden: int, shape: Shape, norm: Norm) -> list[Op]:
    """Return projections, rotation, cache copy, scores and output projection of one layer.

    In a layer with a window the cache is as short as the window; averaged over the layers.
    """
    if attention.latent:
        return _latent(attention, attention.latent, hidden, shape)
    ops = _project(attention, hidden, shape.rows)
    if attention.has_qk_norm:
        for heads in (attention.heads, attention.kv_heads):
            ops += normalise(norm, shape.rows * heads, attention.head_dim)
    ops += _rotate(attention, shape.rows)
    ops += _prepare(attention, shape.rows, shape.rows)
    keys = attended(attention, shape)
    if shape.copies_cache:
        ops.append(copy(shape.batch * keys * attention.kv_dim, count=2.0))
    ops += score_ops(attention, shape.batch, shape.queries, keys)
    ops += _relative(attention, hidden, shape)
    ops.append(linear(shape.rows, attention.query_dim, hidden, bias=attention.output_bias))
    return ops


def cross_attention_ops(
    attention: Attention, hidden: int, shape: Shape, memory_tokens: float
) -> list[Op]:
    """Return the attention to an encoder's output, whose keys only the first pass projects."""
    bias = attention.qkv_bias
    ops = [linear(shape.rows, hidden, attention.query_dim, bias=bias)]
    memory = shape.batch * memory_tokens if not shape.cached else 0.0
    if memory:
        ops += times(2.0, [linear(memory, hidden, attention.kv_dim, bias=bias)])
        ops += [copy(memory * attention.kv_dim, count=2.0)] if shape.copies_cache else []
    ops += _prepare(attention, shape.rows, memory)
    ops += score_ops(attention, shape.batch, shape.queries, memory_tokens)
    return [*ops, linear(shape.rows, attention.query_dim, hidden, bias=attention.output_bias)]


def attended(attention: Attention, shape: Shape) -> float:
    """Return keys per query, averaged over layers; a pass over new tokens computes all pairs."""
    if attention.window is None or not shape.cached:
        return shape.keys
    inside = min(shape.keys, float(attention.window))
    return attention.windowed_share * inside + (1.0 - attention.windowed_share) * shape.keys


def score_ops(attention: Attention, batch: float, queries: float, keys: float) -> list[Op]:
    """Return softmax(Q K) V: one launch, or product, scale, mask, softmax, product if written out.

    4 * batch * heads * queries * keys * head_dim FLOPs; the causal half is not taken off, since
    kernels that skip it do so by blocks.
    """
    heads, dim = attention.heads, attention.head_dim
    if attention.is_materialised:
        scores = batch * heads * queries * keys
        return [
            # queries, keys, values and the result are copied to the layout that products need
            copy(batch * queries * attention.query_dim, count=2.0),
            copy(batch * keys * attention.query_dim, count=2.0),
            matmul(batch * heads, queries, dim, keys),
            elementwise(scores),
            elementwise(scores, reads=2.0),
            softmax(batch * heads * queries, keys),
            matmul(batch * heads, queries, keys, dim),
        ]
    return [
        _fused(
            flops=4.0 * batch * heads * queries * keys * dim,
            read=batch * (queries * attention.query_dim + 2.0 * keys * attention.kv_dim),
            written=batch * queries * attention.query_dim,
        )
    ]


def _project(attention: Attention, hidden: int, rows: float) -> list[Op]:
    query, kv, bias = attention.query_dim, attention.kv_dim, attention.qkv_bias
    if attention.is_fused_qkv:
        return [linear(rows, hidden, query + 2 * kv, bias=bias)]
    return [
        linear(rows, hidden, query, bias=bias),
        *times(2, [linear(rows, hidden, kv, bias=bias)]),
    ]


def _prepare(attention: Attention, rows: float, key_rows: float) -> list[Op]:
    """Return what some architectures do to queries, keys and values ahead of the scores."""
    ops: list[Op] = []
    if attention.scales_query:
        ops.append(elementwise(rows * attention.query_dim))
    if attention.copies_heads:
        ops.append(copy(rows * attention.query_dim))
        ops += [copy(key_rows * attention.kv_dim, count=2.0)] if key_rows else []
    return ops


def _rotate(attention: Attention, rows: float) -> list[Op]:
    """Return x * cos + rotate_half(x) * sin for queries and keys: negate, join, 2 products, sum."""
    ops: list[Op] = []
    if not attention.rotary_share:
        return ops
    for width in (attention.query_dim, attention.kv_dim):
        turned = rows * width * attention.rotary_share
        ops += [elementwise(turned / 2), copy(turned)]
        ops += [elementwise(turned, reads=2.0, count=3.0)]
        if attention.rotary_share < 1.0:
            ops.append(copy(rows * width))
    return ops


def _relative(attention: Attention, hidden: int, shape: Shape) -> list[Op]:
    """Return DeBERTa's two extra score products with their gathers and sums."""
    if attention.relative not in {Relative.DISENTANGLED, Relative.DISENTANGLED_SHARED}:
        return []
    heads = shape.batch * attention.heads
    rows, scores = float(attention.relative_positions), heads * shape.queries * shape.keys
    product = matmul(heads, shape.queries, attention.head_dim, rows)
    ops = times(2.0, [linear(rows, hidden, attention.query_dim)])
    # projected positions are split into heads and repeated for each sample
    ops += [copy(rows * attention.query_dim, count=2.0)]
    ops += [copy(shape.batch * rows * attention.query_dim, count=2.0)]
    ops += times(2.0, [product, copy(scores), elementwise(scores, reads=2.0)])
    # indices of the gathers are computed anew in every layer
    ops += [elementwise(shape.queries * shape.keys, count=14.0)]
    return [*ops, elementwise(scores), copy(scores)]


def _latent(attention: Attention, latent: LatentAttention, hidden: int, shape: Shape) -> list[Op]:
    """Return multi-head latent attention.

    New tokens are expanded to keys and values; a decode step absorbs the expansion into query
    and output, as servers do, and reads only the latent cache (DeepSeek-V2 report, section 2.1).
    """
    rows, heads = shape.rows, attention.heads
    head = latent.nope_dim + latent.rope_dim
    if latent.query_rank is None:
        ops = [linear(rows, hidden, heads * head)]
    else:
        ops = [linear(rows, hidden, latent.query_rank)]
        ops += normalise(Norm.RMS, rows, latent.query_rank)
        ops.append(linear(rows, latent.query_rank, heads * head))
    ops.append(linear(rows, hidden, latent.cached_dim))
    ops += normalise(Norm.RMS, rows, latent.kv_rank)
    for width in (heads * latent.rope_dim, latent.rope_dim):
        turned = rows * width
        ops += [elementwise(turned / 2), copy(turned), elementwise(turned, reads=2.0, count=3.0)]
    ops += _absorbed(heads, latent, shape) if shape.cached else _expanded(heads, latent, shape)
    return [*ops, linear(rows, heads * latent.value_dim, hidden)]


def _expanded(heads: int, latent: LatentAttention, shape: Shape) -> list[Op]:
    head, rows = latent.nope_dim + latent.rope_dim, shape.rows
    pairs = shape.batch * heads * shape.queries * shape.keys
    return [
        linear(rows, latent.kv_rank, heads * (latent.nope_dim + latent.value_dim)),
        copy(rows * heads * head, count=2.0),
        _fused(
            flops=2.0 * pairs * (head + latent.value_dim),
            read=rows * heads * (2.0 * head + latent.value_dim),
            written=rows * heads * latent.value_dim,
        ),
    ]


def _absorbed(heads: int, latent: LatentAttention, shape: Shape) -> list[Op]:
    rows = shape.rows
    pairs = shape.batch * heads * shape.queries * shape.keys
    cache = shape.batch * shape.keys * latent.cached_dim
    ops = [linear(rows, latent.nope_dim, heads * latent.kv_rank)]
    if shape.copies_cache:
        ops.append(copy(cache))
    ops.append(
        _fused(
            flops=2.0 * pairs * (latent.cached_dim + latent.kv_rank),
            read=rows * heads * latent.cached_dim + cache,
            written=rows * heads * latent.kv_rank,
        )
    )
    return [*ops, linear(rows, latent.kv_rank, heads * latent.value_dim)]


def _fused(*, flops: float, read: float, written: float) -> Op:
    return Op(
        op_class=OpClass.ATTENTION,
        count=1.0,
        flops=flops,
        activation_elements_read=read,
        weight_elements_read=0.0,
        elements_written=written,
    )
