"""Captures the operations of a live `torch.nn.Module` at the shapes of its example inputs."""

# mypy: disable-error-code="misc"
# torch has no types where it is not installed, so its classes cannot be told apart from Any.

import copy
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any  # example inputs nest tensors as the module wants them

from perfpredict.catalog.capture.captured import CapturedModel, check_installed, sample_shape
from perfpredict.errors import CannotAnswerError, InvalidInputError

if TYPE_CHECKING:
    import torch

    from perfpredict.catalog.capture.torch_recorder import Recording


def capture_module(
    module: "torch.nn.Module", example_inputs: Any, *, name: str | None = None
) -> CapturedModel:
    """Return the operations of one pass in evaluation mode over the shapes of `example_inputs`.

    Inputs are one tensor, a tuple of positional or a dict of named ones; the first dimension of
    the first is the batch. They are passed through a copy that has shapes but no values, and only
    where the path depends on values through the module itself, which stays as it is. Raises
    CannotAnswerError where neither runs.
    """
    check_installed("torch", "torch", "capturing a module")
    import torch

    from perfpredict.catalog.capture.torch_ops import tensors_in

    if not isinstance(module, torch.nn.Module):
        raise InvalidInputError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    title = type(module).__name__
    positional, named = _arguments(example_inputs)
    tensors = tensors_in((positional, named))
    if not tensors or tensors[0].dim() == 0:
        raise InvalidInputError("example_inputs must hold a tensor whose first dimension is batch")
    recording = _followed(module, positional, named)
    length, image_size = sample_shape(
        tuple(tensors[0].shape), is_whole=not tensors[0].is_floating_point()
    )
    return CapturedModel(
        name=name or title,
        source=f"torch module {title}",
        profile=recording.profile,
        batch_size=int(tensors[0].shape[0]),
        cautions=_cautions(recording.unlisted),
        sequence_length=length,
        image_size=image_size,
    )


def _followed(
    module: "torch.nn.Module", positional: tuple[Any, ...], named: dict[str, Any]
) -> "Recording":
    """Return the launches of a copy without values, or of the module itself if it needs some."""
    try:
        return _followed_without_values(module, positional, named)
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as exc:
        if "meta" not in str(exc):  # PyTorch names the device that has no values
            raise _not_followed(module, exc) from exc
    try:
        return _followed_with_values(module, positional, named)
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as exc:
        raise _not_followed(module, exc) from exc


def _not_followed(module: "torch.nn.Module", exc: Exception) -> CannotAnswerError:
    reason = str(exc).partition("\n")[0]
    return CannotAnswerError(
        f"operations of '{type(module).__name__}' cannot be followed: {reason}",
        hint="check that the module runs on the inputs; export it and give the ONNX file",
    )


def _followed_without_values(
    module: "torch.nn.Module", positional: tuple[Any, ...], named: dict[str, Any]
) -> "Recording":
    import torch

    from perfpredict.catalog.capture.torch_recorder import record_pass

    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        valueless = _without_values(module)
        return record_pass(valueless, *_on_meta(positional), **_on_meta(named))


def _followed_with_values(
    module: "torch.nn.Module", positional: tuple[Any, ...], named: dict[str, Any]
) -> "Recording":
    """Return the launches of a real pass, each part of the module left in the mode it was in."""
    from perfpredict.catalog.capture.torch_recorder import record_pass

    modes = [(part, part.training) for part in module.modules()]
    try:
        return record_pass(module, *positional, **named)
    finally:
        for part, is_training in modes:
            part.training = is_training


def _cautions(unlisted: tuple[str, ...]) -> tuple[str, ...]:
    if not unlisted:
        return ()
    return (f"operations counted as element-wise for want of a rule: {', '.join(unlisted)}",)


def _arguments(example_inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example_inputs, Mapping):
        return (), dict(example_inputs)
    if isinstance(example_inputs, (tuple, list)):
        return tuple(example_inputs), {}
    return (example_inputs,), {}


def _on_meta(value: Any) -> Any:
    """Return nested arguments with every tensor replaced by one of the same shape, valueless."""
    import torch
    from torch.utils._pytree import tree_map_only

    return tree_map_only(torch.Tensor, lambda tensor: tensor.detach().to("meta"), value)


def _without_values(module: "torch.nn.Module") -> "torch.nn.Module":
    """Return a copy of `module` whose tensors have shapes only, tied ones still tied.

    A deep copy takes what its memo holds for a tensor instead of copying it.
    """
    import torch

    memo: dict[int, Any] = {}
    for part in module.modules():
        for tensor in (*part._parameters.values(), *part._buffers.values(), *vars(part).values()):
            if isinstance(tensor, torch.Tensor) and id(tensor) not in memo:
                memo[id(tensor)] = _valueless(tensor)
    return copy.deepcopy(module, memo)


def _valueless(tensor: "torch.Tensor") -> "torch.Tensor":
    import torch

    empty = tensor.detach().to("meta")
    is_parameter = isinstance(tensor, torch.nn.Parameter)
    return torch.nn.Parameter(empty, requires_grad=False) if is_parameter else empty
