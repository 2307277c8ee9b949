"""What `measure run` is going to do: workloads, each with its request and its prediction."""

import importlib.util
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from perfpredict.catalog.detect import Survey
from perfpredict.catalog.hf_written import written_config
from perfpredict.catalog.models import ModelEntry
from perfpredict.catalog.transformers.config import TransformerConfig
from perfpredict.catalog.vision import VisionModel
from perfpredict.domain.device import Platform, ResolvedDevice
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import CannotAnswerError, InvalidInputError, MissingExtraError
from perfpredict.measuring.memory import available_bytes
from perfpredict.measuring.request import Backend, Place, RunRequest, Shape, Source
from perfpredict.measuring.timing import Limits
from perfpredict.services.engine import Engine
from perfpredict.services.measurable import is_written_out

PHASES = (Phase.PREFILL, Phase.DECODE)
"""What a model that generates text is measured in, apart, unless one phase is asked for."""
BATCH_SIZE = "{batch_size}"
_PLACES = {
    Platform.CPU: Place.CPU,
    Platform.CUDA: Place.CUDA,
    Platform.ROCM: Place.CUDA,  # PyTorch reaches AMD GPUs under CUDA's name
    Platform.MPS: Place.MPS,
}
_EXTRAS = {
    Backend.TORCH: ("measure", ("torch",)),
    Backend.ONNXRUNTIME: ("onnxruntime", ("onnxruntime", "onnx")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How everything in one call is measured."""

    backend: Backend
    target: str = ""
    """Command, callable or file; empty for torch, which goes by the model's name."""
    config: Path | None = None
    hardware: str | None = None
    """None: this machine's first accelerator that the backend runs on, else its CPU."""
    threads: int | None = None
    """None: one for each physical core that this process may use."""
    memory_limit_bytes: int | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    level: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One measurement to come."""

    workload: Workload
    """With the catalog's defaults filled in."""
    hardware: ResolvedDevice
    request: RunRequest
    entry: ModelEntry | None
    prediction: Prediction | None
    """None where nothing is known of the model but its name."""
    cores: float


Asked = tuple[Workload, ModelEntry | None]


def plan(
    engine: Engine, asked: Sequence[Asked], settings: RunSettings, survey: Survey
) -> list[PlannedRun]:
    """Return every measurement that the workloads ask for, each with its prediction.

    Raises MissingExtraError where the backend is not installed, and what makes a workload
    unmeasurable, before anything has run.
    """
    _check_installed(settings.backend, *_EXTRAS.get(settings.backend, ("", ())))
    _check_command(asked, settings)
    hardware = device_here(engine, settings, survey)
    cores = survey.cpu.usable_cores or float(os.cpu_count() or 1)
    found = []
    for workload, entry in asked:
        for one in _phases(_named(workload, settings.backend), entry, settings.backend):
            _check(one, settings)
            (prediction,) = (
                engine.predict(one, [hardware], level=settings.level, model=entry)
                if entry is not None
                else [None]
            )
            filled = one if prediction is None else prediction.workload
            request = _request(filled, entry, settings, hardware, math.ceil(cores))
            found.append(
                PlannedRun(
                    workload=filled, hardware=hardware, request=request, entry=entry,
                    prediction=prediction, cores=cores,
                )
            )  # fmt: skip
    return found


def with_stored_predictions(
    planned: Sequence[PlannedRun], *, now: datetime, make_id: Callable[[], str]
) -> list[PlannedRun]:
    """Return the runs with predictions that carry an id each and the time they were made."""
    return [
        one
        if one.prediction is None
        else replace(
            one, prediction=replace(one.prediction, prediction_id=make_id(), created_at=now)
        )
        for one in planned
    ]


def device_here(engine: Engine, settings: RunSettings, survey: Survey) -> ResolvedDevice:
    """Return the device of this machine that is measured; raises for one that is not here."""
    here = {one.device.name: one.device for one in survey.devices if one.device is not None}
    usable = [one for one in here.values() if one.platform in _PLACES]
    names = ", ".join(here) or "none with known rates"
    wanted = settings.hardware
    if wanted is None:
        is_open = settings.backend in {Backend.EXEC, Backend.PYTHON}
        if is_open and any(one.platform is not Platform.CPU for one in usable):
            raise InvalidInputError(
                "--hardware: must be given, as this machine has more than a CPU",
                hint=f"here are {names}",
            )
        wanted = usable[0].platform.value if usable else Platform.CPU.value
    resolved = engine.devices.resolve(wanted)
    is_here = resolved.device.name in here or resolved.how == "user alias"
    if not is_here:
        hint = f"here are {names}; 'perfpredict hardware probe' measures this CPU's rates"
        raise InvalidInputError(f"'{wanted}' is not a device of this machine", hint=hint)
    if resolved.device.platform not in _PLACES:
        raise CannotAnswerError(f"nothing here runs on {resolved.device.platform}")
    return resolved


def _check_installed(backend: Backend, extra: str, modules: Sequence[str]) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(
                f"measuring with {backend} needs the package '{module}'",
                hint=f"python -m pip install 'perfpredict[{extra}]'",
            )


def _check_command(asked: Sequence[Asked], settings: RunSettings) -> None:
    """Refuse to time one and the same command under several batch sizes."""
    sizes = {workload.batch_size for workload, _ in asked}
    if settings.backend is Backend.EXEC and len(sizes) > 1 and BATCH_SIZE not in settings.target:
        raise InvalidInputError(
            f"--exec: '{settings.target}' would be the same at every batch size",
            hint=f"write {BATCH_SIZE} where the command takes it",
        )


def _named(workload: Workload, backend: Backend) -> Workload:
    """Return the workload under the framework that runs it and its installed version."""
    frameworks = {Backend.TORCH: "pytorch", Backend.ONNXRUNTIME: "onnxruntime"}
    name = frameworks.get(backend)
    if name is None:
        return workload
    if workload.framework not in {None, name}:
        raise InvalidInputError(
            f"--framework: {backend} runs it as {name}, not as {workload.framework}",
            hint="leave it out, or measure a command with --exec",
        )
    package = "torch" if backend is Backend.TORCH else "onnxruntime"
    return replace(workload, framework=name, framework_version=version(package))


def _phases(workload: Workload, entry: ModelEntry | None, backend: Backend) -> list[Workload]:
    is_split = (
        backend is Backend.TORCH
        and entry is not None
        and entry.is_generative
        and workload.phase is None
        and workload.output_tokens is None
    )
    return [replace(workload, phase=phase) for phase in PHASES] if is_split else [workload]


def _check(workload: Workload, settings: RunSettings) -> None:
    if workload.mode is not Mode.INFERENCE:
        raise CannotAnswerError(
            "measure run measures inference only", hint="'perfpredict measure record' takes others"
        )
    if workload.device_count > 1 or workload.concurrency > 1:
        raise CannotAnswerError("measure run measures one batch at a time on one device")


def _request(
    workload: Workload,
    entry: ModelEntry | None,
    settings: RunSettings,
    hardware: ResolvedDevice,
    cores: int,
) -> RunRequest:
    place = _PLACES[hardware.device.platform]
    shape = Shape(
        batch_size=workload.batch_size,
        sequence_length=workload.sequence_length,
        image_size=workload.image_size,
        input_tokens=workload.input_tokens,
        output_tokens=workload.output_tokens,
        phase=workload.phase,
        dims=settings.dims,
    )
    is_guarded = place is Place.CPU and settings.backend is not Backend.EXEC
    limit = settings.memory_limit_bytes or (available_bytes() if is_guarded else None)
    request = RunRequest(
        backend=settings.backend,
        target=settings.target or workload.model,
        model=workload.model,
        shape=shape,
        precision=workload.precision,
        is_compiled=workload.is_compiled,
        channels_last=workload.memory_format == "nhwc",
        place=place,
        threads=settings.threads or cores,
        memory_limit_bytes=limit,
        limits=settings.limits,
    )
    if settings.backend is not Backend.TORCH:
        return request
    return _with_source(request, entry, settings.config)


def _with_source(request: RunRequest, entry: ModelEntry | None, path: Path | None) -> RunRequest:
    """Return the request with where PyTorch gets the model from."""
    config = entry.config if entry is not None else None
    if isinstance(config, VisionModel):
        _check_installed(Backend.TORCH, "measure", ("timm",))
        return replace(request, source=Source.TIMM, target=config.key)
    if not is_written_out(config):
        raise CannotAnswerError(
            f"'{request.model}' is not built in PyTorch here",
            hint="--python pkg.mod:make or --exec 'CMD {batch_size}' measures it",
        )
    _check_installed(Backend.TORCH, "measure", ("transformers",))
    written = (
        json.loads(path.read_text(encoding="utf-8")) if path is not None else written_config(config)
    )
    _check_positions(config, request.shape)
    return replace(request, source=Source.TRANSFORMERS, config=written)


def _check_positions(config: TransformerConfig, shape: Shape) -> None:
    rows = config.text.positions if config.text else 0
    tokens = (shape.input_tokens or shape.sequence_length or 0) + (shape.output_tokens or 0)
    if rows and tokens > rows:
        raise InvalidInputError(f"'{config.name}' takes at most {rows} tokens, got {tokens}")
