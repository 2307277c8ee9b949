"""Follows shapes through an ONNX graph, operator by operator, and folds what is constant."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any  # arrays and attribute values of the onnx package

from perfpredict.catalog.capture.onnx_contrib import contrib_outputs, standard_twin
from perfpredict.catalog.capture.onnx_file import LONGEST_SIDE, OpenedFile, constant
from perfpredict.catalog.capture.onnx_graph import FEW_ELEMENTS, Graph, Node, Tensor
from perfpredict.errors import CannotAnswerError, InvalidInputError

if TYPE_CHECKING:
    import onnx

CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}
FOLDABLE = {
    "Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Clip", "Concat", "ConstantOfShape", "Div",
    "Equal", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater",
    "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg",
    "NonZero", "Not", "Or", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMin", "ReduceProd",
    "ReduceSum", "Reshape", "Round", "ScatterElements", "ScatterND", "Slice", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
}  # fmt: skip
"""Operators that compute shapes, axes and masks; evaluated where their inputs are known."""
_VALUES_READ = {"Shape": 0, "Size": 0, "CastLike": 1}
"""How many inputs are read for their values, where others are for their shape or type."""
_VALUE_DEPENDENT = {"NonZero"}
"""Foldable, of small outputs, but their shape is known only from values."""


def follow(file: OpenedFile) -> Graph:
    """Return the graph at its bound shapes.

    Raises CannotAnswerError for an operator whose result has no shape before it runs.
    """
    walker = _Walker(file)
    nodes = [node for proto in file.model.graph.node if (node := walker.step(proto)) is not None]
    return Graph(
        inputs=file.inputs,
        outputs=frozenset(one.name for one in file.model.graph.output),
        nodes=tuple(nodes),
        parameters=0,
    )


class _Walker:
    def __init__(self, file: OpenedFile) -> None:
        self._path = file.path
        self._known: dict[str, Tensor] = {
            **file.constants,
            **{one.name: one for one in file.inputs},
        }
        self._opsets = {_plain(one.domain): int(one.version) for one in file.model.opset_import}
        self._opset_protos = list(file.model.opset_import)
        self._ir_version = int(file.model.ir_version)

    def step(self, proto: "onnx.NodeProto") -> Node | None:
        """Return the bound node, None where it is constant, and remember its outputs."""
        operator = proto.op_type
        if operator in CONTROL_FLOW:
            raise CannotAnswerError(
                f"operator '{operator}' of '{self._path}' decides at run time what runs",
                hint="export the model without control flow, for one fixed shape",
            )
        inputs = tuple(self._input(name, proto) if name else None for name in proto.input)
        node = Node(
            operator=operator,
            domain=_plain(proto.domain),
            inputs=inputs,
            outputs=(),
            attributes=_attributes(proto),
        )
        read = node.present_inputs[: _VALUES_READ.get(operator, len(inputs))]
        is_constant = all(one.is_constant for one in read)
        outputs = self._outputs(proto, node, is_constant=is_constant)
        self._known |= {one.name: one for one in outputs if one is not None}
        if is_constant:
            return None
        return replace(node, outputs=outputs)

    def _input(self, name: str, proto: "onnx.NodeProto") -> Tensor:
        if name not in self._known:
            raise InvalidInputError(
                f"'{self._path}' is damaged: operator '{proto.op_type}' reads '{name}', "
                "which nothing before it makes"
            )
        return self._known[name]

    def _outputs(
        self, proto: "onnx.NodeProto", node: Node, *, is_constant: bool
    ) -> tuple[Tensor | None, ...]:
        stated = self._stated(proto, node) if is_constant else None
        if stated is not None:
            return stated
        found = self._contributed(proto, node)
        outputs = self._inferred(proto, node) if found is None else found
        return self._folded(proto, node, outputs) if is_constant else outputs

    def _contributed(self, proto: "onnx.NodeProto", node: Node) -> tuple[Tensor | None, ...] | None:
        try:
            return contrib_outputs(node, [name or None for name in proto.output])
        except (IndexError, ValueError, ZeroDivisionError) as exc:
            raise InvalidInputError(
                f"operator '{_full_name(node)}' of '{self._path}' has shapes that its definition "
                "does not allow"
            ) from exc

    def _stated(self, proto: "onnx.NodeProto", node: Node) -> tuple[Tensor, ...] | None:
        """Return what needs no inference: stated values, shapes, and indices of non-zeros."""
        import numpy as np

        source, name = node.input(0), proto.output[0]
        if node.operator == "Constant":
            return (_stated_constant(node, name, self._path),)
        if node.operator == "Shape" and source is not None:
            chosen = slice(node.attributes.get("start"), node.attributes.get("end"))
            return (_from_array(name, np.array(source.shape[chosen], dtype=np.int64)),)
        if node.operator == "Size" and source is not None:
            return (_from_array(name, np.array(source.elements, dtype=np.int64)),)
        if node.operator == "CastLike" and source is not None and source.data is not None:
            return (_cast_like(source, node.present_inputs[-1], name),)
        if node.operator in _VALUE_DEPENDENT and _has_data(node):
            (found,) = self._evaluated(proto, node)
            return None if found is None else (_from_array(name, found),)
        return None

    def _folded(
        self, proto: "onnx.NodeProto", node: Node, outputs: tuple[Tensor | None, ...]
    ) -> tuple[Tensor | None, ...]:
        """Return constant outputs, with values where they are small and computable."""
        is_small = all(one.elements <= FEW_ELEMENTS for one in outputs if one is not None)
        arrays: list[Any] = [None] * len(outputs)
        if node.operator in FOLDABLE and not node.domain and is_small and _has_data(node):
            arrays = self._evaluated(proto, node)
        return tuple(
            None if one is None else replace(one, is_constant=True, data=array)
            for one, array in zip(outputs, arrays, strict=True)
        )

    def _evaluated(self, proto: "onnx.NodeProto", node: Node) -> list[Any]:
        """Return the values of the outputs, None where onnx cannot compute them."""
        from onnx.reference import ReferenceEvaluator

        feeds = {one.name: one.data for one in node.present_inputs}
        try:
            evaluator = ReferenceEvaluator(_alone(proto, self._opset_protos))
            return list(evaluator.run(None, feeds))
        except (ValueError, TypeError, IndexError, RuntimeError, ZeroDivisionError):
            return [None] * len(proto.output)  # its shape is known; what needs its values will ask

    def _inferred(self, proto: "onnx.NodeProto", node: Node) -> tuple[Tensor | None, ...]:
        """Return the outputs as the onnx package's own shape inference has them."""
        import onnx

        twin, domain = standard_twin(proto, node)
        try:
            schema = onnx.defs.get_schema(twin.op_type, self._opsets.get(domain, 0), domain)
        except onnx.defs.SchemaError as exc:
            raise CannotAnswerError(
                f"operator '{_full_name(node)}' of '{self._path}' is unknown",
                hint="export the model with operators of ONNX's own set",
            ) from exc
        types = {one.name: _type_proto(one) for one in node.present_inputs}
        data = {
            one.name: onnx.numpy_helper.from_array(one.data, one.name)
            for one in node.present_inputs
            if one.data is not None
        }
        try:
            found = onnx.shape_inference.infer_node_outputs(
                schema, twin, types, data, None, self._opset_protos, self._ir_version
            )
        except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as exc:
            raise InvalidInputError(
                f"'{self._path}' does not fit together at operator '{_full_name(node)}'"
                f" '{proto.name}': {str(exc).strip().partition(chr(10))[0]}"
            ) from exc
        return tuple(self._output(name, found, node) if name else None for name in proto.output)

    def _output(self, name: str, found: Mapping[str, Any], node: Node) -> Tensor:
        kind = found[name].tensor_type if name in found else None
        shape = None if kind is None or not kind.HasField("shape") else kind.shape.dim
        if shape is None or any(not one.HasField("dim_value") for one in shape):
            raise CannotAnswerError(
                f"operator '{_full_name(node)}' of '{self._path}' makes '{name}', whose shape is "
                "known only when it runs",
                hint="export the model for one fixed shape, without operators of that kind",
            )
        extents = tuple(int(one.dim_value) for one in shape)
        if any(not 0 <= extent <= LONGEST_SIDE for extent in extents):
            raise InvalidInputError(f"'{self._path}' is damaged: '{name}' has the shape {extents}")
        return Tensor(name=name, shape=extents, element_type=int(kind.elem_type) if kind else 0)


def _plain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _full_name(node: Node) -> str:
    return f"{node.domain}.{node.operator}" if node.domain else node.operator


def _has_data(node: Node) -> bool:
    return all(one.data is not None for one in node.present_inputs)


def _attributes(proto: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import AttributeProto, helper

    graphs = {AttributeProto.GRAPH, AttributeProto.GRAPHS}
    found = {}
    for one in proto.attribute:
        if one.type in graphs or one.ref_attr_name:
            continue
        try:
            value = helper.get_attribute_value(one)
        except ValueError as exc:
            raise InvalidInputError(
                f"attribute '{one.name}' of operator '{proto.op_type}' has no value"
            ) from exc
        found[one.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return found


def _stated_constant(node: Node, name: str, path: Path) -> Tensor:
    """Return what a `Constant` holds, whichever of its attributes has it."""
    import numpy as np

    for attribute, value in node.attributes.items():
        if attribute == "value":
            return replace(constant(value, path), name=name)
        if attribute in {"value_float", "value_floats"}:
            return _from_array(name, np.array(value, dtype=np.float32))
        if attribute in {"value_int", "value_ints"}:
            return _from_array(name, np.array(value, dtype=np.int64))
    raise CannotAnswerError(
        f"a 'Constant' of '{path}' holds no numbers: {', '.join(node.attributes) or 'nothing'}"
    )


def _cast_like(source: Tensor, wanted: Tensor, name: str) -> Tensor:
    from onnx import helper

    return _from_array(
        name, source.data.astype(helper.tensor_dtype_to_np_dtype(wanted.element_type))
    )


def _from_array(name: str, array: Any) -> Tensor:
    from onnx import helper

    return Tensor(
        name=name,
        shape=tuple(int(extent) for extent in array.shape),
        element_type=int(helper.np_dtype_to_tensor_dtype(array.dtype)),
        is_constant=True,
        data=array if array.size <= FEW_ELEMENTS else None,
    )


def _type_proto(tensor: Tensor) -> "onnx.TypeProto":
    from onnx import helper

    return helper.make_tensor_type_proto(tensor.element_type, tensor.shape)


def _alone(proto: "onnx.NodeProto", opsets: "Iterable[onnx.OperatorSetIdProto]") -> Any:
    """Return a model of one node."""
    from onnx import helper

    names = dict.fromkeys(name for name in proto.input if name)
    graph = helper.make_graph(
        [proto],
        "one",
        [helper.make_empty_tensor_value_info(name) for name in names],
        [helper.make_empty_tensor_value_info(name) for name in proto.output],
    )
    return helper.make_model(graph, opset_imports=list(opsets))
