"""Options of the commands that ask for predictions, and the hardware they ask about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.options import WorkloadOptions, positive_number
from perfpredict.domain.names import parse_whole_number
from perfpredict.domain.workload import MAX_TOKENS
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.catalog.models import ModelEntry
    from perfpredict.catalog.totals import ModelTotals
    from perfpredict.domain.device import Device, ResolvedDevice
    from perfpredict.services.engine import Engine
    from perfpredict.services.model_source import OnnxFile


@dataclass(frozen=True, kw_only=True)
class ModelSourceOptions:
    """Facts of a model that the catalog does not know."""

    model_config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE.json", help="Hugging Face config.json of MODEL."),
    ] = None
    dims: Annotated[
        list[str] | None,
        typer.Option(
            "--dim", metavar="NAME=INT", help="An open dimension of the ONNX file; repeatable."
        ),
    ] = None
    params: Annotated[
        float | None,
        typer.Option("--params", metavar="N", parser=positive_number, help="Weights of MODEL."),
    ] = None
    flops: Annotated[
        float | None,
        typer.Option(
            "--flops", metavar="N", parser=positive_number, help="FLOPs of one pass of one sample."
        ),
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether any of the options was used."""
        facts = (self.model_config, self.dims, self.params, self.flops)
        return any(fact is not None for fact in facts)

    def known_model(self, workload_options: WorkloadOptions) -> "ModelEntry":
        """Return the model that the command is about.

        Raises UnknownModelError, or InvalidInputError where only one total is given.
        """
        from perfpredict.services.model_source import known_model

        name = workload_options.model_name
        onnx, totals = self._onnx_file(workload_options), self._totals()
        config = self.model_config
        if config is None and totals is None and onnx is None and name.endswith(".json"):
            config = Path(name)
        return known_model(
            name, config=config, onnx=onnx, totals=totals, family=workload_options.family
        )

    def _onnx_file(self, options: WorkloadOptions) -> "OnnxFile | None":
        from perfpredict.services.model_source import OnnxFile

        if options.onnx is None:
            if self.dims:
                raise InvalidInputError("--dim binds dimensions of --onnx FILE, which is missing")
            return None
        return OnnxFile(
            path=options.onnx,
            sequence_length=options.sequence_length,
            image_size=options.image_size,
            dims=_bound(self.dims or ()),
        )

    def _totals(self) -> "ModelTotals | None":
        from perfpredict.catalog.totals import ModelTotals

        if (self.params is None) != (self.flops is None):
            raise InvalidInputError("--params and --flops describe a model only together")
        if self.params is None or self.flops is None:
            return None
        return ModelTotals(parameters=self.params, flops_per_sample=self.flops)


def _bound(texts: Sequence[str]) -> dict[str, int]:
    """Return the dimensions in `name=128`, repeated."""
    found: dict[str, int] = {}
    for text in texts:
        name, is_assigned, value = text.rpartition("=")
        if not name or not is_assigned:
            raise InvalidInputError(f"--dim: want NAME=INT, got '{text}'")
        found[name] = parse_whole_number(f"--dim {name}", value, highest=MAX_TOKENS)
    return found


def hardware_names(option: list[str] | None) -> tuple[str, ...]:
    """Return the names in `--hardware`, none where it was not given."""
    return parsing.split_names("--hardware", option) if option else ()


def resolved_devices(engine: "Engine", names: Sequence[str]) -> "list[ResolvedDevice]":
    """Return the devices behind `names`, each once; names that mean the same one are noted."""
    found = engine.resolve_devices(names)
    if list(names) == ["all"] or len(found) == len(names):
        return found
    by_device: dict[str, list[str]] = {}
    for name in names:
        by_device.setdefault(engine.devices.resolve(name).device.name, []).append(name)
    for device, same in by_device.items():
        if len(same) > 1:
            context.note(f"{' and '.join(same)} all stand for {device} here: it is shown once")
    return found


def detected_devices(names: Sequence[str]) -> "tuple[Device, ...]":
    """Return this machine's devices where a platform name, or no name at all, asks for them."""
    from perfpredict.catalog.devices import parse_platform
    from perfpredict.services.machine import detected_devices as detect

    if names and all(parse_platform(name) is None for name in names):
        return ()
    return detect()
