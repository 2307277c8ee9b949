"""Which ONNX operators are another look at the same memory, as they would be in PyTorch.

ONNX has no strides, so an exporter writes a transposition or a slice as an operator. Here strides
are followed as PyTorch has them: those cost nothing, and the reshape that then cannot be a view is
the copy.
"""

from math import prod

from perfpredict.catalog.capture import onnx_rules as rules
from perfpredict.catalog.capture.onnx_graph import Graph, Node, Tensor

Strides = tuple[int, ...]
RESHAPES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}
SAME = {"Dropout", "Identity", "Optional", "StopGradient"}


def find_views(graph: Graph) -> frozenset[int]:
    """Return the places of the nodes that launch nothing."""
    layouts: dict[str, Strides] = {}
    views = []
    for place, node in enumerate(graph.nodes):
        seen = _seen_through(node, layouts)
        if seen is not None or not node.present_outputs:
            views.append(place)
        for made in node.present_outputs:
            layouts[made.name] = seen if seen is not None else _made_layout(node, made, layouts)
    return frozenset(views)


def _seen_through(node: Node, layouts: dict[str, Strides]) -> Strides | None:
    """Return the strides of the outputs where they share the memory of the first input."""
    source = node.input(0)
    if source is None or source.is_constant or not node.present_outputs:
        return None
    strides = layouts.get(source.name, _contiguous(source.shape))
    made = node.present_outputs[0]
    if node.operator in SAME or _changes_nothing(node, source, made):
        return strides
    if node.operator in RESHAPES:
        return _reshaped(source.shape, strides, made.shape)
    if node.operator == "Transpose":
        order = node.attributes.get("perm") or tuple(reversed(range(len(strides))))
        return tuple(strides[axis] for axis in order)
    if node.operator == "Expand":
        return _expanded(source.shape, strides, made.shape)
    return _part(node, source, strides)


def _changes_nothing(node: Node, source: Tensor, made: Tensor) -> bool:
    is_same = source.shape == made.shape and source.element_type == made.element_type
    is_only = node.operator != "Concat" or len(node.present_inputs) == 1
    return node.operator in rules.COPIES_UNLESS_SAME and is_same and is_only


def _part(node: Node, source: Tensor, strides: Strides) -> Strides | None:
    """Return the strides of a part cut out of a tensor, None where it has to be copied."""
    if node.operator == "Split":
        return strides
    if node.operator == "Slice":
        return _sliced(node, strides)
    index = node.input(1)
    if node.operator == "Gather" and index is not None and index.is_constant and not index.shape:
        axis = node.whole("axis", 0) % len(strides)
        return strides[:axis] + strides[axis + 1 :]
    return None


def _sliced(node: Node, strides: Strides) -> Strides | None:
    """Return strides times the steps; a step backwards is a copy, as is one that is unknown."""
    steps, axes = node.input(4), node.input(3)
    if steps is None:
        return strides
    if steps.data is None or (axes is not None and axes.data is None):
        return None
    chosen = range(len(steps.data)) if axes is None else axes.data
    found = list(strides)
    for axis, step in zip(chosen, steps.data, strict=False):
        if step < 1:
            return None
        found[int(axis)] *= int(step)
    return tuple(found)


def _expanded(shape: Strides, strides: Strides, wanted: Strides) -> Strides:
    ahead = len(wanted) - len(shape)
    kept = tuple(
        stride if old == new else 0
        for old, new, stride in zip(shape, wanted[ahead:], strides, strict=True)
    )
    return (0,) * ahead + kept


def _reshaped(shape: Strides, strides: Strides, wanted: Strides) -> Strides | None:
    """Return the strides of the same memory under another shape, None where there are none.

    Neighbouring dimensions that lie in memory like one are taken together, and then split.
    """
    if prod(shape) == 0 or prod(shape) != prod(wanted):
        return None
    blocks = _blocks(shape, strides)
    found: list[int] = []
    for extent in reversed(wanted):
        while extent > 1 and blocks and blocks[-1][0] == 1:
            blocks.pop()
        if extent == 1:
            found.append(blocks[-1][1] if blocks else 1)
            continue
        size, stride = blocks.pop()
        if size % extent:
            return None
        found.append(stride)
        blocks.append((size // extent, stride * extent))
    return tuple(reversed(found))


def _blocks(shape: Strides, strides: Strides) -> list[tuple[int, int]]:
    """Return (elements, stride) of the stretches of memory, the outermost first."""
    blocks: list[tuple[int, int]] = []
    for extent, stride in zip(shape, strides, strict=True):
        if extent == 1:
            continue
        if blocks and blocks[-1][1] == stride * extent:
            blocks[-1] = (blocks[-1][0] * extent, stride)
        else:
            blocks.append((extent, stride))
    return blocks


def _made_layout(node: Node, made: Tensor, layouts: dict[str, Strides]) -> Strides:
    """Return the strides of what a launch writes: element by element keeps those it reads."""
    if node.operator in rules.ATTENTIONS and len(made.shape) == 4:
        _, heads, tokens, size = made.shape  # written so that merging the heads is free
        return (heads * tokens * size, size, heads * size, 1)
    if node.operator in rules.ELEMENTWISE:
        for one in node.present_inputs:
            strides = layouts.get(one.name)
            if strides is not None and one.shape == made.shape and _is_dense(one.shape, strides):
                return strides
    return _contiguous(made.shape)


def _is_dense(shape: Strides, strides: Strides) -> bool:
    """Return whether every element of a stretch of memory is there once."""
    expected = 1
    for stride, extent in sorted(zip(strides, shape, strict=True)):
        if extent == 1:
            continue
        if stride != expected:
            return False
        expected *= extent
    return True


def _contiguous(shape: Strides) -> Strides:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
