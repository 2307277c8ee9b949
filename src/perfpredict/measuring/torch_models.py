"""Builds PyTorch modules with random weights, from `timm` names and Hugging Face configurations."""

# torch, timm and transformers have no types where they are not installed
# mypy: disable-error-code="misc"

import contextlib
import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perfpredict.errors import CannotAnswerError
from perfpredict.measuring.request import RunRequest, Source

if TYPE_CHECKING:
    import torch

Inputs = dict[str, Any]
_declared: list[object] = []
"""Operators live as long as the library object that declares them."""
OWN_CODE = "--python pkg.mod:make measures code of your own"


def load_libraries(request: RunRequest) -> None:
    """Import what building needs, so that the memory of libraries is not taken for the model's."""
    import torch

    declare_torchvision_operators()
    if request.source is Source.TIMM:
        importlib.import_module("timm")
        return
    # the classes of a model are imported when one is built; this one takes no memory
    with torch.device("meta"):
        _transformers(request.config or {}, is_generative=request.shape.phase is not None)


def build(request: RunRequest) -> "torch.nn.Module":
    """Return the module in fp32 with random weights."""
    if request.source is Source.TIMM:
        return _timm(request)
    return _transformers(request.config or {}, is_generative=request.shape.phase is not None)


def declare_torchvision_operators() -> None:
    """Let torchvision import where its compiled part does not fit the installed torch.

    `timm` and `transformers` import it; none of its operators is executed here.
    """
    import torch

    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("torchvision")
        library = torch.library.Library("torchvision", "FRAGMENT")
        _declared.append(library)
        for name in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, name):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _timm(request: RunRequest) -> "torch.nn.Module":
    import timm

    name = request.target
    if not timm.is_model(name):
        raise CannotAnswerError(f"timm {timm.__version__} has no model '{name}'", hint=OWN_CODE)
    module = timm.create_model(name, pretrained=False)
    size = request.shape.image_size
    if size is None or size == module.default_cfg["input_size"][-1]:
        return module
    try:
        return timm.create_model(name, pretrained=False, img_size=size)
    except TypeError:  # a convolutional network takes any size
        return module


def _transformers(config: Mapping[str, object], *, is_generative: bool) -> "torch.nn.Module":
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForImageClassification,
    )

    facts = dict(config)
    model_type = str(facts.pop("model_type"))
    for key in ("torch_dtype", "dtype", "quantization_config", "auto_map"):
        facts.pop(key, None)
    try:
        written = AutoConfig.for_model(model_type, **facts)
    except ValueError as exc:
        raise CannotAnswerError(
            f"transformers knows no model_type '{model_type}'", hint=OWN_CODE
        ) from exc
    if is_generative:
        return AutoModelForCausalLM.from_config(written)
    architectures = facts.get("architectures")
    is_classifier = "ForImageClassification" in str(architectures or "")
    kind = AutoModelForImageClassification if is_classifier else AutoModel
    return kind.from_config(written)


def example_inputs(request: RunRequest, module: "torch.nn.Module", dtype: "torch.dtype") -> Inputs:
    """Return one batch of random samples, by the names of the module's parameters."""
    import torch

    shape = request.shape
    if request.source is Source.TIMM:
        channels, height, width = module.default_cfg["input_size"]
        if shape.image_size is not None:
            height = width = shape.image_size
        return {"x": torch.randn(shape.batch_size, channels, height, width, dtype=dtype)}
    if shape.image_size is not None:
        size = (shape.batch_size, int(module.config.num_channels), shape.image_size)
        return {"pixel_values": torch.randn(*size, shape.image_size, dtype=dtype)}
    tokens = shape.input_tokens or shape.sequence_length or 1
    ids = torch.randint(0, int(module.config.vocab_size), (shape.batch_size, tokens))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
