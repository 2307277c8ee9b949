"""Launches of the ONNX operators that stand for several: attention and recurrent layers."""

from dataclasses import replace

from perfpredict.catalog.capture.onnx_graph import Node, Tensor
from perfpredict.catalog.capture.onnx_rules import RECURRENT
from perfpredict.domain.operations import Op, OpClass


def attention_ops(node: Node) -> list[Op]:
    """Return one launch of attention, after the projection that some operators hold as well."""
    made = node.present_outputs
    if node.operator in {"Attention", "QAttention"} and node.domain:
        return _with_projection(node)
    query, key, value = node.required(0), node.input(1), node.input(2)
    heads, per_query, keys = _sizes(node, query, key, value)
    queries = query.shape[0] * heads * query.shape[-2 if len(query.shape) == 4 else 1]
    read = {one.name: one.elements for one in (query, key, value) if one is not None}
    past = [one.elements for one in node.inputs[3:] if one is not None and len(one.shape) == 4]
    return [
        _op(
            OpClass.ATTENTION,
            2.0 * queries * keys * per_query,
            float(sum(read.values()) + sum(past)),
            0.0,
            float(sum(one.elements for one in made)),
        )
    ]


def _sizes(
    node: Node, query: Tensor, key: Tensor | None, value: Tensor | None
) -> tuple[int, int, int]:
    """Return heads, elements of one key and one value together, and keys per query."""
    if key is None:  # packed in one tensor
        if len(query.shape) == 5:
            _, tokens, heads, _, size = query.shape
            return heads, 2 * size, tokens
        heads, shared = node.whole("num_heads", 1), node.whole("kv_num_heads", 1)
        size = query.shape[-1] // (heads + 2 * shared)
        return heads, 2 * size, query.shape[1] + _past(node)
    if len(query.shape) == 4:
        values = value or key
        heads, keys = query.shape[1], key.shape[-2]
        return heads, query.shape[-1] + values.shape[-1], keys + _past(node)
    heads = node.whole("q_num_heads", node.whole("num_heads", 1))
    shared = node.whole("kv_num_heads", heads)
    size = query.shape[-1] // heads
    keys = key.shape[-2]
    value_size = size
    if value is not None and len(value.shape) == 3:
        value_size = value.shape[-1] // shared
    return heads, size + value_size, keys + _past(node)


def _past(node: Node) -> int:
    """Return how many earlier keys are handed in: the third dimension of the past key."""
    place = {"GroupQueryAttention": 3, "Attention": 4, "MultiHeadAttention": 6}.get(node.operator)
    past = None if place is None else node.input(place)
    return past.shape[2] if past is not None and len(past.shape) == 4 else 0


def _with_projection(node: Node) -> list[Op]:
    """Return onnxruntime's `Attention`: one linear layer makes query, key and value."""
    data, weight, made = node.required(0), node.required(1), node.present_outputs
    rows = data.elements // data.shape[-1]
    width = weight.shape[-1]
    bias = 0 if node.input(2) is None else width
    value = made[0].shape[-1]
    key = (width - value) // 2
    keys = data.shape[1]
    linear = _op(
        OpClass.LINEAR,
        2.0 * rows * data.shape[-1] * width,
        float(data.elements),
        float(weight.elements + bias),
        float(rows * width),
    )
    attention = _op(
        OpClass.ATTENTION,
        2.0 * rows * keys * (key + value),
        float(rows * width),
        0.0,
        float(sum(one.elements for one in made)),
    )
    return [linear, attention]


def recurrent_ops(node: Node) -> list[Op]:
    """Return a recurrent layer step by step, the inputs of all steps multiplied at once."""
    data, weight, recurrence = (node.required(position) for position in range(3))
    batch_first = node.whole("layout", 0) == 1
    batch, steps = data.shape[:2] if batch_first else (data.shape[1], data.shape[0])
    directions, width, _ = weight.shape
    hidden = width // RECURRENT[node.operator]
    ahead = _op(
        OpClass.LINEAR,
        2.0 * steps * batch * data.shape[-1] * width,
        float(data.elements),
        float(weight.elements // directions),
        float(steps * batch * width),
    )
    step = _op(
        OpClass.LINEAR,
        2.0 * batch * hidden * width,
        float(batch * hidden),
        float(recurrence.elements // directions),
        float(batch * width),
    )
    gates = _op(
        OpClass.ELEMENTWISE, float(batch * width), float(batch * 2 * width), 0.0,
        float(batch * 2 * hidden),
    )  # fmt: skip
    many = float(steps * directions)
    return [
        replace(ahead, count=float(directions)),
        replace(step, count=many),
        replace(gates, count=many),
    ]


def _op(op_class: OpClass, flops: float, read: float, weights: float, written: float) -> Op:
    return Op(
        op_class=op_class,
        count=1.0,
        flops=flops,
        activation_elements_read=read,
        weight_elements_read=weights,
        elements_written=written,
    )
