"""From the arguments of the documented methods to a workload and the devices it is asked for."""

import numbers
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import SupportsIndex, TypedDict, TypeVar

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry
from perfpredict.catalog.totals import ModelTotals
from perfpredict.domain.device import Device, ResolvedDevice
from perfpredict.domain.families import canonical_family
from perfpredict.domain.framework_versions import parse_framework_version
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.names import clean_name
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import InvalidInputError
from perfpredict.services.machine import detected_devices
from perfpredict.services.model_source import known_model

Choice = TypeVar("Choice", bound=StrEnum)


class Shape(TypedDict, total=False):
    """What else can be said of a workload; every key may be left out."""

    image_size: int | None
    input_tokens: int | None
    output_tokens: int | None
    phase: str | None
    framework: str | None
    framework_version: str | None
    quantization: str | None
    is_compiled: bool
    memory_format: str | None
    device_count: int
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model that the catalog does not have."""

    config: Path | str | None = None
    """Path of its Hugging Face config.json."""
    parameters: float | None = None
    flops: float | None = None
    """Of one forward pass of one sample."""
    entry: ModelEntry | None = None
    """What `perfpredict.from_module` or `from_onnx` returned beside the workload."""


def build_workload(
    model_name: str,
    model_family: str | None,
    batch_size: int,
    sequence_length: int | None,
    precision: str,
    mode: str,
    shape: Shape,
) -> Workload:
    """Return the workload that the arguments describe.

    Raises InvalidInputError naming the argument, TypeError for one that there is not.
    """
    check_keys(shape, Shape)
    phase, framework = shape.get("phase"), shape.get("framework")
    version = shape.get("framework_version")
    return Workload(
        model=clean_name("model_name", model_name),
        family=None if model_family is None else canonical_family(model_family),
        batch_size=whole(batch_size),
        sequence_length=_whole_or_none(sequence_length),
        image_size=_whole_or_none(shape.get("image_size")),
        input_tokens=_whole_or_none(shape.get("input_tokens")),
        output_tokens=_whole_or_none(shape.get("output_tokens")),
        precision=Precision.parse(precision),
        quantization=_name("quantization", shape.get("quantization")),
        mode=choice("mode", mode, Mode),
        phase=None if phase is None else choice("phase", phase, Phase),
        framework=None if framework is None else parse_framework(framework),
        framework_version=(
            None if version is None else parse_framework_version("framework_version", version)
        ),
        is_compiled=bool(shape.get("is_compiled", False)),
        memory_format=_name("memory_format", shape.get("memory_format")),
        device_count=whole(shape.get("device_count", 1)),
        concurrency=whole(shape.get("concurrency", 1)),
    )


def model_entry(workload: Workload, facts: ModelFacts) -> ModelEntry:
    """Return what the catalog, or else `facts`, knows of the model of `workload`.

    Raises UnknownModelError, or InvalidInputError for facts that do not suffice.
    """
    if facts.entry is not None:
        return replace(facts.entry, name=workload.model)
    totals = None
    if (facts.parameters is None) != (facts.flops is None):
        raise InvalidInputError("parameters and flops describe a model only together")
    if facts.parameters is not None and facts.flops is not None:
        totals = ModelTotals(parameters=facts.parameters, flops_per_sample=facts.flops)
    config = None if facts.config is None else Path(facts.config)
    return known_model(workload.model, config=config, totals=totals, family=workload.family)


@dataclass(frozen=True, slots=True)
class NamedDevices:
    """The devices that were asked for, by the names that were given."""

    by_name: Mapping[str, ResolvedDevice]

    @property
    def distinct(self) -> list[ResolvedDevice]:
        """Each device once, under the first of its names."""
        first: dict[str, ResolvedDevice] = {}
        for one in self.by_name.values():
            first.setdefault(one.device.name, one)
        return list(first.values())

    def names_of(self, device: str) -> list[str]:
        """Return the given names that stand for `device`."""
        return [name for name, one in self.by_name.items() if one.device.name == device]


def named_devices(
    names: str | Sequence[str] | None, catalog: DeviceCatalog, detected: Sequence[Device]
) -> NamedDevices:
    """Return what each name stands for; this machine's devices where none is given.

    Raises UnknownDeviceError or UnknownPlatformError with near matches.
    """
    given = [names] if isinstance(names, str) else names
    if given is None:
        given = [device.name for device in detected]
    if not given:
        raise InvalidInputError("hardware: give at least one device")
    cleaned = [clean_name("hardware", name) for name in given]
    return NamedDevices({name: catalog.resolve(name) for name in cleaned})


class Machine:
    """This machine's devices, looked for when they are first needed."""

    def __init__(self) -> None:
        self._devices: tuple[Device, ...] | None = None

    @property
    def devices(self) -> tuple[Device, ...]:
        if self._devices is None:
            self._devices = detected_devices()
        return self._devices


def check_keys(given: Mapping[str, object], allowed: type) -> None:
    """Raise TypeError for a keyword that `allowed`, a TypedDict, does not have."""
    for name in given:
        if name not in allowed.__annotations__:
            raise TypeError(f"unexpected keyword argument '{name}'")


def choice(field: str, text: str, choices: type[Choice]) -> Choice:
    """Return the member of `choices` that `text` names, else raise InvalidInputError."""
    names = [one.value for one in choices]
    if text.casefold() not in names:
        raise InvalidInputError(f"{field} must be one of {', '.join(names)}, got '{text}'")
    return choices(text.casefold())


def whole(value: SupportsIndex) -> int:
    """Return a whole number as Python's own; anything else is left for its check to refuse."""
    return value if isinstance(value, bool) or not _is_index(value) else operator.index(value)  # type: ignore[return-value]


def real(value: float | None) -> float | None:
    """Return a number as Python's own float; anything else is left for its check to refuse."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else value


def _is_index(value: object) -> bool:
    return hasattr(type(value), "__index__")


def _whole_or_none(value: int | None) -> int | None:
    return None if value is None else whole(value)


def _name(field: str, text: str | None) -> str | None:
    return None if text is None else clean_name(field, text)
