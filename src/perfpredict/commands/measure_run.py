"""`perfpredict measure run`: measure models on this machine, beside what was predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.asking import ModelSourceOptions
from perfpredict.commands.groups import with_options
from perfpredict.commands.measure_options import stated_model
from perfpredict.commands.options import (
    UserOption,
    WorkloadOptions,
    help_epilog,
    positive_number,
    share,
    whole_number,
)
from perfpredict.commands.progress import progress_bar
from perfpredict.domain.names import parse_whole_number
from perfpredict.domain.units import parse_bytes
from perfpredict.domain.workload import MAX_TOKENS
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.measure_plan import Asked, PlannedRun, RunSettings
    from perfpredict.services.measure_run import Finished, Sweep

_runs = parsing.option_parser(partial(parse_whole_number, highest=1_000_000))
_EPILOG = help_epilog(
    [
        "perfpredict measure run resnet18,bert-base-uncased --batch-size 1,4,16",
        "perfpredict measure run gpt2 --batch-size 1 --precision fp32,bf16",
        "perfpredict measure run resnet50 --onnx resnet50.onnx --batch-size 1,8",
        "perfpredict measure run mine --new-model --exec './serve-once --batch {batch_size}'",
    ],
    [3, 4],
    effect="Stores a prediction before each measurement, and each measurement once it is done.",
)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the group."""
    app.command("run", epilog=_EPILOG)(run)


@dataclass(frozen=True, kw_only=True)
class BackendOptions:
    """What executes the model, and where."""

    command: Annotated[
        str | None,
        typer.Option("--exec", metavar="CMD", help="Time this command; {batch_size} is filled in."),
    ] = None
    python: Annotated[
        str | None,
        typer.Option(
            "--python", metavar="PKG.MOD:MAKE", help="Time what MAKE(batch_size) returns."
        ),
    ] = None
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", metavar="NAME", help="A device of this machine: cpu, cuda, …"),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="INT", parser=whole_number,
                     help="CPU threads; one a physical core if left out."),
    ] = None  # fmt: skip
    memory_limit: Annotated[
        str | None,
        typer.Option("--memory-limit", metavar="N[UNIT]", help="More than that does not fit."),
    ] = None
    new_model: Annotated[bool, typer.Option("--new-model", help="The model may be unknown.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """How long is measured."""

    warmup: Annotated[
        int | None,
        typer.Option("--warmup", metavar="INT", parser=_runs,
                     help="Discarded runs; until the times have settled if left out."),
    ] = None  # fmt: skip
    runs: Annotated[
        int | None,
        typer.Option("--runs", metavar="INT", parser=_runs,
                     help="Timed runs; until the median is known well if left out."),
    ] = None  # fmt: skip
    min_time_s: Annotated[
        float, typer.Option("--min-time", metavar="S", parser=positive_number, help="At least.")
    ] = 2.0
    max_time_s: Annotated[
        float,
        typer.Option("--max-time", metavar="S", parser=positive_number,
                     help="At most, of each measurement's timed runs."),
    ] = 60.0  # fmt: skip
    half_width: Annotated[
        float,
        typer.Option("--half-width", metavar="F", parser=share,
                     help="Half of the median's 95 % interval, as a share of it, that is enough."),
    ] = 0.01  # fmt: skip


@with_options
def run(
    workload: WorkloadOptions,
    model_source: ModelSourceOptions,
    backend: BackendOptions,
    limits: LimitOptions,
    level: Annotated[float, typer.Option("--level", metavar="F", parser=share)] = 0.9,
    is_unstored: Annotated[bool, typer.Option("--no-store", help="Store nothing.")] = False,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Predict, and run nothing.")] = False,
    user: UserOption = None,
) -> None:
    """Measure MODEL (or A,B,C) on this machine with random weights, beside its prediction."""
    from perfpredict.reports.measure_run import sweep_report
    from perfpredict.services.measure_run import Sweep, unmeasured

    settings = _settings(workload, model_source, backend, limits, level)
    planned = _planned(workload, model_source, backend, settings)
    if is_dry:
        finished = tuple(map(unmeasured, planned))
        context.emit(sweep_report(Sweep(finished=finished, planned=len(planned))))
        return
    show_measured(measured(planned, user, is_stored=not is_unstored))


def measured(planned: "list[PlannedRun]", user: str | None, *, is_stored: bool = True) -> "Sweep":
    """Measure what is planned; predictions are stored before, a result as soon as it is there."""
    ready = _with_stored_predictions(planned, user) if is_stored else planned
    return _carried_out(ready, is_stored=is_stored)


def show_measured(sweep: "Sweep", notes: Sequence[str] = ()) -> None:
    """Print the results with their doubts, and raise the first failure, or what stopped it."""
    from perfpredict.reports.measure_run import sweep_report, warning_lines
    from perfpredict.services.measure_run import raise_failures

    for text in warning_lines(sweep.finished):
        context.warn(text)
    if len(sweep.finished) > len(sweep.failures):
        ids = [one.recorded.measurement_id for one in sweep.finished if one.recorded]
        report = sweep_report(sweep)
        context.emit(replace(report, notes=[*report.notes, *notes]), ids=ids)
    raise_failures(sweep)
    if sweep.is_interrupted:
        raise KeyboardInterrupt


def _settings(
    workload: WorkloadOptions,
    model_source: ModelSourceOptions,
    backend: BackendOptions,
    limits: LimitOptions,
    level: float,
) -> "RunSettings":
    from perfpredict.measuring.request import Backend
    from perfpredict.measuring.timing import Limits
    from perfpredict.services.measure_plan import RunSettings

    targets = {
        Backend.EXEC: backend.command,
        Backend.PYTHON: backend.python,
        Backend.ONNXRUNTIME: str(workload.onnx) if workload.onnx else None,
    }
    given = {kind: target for kind, target in targets.items() if target is not None}
    if len(given) > 1:
        raise InvalidInputError("give one of --exec, --python and --onnx, not more")
    kind, target = next(iter(given.items()), (Backend.TORCH, ""))
    limit = backend.memory_limit
    return RunSettings(
        backend=kind,
        target=target,
        config=model_source.model_config,
        hardware=backend.hardware,
        threads=backend.threads,
        memory_limit_bytes=None if limit is None else int(parse_bytes("--memory-limit", limit)),
        dims=_dims(workload, model_source),
        limits=Limits(
            warmup_runs=limits.warmup,
            runs=limits.runs,
            min_time_s=min(limits.min_time_s, limits.max_time_s),
            max_time_s=limits.max_time_s,
            half_width=limits.half_width,
        ),
        level=level,
    )


def _dims(workload: WorkloadOptions, model_source: ModelSourceOptions) -> dict[str, int]:
    """Return the dimensions that --dim binds, by name."""
    if workload.onnx is None:
        return {}
    pairs = [text.rpartition("=") for text in model_source.dims or ()]
    return {
        name: parse_whole_number(f"--dim {name}", value, highest=MAX_TOKENS)
        for name, _, value in pairs
    }


def _planned(
    workload: WorkloadOptions,
    model_source: ModelSourceOptions,
    backend: BackendOptions,
    settings: "RunSettings",
) -> "list[PlannedRun]":
    from perfpredict.services.machine import survey_machine
    from perfpredict.services.measure_plan import plan
    from perfpredict.services.opening import load_engine

    survey = survey_machine()
    detected = tuple(one.device for one in survey.devices if one.device is not None)
    asked = _asked(workload, model_source, accepts_new=backend.new_model)
    with context.open_store_if_exists() as store:
        engine = load_engine(store, detected=detected)
    return plan(engine, asked, settings, survey)


def _asked(
    workload: WorkloadOptions, model_source: ModelSourceOptions, *, accepts_new: bool
) -> "list[Asked]":
    """Return every model × precision × batch size, with what is known of the model."""
    from perfpredict.services.measure import known_or_new

    names = _model_names(workload)
    if len(names) > 1 and (model_source.is_given or workload.onnx is not None):
        raise InvalidInputError("one model is wanted with --config, --params and --onnx")
    found: list[Asked] = []
    for name in names:
        one = replace(workload, model=name, model_option=None)
        entry = known_or_new(
            None, name, known=stated_model(one, model_source), accepts_new=accepts_new
        )
        for precision in parsing.split_names("--precision", [workload.precision]):
            sized = replace(one, precision=precision).build_workloads()
            found += [(asked, entry) for asked in sized]
    return found


def _model_names(workload: WorkloadOptions) -> tuple[str, ...]:
    """Return the names in `A,B,C`, given in one of the two ways."""
    given = [text for text in (workload.model, workload.model_option) if text is not None]
    if len(given) == 1 and "," in given[0]:
        return parsing.split_names("model", given)
    return (workload.model_name,)


def _with_stored_predictions(planned: "list[PlannedRun]", user: str | None) -> "list[PlannedRun]":
    """Store what was predicted before anything runs."""
    from perfpredict.services.measure_plan import with_stored_predictions
    from perfpredict.store.access import Access
    from perfpredict.store.ids import IdKind, new_id
    from perfpredict.store.predictions import insert_predictions

    now = context.now()
    ready = with_stored_predictions(
        planned, now=now, make_id=lambda: new_id(IdKind.PREDICTION, now)
    )
    predictions = [one.prediction for one in ready if one.prediction is not None]
    with context.open_store(Access.WRITE) as store:
        insert_predictions(store, predictions, user=user or context.settings().user)
    return ready


def _carried_out(planned: "list[PlannedRun]", *, is_stored: bool) -> "Sweep":
    from perfpredict.services.measure_run import carry_out, store_result
    from perfpredict.store.access import Access

    def keep(finished: "Finished") -> "Finished":
        if not is_stored:
            return finished
        with context.open_store(Access.WRITE) as store:
            return store_result(store, finished, now=context.now())

    with progress_bar() as show:
        return carry_out(planned, keep=keep, clock=context.now, on_progress=show)
