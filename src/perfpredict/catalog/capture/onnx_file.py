"""Opens an ONNX file: checks that it is one, binds its open dimensions, and names its constants.

Weights need not be there: only their shapes are read, so external data may be missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any  # arrays and attribute values of the onnx package

from perfpredict.catalog.capture.onnx_graph import FEW_ELEMENTS, Tensor
from perfpredict.catalog.given_files import read_given
from perfpredict.errors import CannotAnswerError, InvalidInputError

if TYPE_CHECKING:
    import onnx

TOKEN_TYPES = {6, 7}
"""ONNX's numbers of int32 and int64."""
LONGEST_SIDE = 2**40
"""Dimensions above it are damage, not models."""

_LARGEST_FILE_BYTES = 2**31
"""A protobuf message of this size cannot be read; larger weights lie in files of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What the open dimensions of a file are bound to."""

    batch_size: int = 1
    sequence_length: int | None = None
    image_size: int | None = None
    named: Mapping[str, int] = field(default_factory=dict)
    """By the names in the file; they go before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """A parsed file with bound inputs."""

    model: "onnx.ModelProto"
    path: Path
    inputs: tuple[Tensor, ...]
    constants: Mapping[str, Tensor]
    is_batch_fixed: bool
    sequence_length: int | None
    """Tokens that an open dimension was bound to, None where none was."""


def open_file(path: Path, dimensions: Dimensions) -> OpenedFile:
    """Return the file with every dimension of its inputs bound.

    Raises InvalidInputError for what is no ONNX model, CannotAnswerError for a dimension that
    nothing binds.
    """
    model = _parsed(path)
    constants = {one.name: one for one in _constants(model, path)}
    declared = [one for one in model.graph.input if one.name not in constants]
    if not declared or not model.graph.node:
        raise InvalidInputError(f"'{path}' is not an ONNX model: it has no inputs or operators")
    binder = _Binder(path, dimensions)
    inputs = tuple(binder.bind(one) for one in declared)
    first = declared[0].type.tensor_type.shape.dim
    unused = dimensions.named.keys() - binder.names
    if unused:
        raise InvalidInputError(
            f"'{path}' has no open dimension named '{min(unused)}'",
            hint=f"it has {', '.join(sorted(binder.names)) or 'none'}",
        )
    return OpenedFile(
        model=model,
        path=path,
        inputs=inputs,
        constants=constants,
        is_batch_fixed=bool(len(first)) and first[0].HasField("dim_value"),
        sequence_length=binder.sequence_length,
    )


def _parsed(path: Path) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    content = read_given(path, most_bytes=_LARGEST_FILE_BYTES)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as exc:
        raise InvalidInputError(f"'{path}' is not an ONNX model, or is damaged") from exc
    if not model.opset_import or not model.HasField("graph"):
        raise InvalidInputError(f"'{path}' is not an ONNX model: it names no operator set")
    if not all(isinstance(text, str) for text in _texts(model)):  # bytes where not UTF-8
        raise InvalidInputError(f"'{path}' is damaged: it holds names that are no text")
    if not all(node.output for node in model.graph.node):
        raise InvalidInputError(f"'{path}' is damaged: it holds an operator without a result")
    return _without_functions(model, path)


def _texts(model: "onnx.ModelProto") -> Iterator[object]:
    """Yield every name in the model that is read later."""
    graph = model.graph
    for opset in model.opset_import:
        yield opset.domain
    for node in graph.node:
        yield from (node.op_type, node.domain, node.name, *node.input, *node.output)
        yield from (one.name for one in node.attribute)
    for value in (*graph.input, *graph.output):
        yield value.name
        yield from (one.dim_param for one in value.type.tensor_type.shape.dim)
    yield from (one.name for one in graph.initializer)
    yield from (one.values.name for one in graph.sparse_initializer)


def _without_functions(model: "onnx.ModelProto", path: Path) -> "onnx.ModelProto":
    """Return the model with its own functions written out where they are called."""
    if not model.functions:
        return model
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError) as exc:  # what the inliner raises on calls it cannot follow
        raise InvalidInputError(f"'{path}' has functions that cannot be written out") from exc


def _constants(model: "onnx.ModelProto", path: Path) -> list[Tensor]:
    found = [constant(one, path) for one in model.graph.initializer]
    for sparse in model.graph.sparse_initializer:
        found.append(
            Tensor(
                name=sparse.values.name,
                shape=_checked(sparse.dims, sparse.values.name, path),
                element_type=sparse.values.data_type,
                is_constant=True,
            )
        )
    return found


def constant(proto: "onnx.TensorProto", path: Path) -> Tensor:
    """Return a stored tensor, with its values where they are few."""
    shape = _checked(proto.dims, proto.name, path)
    return Tensor(
        name=proto.name,
        shape=shape,
        element_type=proto.data_type,
        is_constant=True,
        data=_array(proto, path) if prod(shape) <= FEW_ELEMENTS else None,
    )


def _array(proto: "onnx.TensorProto", path: Path) -> Any:
    """Return the values of a tensor, None where they lie outside the file."""
    from onnx import TensorProto, numpy_helper

    if proto.data_location == TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError, KeyError, OverflowError) as exc:
        raise InvalidInputError(
            f"'{path}' is damaged: values of tensor '{proto.name}' do not fit its shape"
        ) from exc


def _checked(dims: Sequence[int], name: str, path: Path) -> tuple[int, ...]:
    shape = tuple(int(extent) for extent in dims)
    if any(not 0 <= extent <= LONGEST_SIDE for extent in shape):
        raise InvalidInputError(f"'{path}' is damaged: tensor '{name}' has the shape {shape}")
    return shape


class _Binder:
    """Binds dimensions, a name to the same value wherever it stands."""

    def __init__(self, path: Path, dimensions: Dimensions) -> None:
        self._path = path
        self._wanted = dimensions
        self._bound: dict[str, int] = {}
        self.sequence_length: int | None = None
        """Tokens that a dimension was bound to so far."""

    @property
    def names(self) -> set[str]:
        """Names of the open dimensions met so far."""
        return set(self._bound)

    def bind(self, value: "onnx.ValueInfoProto") -> Tensor:
        """Return an input of the graph with its shape bound."""
        kind = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
            raise CannotAnswerError(
                f"input '{value.name}' of '{self._path}' has no shape",
                hint="export the model with the shapes of its inputs",
            )
        dims = kind.shape.dim
        shape = [
            int(one.dim_value)
            if one.HasField("dim_value")
            else self._value(one.dim_param or f"{value.name}.{axis}", axis, kind)
            for axis, one in enumerate(dims)
        ]
        return Tensor(
            name=value.name,
            shape=_checked(shape, value.name, self._path),
            element_type=kind.elem_type,
        )

    def _value(self, name: str, axis: int, kind: "onnx.TypeProto.Tensor") -> int:
        if name not in self._bound:
            found = self._wanted.named.get(name)
            self._bound[name] = self._meant(name, axis, kind) if found is None else found
        return self._bound[name]

    def _meant(self, name: str, axis: int, kind: "onnx.TypeProto.Tensor") -> int:
        """Return what the place and the name of a dimension say that it is."""
        wanted, folded = self._wanted, name.casefold()
        are_tokens = "seq" in folded or "tokens" in folded or kind.elem_type in TOKEN_TYPES
        meant: int | None = None
        if axis == 0 or "batch" in folded:
            meant = wanted.batch_size
        elif len(kind.shape.dim) == 4 and axis > 1:
            meant = wanted.image_size
        elif are_tokens and "past" not in folded:
            meant = self.sequence_length = wanted.sequence_length
        if meant is None:
            raise CannotAnswerError(
                f"dimension '{name}' of an input of '{self._path}' is open",
                hint=f"bind it, e.g. with --dim {name}=128, or dims={{'{name}': 128}} in Python",
            )
        return meant
