"""Where the facts of a model come from: the catalog, a file, a live module, or bare totals.

What reads files and modules is imported once there is one: most questions name a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any  # example inputs nest tensors as the module wants them

from perfpredict.catalog.capture.captured import CapturedModel
from perfpredict.catalog.models import ModelEntry, describe, find_model
from perfpredict.catalog.profiling_tokens import DEFAULT_TEXT_TOKENS
from perfpredict.catalog.totals import ModelTotals
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Workload
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """A file with the operations of a model, and what its open dimensions are bound to."""

    path: Path
    sequence_length: int | None = None
    """Tokens; where they are open and None, the default of text."""
    image_size: int | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    """By the names of the dimensions in the file."""


def known_model(
    name: str,
    *,
    config: Path | None = None,
    onnx: OnnxFile | None = None,
    totals: ModelTotals | None = None,
    family: str | None = None,
) -> ModelEntry:
    """Return the model from the one of `config`, `onnx` and `totals` given, or the catalog.

    Raises UnknownModelError where the catalog has no such name either.
    """
    if sum(one is not None for one in (config, onnx, totals)) > 1:
        raise InvalidInputError("give one of --config, --onnx, and --params with --flops, not more")
    if config is not None:
        from perfpredict.catalog.hf_config import read_config

        return describe(replace(read_config(config), name=name), source=str(config))
    if onnx is not None:
        from perfpredict.catalog.capture.onnx_model import capture_onnx

        captured = capture_onnx(
            onnx.path,
            name=name,
            sequence_length=onnx.sequence_length or DEFAULT_TEXT_TOKENS,
            image_size=onnx.image_size,
            dims=onnx.dims,
        )
        return captured_entry(captured, family)
    if totals is not None:
        return ModelEntry(
            name=name,
            family=family or "other",
            architecture="totals",
            parameters=round(totals.parameters),
            source="totals",
            config=totals,
        )
    return find_model(name)


def captured_entry(captured: CapturedModel, family: str | None = None) -> ModelEntry:
    """Return the entry of a model whose operations were counted from the thing itself."""
    return ModelEntry(
        name=captured.name,
        family=family or "other",
        architecture="captured",
        parameters=round(captured.profile.parameters),
        source=captured.source,
        default_length=captured.sequence_length,
        image_size=captured.image_size,
        is_vision=captured.image_size is not None,
        config=captured,
    )


def from_module(
    module: "torch.nn.Module",
    example_inputs: Any,
    *,
    model: str | None = None,
    family: str | None = None,
    batch_size: int | None = None,
    precision: Precision | str = Precision.FP32,
    mode: Mode = Mode.INFERENCE,
    framework: str | None = "pytorch",
    is_compiled: bool = False,
    memory_format: str | None = None,
) -> tuple[Workload, ModelEntry]:
    """Return a live PyTorch module as a workload, and as a model to predict it from.

    Its operations are counted at the shapes of `example_inputs` (a tensor, a tuple, or a dict of
    named ones, batch first) on a copy without values. Needs the extra `torch`.
    """
    from perfpredict.catalog.capture.module import capture_module

    captured = capture_module(module, example_inputs, name=model)
    workload = Workload(
        model=captured.name,
        family=family,
        batch_size=batch_size or captured.batch_size,
        sequence_length=captured.sequence_length,
        image_size=captured.image_size,
        precision=Precision.parse(str(precision)),
        mode=mode,
        framework=framework,
        is_compiled=is_compiled,
        memory_format=memory_format,
    )
    return workload, captured_entry(captured, family)


def from_onnx(
    path: Path | str,
    *,
    model: str | None = None,
    family: str | None = None,
    batch_size: int | None = None,
    sequence_length: int | None = None,
    image_size: int | None = None,
    dims: Mapping[str, int] | None = None,
    precision: Precision | str = Precision.FP32,
    mode: Mode = Mode.INFERENCE,
    framework: str | None = None,
) -> tuple[Workload, ModelEntry]:
    """Return the model in an ONNX file as a workload, and as a model to predict it from.

    `sequence_length`, `image_size` and `dims` (by name) bind open dimensions; weights need not be
    there. Needs the extra `onnx`.
    """
    from perfpredict.catalog.capture.onnx_model import capture_onnx

    captured = capture_onnx(
        Path(path), name=model, sequence_length=sequence_length, image_size=image_size, dims=dims
    )
    workload = Workload(
        model=captured.name,
        family=family,
        batch_size=batch_size or captured.batch_size,
        sequence_length=captured.sequence_length,
        image_size=captured.image_size,
        precision=Precision.parse(str(precision)),
        mode=mode,
        framework=framework,
    )
    return workload, captured_entry(captured, family)
