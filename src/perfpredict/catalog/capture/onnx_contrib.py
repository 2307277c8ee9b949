"""Shapes of the fused operators of onnxruntime (domain `com.microsoft`), which onnx does not know.

Their definitions are in onnxruntime's `docs/ContribOperators.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from perfpredict.catalog.capture.onnx_graph import Node, Tensor

if TYPE_CHECKING:
    import onnx

CONTRIB = "com.microsoft"
SAME_SHAPE = {
    "BiasAdd", "BiasDropout", "BiasGelu", "BiasSoftmax", "FastGelu", "GroupNorm",
    "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QuickGelu", "RotaryEmbedding",
    "SimplifiedLayerNormalization", "SkipGroupNorm", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization", "DequantizeLinear", "QuantizeLinear",
}  # fmt: skip
"""Every output that has the shape of the first input."""
TWINS = {
    "FusedConv": "Conv", "FusedGemm": "Gemm", "NhwcFusedConv": "Conv", "Gelu": "Gelu",
}  # fmt: skip
"""Operator → the standard one whose shapes it has."""
_FLOAT = 1


def standard_twin(proto: "onnx.NodeProto", node: Node) -> "tuple[onnx.NodeProto, str]":
    """Return the node as ONNX's own operator set writes it, and the domain to look it up in.

    Fused activations are left out, since they change no shape.
    """
    if node.domain != CONTRIB or node.operator not in TWINS:
        return proto, node.domain
    from onnx import NodeProto

    twin = NodeProto()
    twin.CopyFrom(proto)
    twin.domain, twin.op_type = "", TWINS[node.operator]
    kept = [one for one in twin.attribute if not one.name.startswith("activation")]
    del twin.attribute[:]
    twin.attribute.extend(kept)
    return twin, ""


def contrib_outputs(node: Node, names: Sequence[str | None]) -> tuple[Tensor | None, ...] | None:
    """Return the outputs of a fused operator, None where it is not one of those known here."""
    first = node.input(0)
    is_ours = node.domain == CONTRIB or node.operator == "SimplifiedLayerNormalization"
    if not is_ours or first is None or node.operator in TWINS:
        return None
    shapes = _shapes(node, first)
    if shapes is None:
        return None
    shapes += [shapes[-1]] * (len(names) - len(shapes))
    return tuple(
        None if name is None else replace(first, name=name, shape=shape, data=None)
        for name, shape in zip(names, shapes, strict=False)
    )


def _shapes(node: Node, first: Tensor) -> list[tuple[int, ...]] | None:
    if node.operator in SAME_SHAPE:
        return [first.shape]
    width = _last_side(node, first)
    if width is not None:
        return [(*first.shape[:-1], width)]
    if node.operator in {"QLinearAdd", "QLinearMul"}:
        return _broadcast(first, node.input(3))
    if node.operator == "EmbedLayerNormalization":
        return _embedding(node, first)
    second = node.input(1)
    return _packed_attention(node, first) if second is None else _of_two(node, first, second)


def _last_side(node: Node, first: Tensor) -> int | None:
    """Return the last side of an output that is like the first input in all others."""
    if node.operator == "BiasSplitGelu":
        return first.shape[-1] // 2
    return node.whole("N", 0) if node.operator == "MatMulNBits" else None


def _of_two(node: Node, first: Tensor, second: Tensor) -> list[tuple[int, ...]] | None:
    if node.operator in {"FusedMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}:
        return [_product(node, first, second)]
    return _attention(node, first, second)


def _broadcast(first: Tensor, other: Tensor | None) -> list[tuple[int, ...]] | None:
    if other is None:
        return None
    rank = max(len(first.shape), len(other.shape))
    sides = [((1,) * (rank - len(one.shape)) + one.shape) for one in (first, other)]
    return [tuple(map(max, *sides))]


def _product(node: Node, left: Tensor, right: Tensor) -> tuple[int, ...]:
    rows = left.shape[:-2] + (left.shape[-1:] if node.whole("transA", 0) else left.shape[-2:-1])
    columns = right.shape[-2] if node.whole("transB", 0) else right.shape[-1]
    ahead = right.shape[:-2] if len(right.shape) > len(left.shape) else ()
    return (*ahead, *rows, columns)


def _embedding(node: Node, tokens: Tensor) -> list[tuple[int, ...]] | None:
    table = node.input(2)
    if table is None:
        return None
    return [(*tokens.shape, table.shape[-1]), tokens.shape[:1], (*tokens.shape, table.shape[-1])]


def _packed_attention(node: Node, packed: Tensor) -> list[tuple[int, ...]] | None:
    """Return the outputs of attention whose query, key and value are one tensor.

    It is (batch, tokens, heads, 3, size) or, for grouped queries, (batch, tokens, width).
    """
    if node.operator == "MultiHeadAttention" and len(packed.shape) == 5:
        batch, tokens, heads, _, size = packed.shape
        return [(batch, tokens, heads * size)]
    if node.operator == "GroupQueryAttention":
        heads, shared = node.whole("num_heads", 1), node.whole("kv_num_heads", 1)
        size = packed.shape[-1] // (heads + 2 * shared)
        key = replace(packed, shape=(*packed.shape[:2], shared * size))
        return [(*packed.shape[:2], heads * size), *_state(node, packed, key)]
    return None


def _attention(node: Node, query: Tensor, second: Tensor) -> list[tuple[int, ...]] | None:
    if node.operator in {"Attention", "QAttention"}:
        sizes = node.attributes.get("qkv_hidden_sizes")
        width = int(sizes[2]) if sizes else second.shape[-1] // 3
        kept = _state(node, query, replace(query, shape=(*query.shape[:-1], width)))[0]
        return [(*query.shape[:-1], width), (2, *kept)]
    if node.operator == "MultiHeadAttention":
        value = node.input(2) or second
        width = value.shape[-1] if len(value.shape) == 3 else value.shape[1] * value.shape[-1]
        return [(*query.shape[:2], width), *_state(node, query, second)]
    if node.operator == "GroupQueryAttention":
        return [query.shape, *_state(node, query, second)]
    return None


def _state(node: Node, query: Tensor, key: Tensor) -> list[tuple[int, ...]]:
    """Return the shapes of the key and value vectors kept for the next step."""
    heads = node.whole("kv_num_heads", node.whole("num_heads", 1))
    past = node.input(3) if node.operator == "GroupQueryAttention" else None
    before = past.shape[2] if past is not None else 0
    batch, tokens = query.shape[:2]
    size = key.shape[-1] // heads if len(key.shape) == 3 else key.shape[-1]
    kept = (batch, heads, before + tokens, size)
    return [kept, kept]
