"""What an ONNX file says, without its weights: tensors with shapes, and nodes in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any  # arrays and attribute values of the onnx package

from perfpredict.errors import InvalidInputError

FEW_ELEMENTS = 4096
"""Constants up to this size may be shapes, axes or scales, so their values are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One value of a graph, at the bound shape."""

    name: str
    shape: tuple[int, ...]
    element_type: int
    """Number of the type in ONNX, e.g. 1 for float."""
    is_constant: bool = False
    """Whether it depends on no input of the graph."""
    data: Any = None
    """Its NumPy array where it is small, constant and in the file, else None."""

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator with its bound inputs and outputs; absent optional ones are None."""

    operator: str
    domain: str
    """Blank for ONNX's own operators."""
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attributes: Mapping[str, Any]

    @property
    def present_inputs(self) -> tuple[Tensor, ...]:
        return tuple(one for one in self.inputs if one is not None)

    @property
    def present_outputs(self) -> tuple[Tensor, ...]:
        return tuple(one for one in self.outputs if one is not None)

    def input(self, position: int) -> Tensor | None:
        return self.inputs[position] if position < len(self.inputs) else None

    def required(self, position: int) -> Tensor:
        """Return an input that the operator's definition requires."""
        found = self.input(position)
        if found is None:
            raise InvalidInputError(f"operator '{self.operator}' lacks its input {position}")
        return found

    def whole(self, name: str, default: int) -> int:
        """Return a whole-number attribute, `default` being the one of ONNX's specification."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise InvalidInputError(f"attribute '{name}' of '{self.operator}' is no whole number")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The part of a file that runs at every pass: constants are folded, as every runtime does."""

    inputs: tuple[Tensor, ...]
    outputs: frozenset[str]
    nodes: tuple[Node, ...]
    parameters: int
    """Elements of the weights."""
