"""Turns ONNX operators into launches, by the rules that `torch_ops` has for PyTorch's."""

from collections.abc import Callable, Collection, Container
from dataclasses import replace
from math import prod

from perfpredict.catalog.capture import onnx_rules as rules
from perfpredict.catalog.capture.amounts import BATCH_NORM_FLOPS, OTHER_NORM_FLOPS, SOFTMAX_FLOPS
from perfpredict.catalog.capture.onnx_fused import attention_ops, recurrent_ops
from perfpredict.catalog.capture.onnx_graph import Graph, Node, Tensor
from perfpredict.domain.operations import Op, OpClass
from perfpredict.errors import InvalidInputError


class Counter:
    """Counts one graph; a bias that follows its linear layer joins that launch."""

    def __init__(self, graph: Graph) -> None:
        self.unlisted: set[str] = set()
        """Operators that no rule lists, counted as element-wise."""
        self.joined: set[int] = set()
        """Places of the biases that joined a launch before them."""
        self._readers: dict[str, int] = {}
        for node in graph.nodes:
            for one in {tensor.name for tensor in node.present_inputs}:
                self._readers[one] = self._readers.get(one, 0) + 1
        self._outputs = graph.outputs
        self._linear_at: dict[str, int] = {}
        """Output of a linear layer without a bias → its place in the list of launches."""

    def count(self, graph: Graph, views: Container[int]) -> list[Op]:
        """Return the launches in the order of the file, `views` being the places of none."""
        ops: list[Op] = []
        for place, node in enumerate(graph.nodes):
            if place in views:
                continue
            if self._joins_bias(node, ops):
                self.joined.add(place)
                continue
            try:
                found = self._ops(node)
            except (IndexError, ValueError, ZeroDivisionError) as exc:
                raise InvalidInputError(
                    f"operator '{node.operator}' has shapes that its definition does not allow"
                ) from exc
            if found and found[0].op_class is OpClass.LINEAR and node.operator == "MatMul":
                self._linear_at[node.present_outputs[0].name] = len(ops)
            ops += found
        return ops

    def _ops(self, node: Node) -> list[Op]:
        for names, ops_of in _RULES:
            if node.operator in names:
                return ops_of(node)
        op_class = rules.class_of(node.operator)
        if op_class is None:
            self.unlisted.add(node.operator)
            op_class = OpClass.ELEMENTWISE
        return [_plain(node, op_class)]

    def _joins_bias(self, node: Node, ops: list[Op]) -> bool:
        """Add a constant vector that is all that reads a linear layer to that layer's launch."""
        if node.operator != "Add":
            return False
        constants = [one for one in node.present_inputs if one.is_constant]
        others = [one for one in node.present_inputs if not one.is_constant]
        if len(constants) != 1 or len(others) != 1 or others[0].name not in self._linear_at:
            return False
        bias, product = constants[0], others[0]
        is_vector = bias.elements == product.shape[-1] == (bias.shape or (1,))[-1]
        if not is_vector or self._readers[product.name] > 1 or product.name in self._outputs:
            return False
        place = self._linear_at.pop(product.name)
        weights = ops[place].weight_elements_read + bias.elements
        ops[place] = replace(ops[place], weight_elements_read=weights)
        return True


def launch(
    op_class: OpClass, flops: float, inputs: list[Tensor], outputs: list[Tensor], rows: bool = False
) -> Op:
    """Return one launch over `inputs` and `outputs`; constants of one element cost no read.

    With `rows`, a table of weights is read no further than the output is long.
    """
    distinct = {one.name: one for one in inputs}.values()
    weights = sum(one.elements for one in distinct if one.is_constant and one.elements > 1)
    written = sum(one.elements for one in outputs)
    return Op(
        op_class=op_class,
        count=1.0,
        flops=float(flops),
        activation_elements_read=float(sum(o.elements for o in distinct if not o.is_constant)),
        weight_elements_read=float(min(weights, written) if rows else weights),
        elements_written=float(written),
    )


def _convolution(node: Node) -> list[Op]:
    at = 3 if node.operator == "QLinearConv" else 1
    data, weight, made = node.required(0), node.required(at), node.present_outputs[0]
    is_transposed = node.operator == "ConvTranspose"
    groups = node.whole("group", 1)
    channels = weight.shape[0] if is_transposed else weight.shape[1] * groups
    if groups > 1:
        op_class = OpClass.CONV_DEPTHWISE if groups == channels else OpClass.CONV_GROUPED
    elif all(extent == 1 for extent in weight.shape[2:]):
        op_class = OpClass.CONV_POINTWISE
    else:
        op_class = OpClass.CONV_DENSE
    positions = data.elements if is_transposed else made.elements
    flops = 2.0 * positions * prod(weight.shape[1:])
    return [launch(op_class, flops, list(node.present_inputs), [made])]


def _product(node: Node) -> list[Op]:
    made = node.present_outputs[0]
    left = node.required(0)
    rank = len(left.shape)
    inner = left.shape[-2] if node.whole("transA", 0) and rank > 1 else left.shape[-1]
    right = node.required(3 if node.operator == "QLinearMatMul" else 1)
    has_weight = left.is_constant or right.is_constant
    op = launch(
        OpClass.LINEAR if has_weight else OpClass.MATMUL,
        2.0 * made.elements * inner,
        list(node.present_inputs),
        [made],
    )
    if node.operator != "MatMulNBits":
        return [op]
    # several weights share a stored byte; amounts are of weights
    return [replace(op, weight_elements_read=float(node.whole("N", 0) * node.whole("K", 0)))]


def _einsum(node: Node) -> list[Op]:
    """Return a contraction: two FLOPs for each combination of all its indices."""
    terms = str(node.attributes["equation"]).replace(" ", "").partition("->")[0].split(",")
    extents: dict[str, int] = {}
    for term, tensor in zip(terms, node.present_inputs, strict=True):
        named = term.replace("...", "")
        spread = len(tensor.shape) - len(named)
        letters = list(term.partition("...")[0])
        letters += [f".{axis}" for axis in range(spread)] + list(term.partition("...")[2])
        extents |= {
            letter: max(extents.get(letter, 1), extent)
            for letter, extent in zip(letters, tensor.shape, strict=True)
        }
    has_weight = any(one.is_constant for one in node.present_inputs)
    op_class = OpClass.LINEAR if has_weight else OpClass.MATMUL
    made = list(node.present_outputs)
    return [launch(op_class, 2.0 * prod(extents.values()), list(node.present_inputs), made)]


def _plain(node: Node, op_class: OpClass) -> Op:
    data = node.inputs[: rules.DATA_INPUTS.get(node.operator, len(node.inputs))]
    inputs = [one for one in data if one is not None]
    made = list(node.present_outputs)
    if op_class is OpClass.NORMALISATION:
        made = made[:1]
    written = float(made[0].elements)
    flops = written * _flops_per_element(node, op_class)
    if op_class is OpClass.REDUCTION:
        taken = float(inputs[0].elements) if inputs else written
        if node.operator in rules.POOLINGS:
            taken = written * prod(node.attributes["kernel_shape"])
        flops = max(written, taken)
    return launch(op_class, flops, inputs, made, rows=node.operator in rules.ROW_READERS)


def _flops_per_element(node: Node, op_class: OpClass) -> int:
    if op_class is OpClass.NORMALISATION:
        if node.operator in rules.BATCH_NORMS:
            return BATCH_NORM_FLOPS
        return OTHER_NORM_FLOPS + (node.operator in rules.SKIP_NORMS)
    per_class = {OpClass.SOFTMAX: SOFTMAX_FLOPS, OpClass.DATA_MOVEMENT: 0, OpClass.ELEMENTWISE: 1}
    return per_class.get(op_class, 1)


_RULES: tuple[tuple[Collection[str], Callable[[Node], list[Op]]], ...] = (
    (rules.CONVOLUTIONS, _convolution),
    (rules.PRODUCTS, _product),
    ({"Einsum"}, _einsum),
    (rules.ATTENTIONS, attention_ops),
    (rules.RECURRENT, recurrent_ops),
)
"""Operators whose arithmetic is not one amount per element."""
