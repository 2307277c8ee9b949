"""Captures the operations of an ONNX file, at the shapes that it states or is given."""

from collections.abc import Container, Mapping
from pathlib import Path

from perfpredict.catalog.capture.captured import CapturedModel, check_installed, sample_shape
from perfpredict.catalog.capture.onnx_count import Counter
from perfpredict.catalog.capture.onnx_file import TOKEN_TYPES, Dimensions, OpenedFile, open_file
from perfpredict.catalog.capture.onnx_graph import Graph
from perfpredict.catalog.capture.onnx_layout import find_views
from perfpredict.catalog.capture.onnx_shapes import follow
from perfpredict.domain.operations import OpProfile, merge_equal_ops

FLOAT_TYPES = {1, 10, 11, 16, 17, 18, 19, 20, 23}
"""ONNX's numbers of float, float16, double, bfloat16, the four float8 and float4 types."""
QUANTISED_TYPES = {2, 3, 21, 22}
"""ONNX's numbers of uint8, int8, uint4 and int4."""
_STATISTICS = {"BatchNormalization": (3, 4)}
"""Inputs that hold running statistics, which are no parameters."""


def capture_onnx(
    path: Path,
    *,
    name: str | None = None,
    batch_size: int = 1,
    sequence_length: int | None = None,
    image_size: int | None = None,
    dims: Mapping[str, int] | None = None,
) -> CapturedModel:
    """Return the operations of one pass of the model in the file.

    Open dimensions of its inputs are bound: the first to the batch size, tokens and pictures by
    `sequence_length` and `image_size`, and any by its name in `dims`. Weights need not be there.
    """
    check_installed("onnx", "onnx", "reading an ONNX file")
    tokens, pixels = sequence_length, image_size
    file = open_file(
        path,
        Dimensions(
            batch_size=batch_size, sequence_length=tokens, image_size=pixels, named=dims or {}
        ),
    )
    graph = follow(file)
    views = find_views(graph)
    counter = Counter(graph)
    profile = OpProfile(
        ops=merge_equal_ops(counter.count(graph, views)),
        parameters=float(_parameters(file)),
        peak_activation_elements=float(peak_elements(graph, views | counter.joined)),
    )
    first = file.inputs[0]
    length, size = sample_shape(first.shape, is_whole=first.element_type in TOKEN_TYPES)
    return CapturedModel(
        name=name or path.stem,
        source=str(path),
        profile=profile,
        batch_size=max(first.shape[0], 1) if first.shape else 1,
        is_batch_fixed=file.is_batch_fixed,
        sequence_length=length or file.sequence_length,
        image_size=size,
        cautions=_cautions(counter.unlisted),
    )


def peak_elements(graph: Graph, views: Container[int]) -> int:
    """Return the most activation elements alive at once, the inputs of the graph included.

    A value lives from the operator that makes it to the last that reads it, or a view of it.
    """
    storage = {one.name: one.name for one in graph.inputs}
    last: dict[str, int] = {}
    for place, node in enumerate(graph.nodes):
        sources = [one for one in node.present_inputs if not one.is_constant]
        for made in node.present_outputs:
            is_shared = bool(sources) and place in views
            storage[made.name] = storage[sources[0].name] if is_shared else made.name
            last[storage[made.name]] = place
        for read in node.present_inputs:
            if not read.is_constant:
                last[storage[read.name]] = place
    kept = {storage[name] for name in graph.outputs if name in storage}
    kept |= {one.name for one in graph.inputs}
    return _highest_total(graph, storage, last, kept)


def _highest_total(
    graph: Graph, storage: Mapping[str, str], last: Mapping[str, int], kept: set[str]
) -> int:
    alive = {one.name: one.elements for one in graph.inputs}
    highest = sum(alive.values())
    total = highest
    dying: dict[int, list[str]] = {}
    for name, place in last.items():
        if name not in kept:
            dying.setdefault(place, []).append(name)
    for place, node in enumerate(graph.nodes):
        for made in node.present_outputs:
            if storage[made.name] == made.name:
                alive[made.name] = made.elements
                total += made.elements
        highest = max(highest, total)
        for name in dying.get(place, ()):
            total -= alive.pop(name)
    return highest


def _parameters(file: OpenedFile) -> int:
    """Return how many weights the operators read, whether their values are there or not."""
    read = {name for node in file.model.graph.node for name in node.input}
    statistics = {
        node.input[place]
        for node in file.model.graph.node
        for place in _STATISTICS.get(node.op_type, ())
        if place < len(node.input)
    }
    packed = {node.input[1]: _packed(node) for node in file.model.graph.node if _packed(node)}
    counted = FLOAT_TYPES | QUANTISED_TYPES
    return sum(
        packed.get(one.name, one.elements)
        for one in file.constants.values()
        if one.element_type in counted and one.name in read - statistics and one.elements > 1
    )


def _packed(node: object) -> int:
    """Return the weights behind the bytes of `MatMulNBits`, 0 for any other operator."""
    if getattr(node, "op_type", "") != "MatMulNBits":
        return 0
    sizes = {one.name: int(one.i) for one in getattr(node, "attribute", ())}
    return sizes.get("N", 0) * sizes.get("K", 0)


def _cautions(unlisted: set[str]) -> tuple[str, ...]:
    if not unlisted:
        return ()
    names = ", ".join(sorted(unlisted))
    return (f"operators counted as element-wise for want of a rule: {names}",)
