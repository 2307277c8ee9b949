"""`perfpredict measure suggest`: what to measure next, for the question at hand."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.asking import hardware_names, resolved_devices
from perfpredict.commands.groups import with_options
from perfpredict.commands.measure_run import measured, show_measured
from perfpredict.commands.options import (
    LevelOption,
    UserOption,
    WorkloadOptions,
    help_epilog,
    positive_number,
)
from perfpredict.domain.names import parse_whole_number
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.catalog.detect import Survey
    from perfpredict.domain.device import Device
    from perfpredict.domain.workload import Workload
    from perfpredict.services.engine import Engine
    from perfpredict.services.measure_suggest import Suggestions

_budget = parsing.option_parser(partial(parse_whole_number, highest=1000))
_EPILOG = help_epilog(
    [
        "perfpredict measure suggest resnet18,resnet50,gpt2 --hardware cpu --batch-size 1,4,16",
        "perfpredict measure suggest bert-base-uncased --hardware nvidia-l4,nvidia-a10 "
        "--batch-size 1,8,32 --precision fp16 --budget 3",
        "perfpredict measure suggest resnet18,resnet50 --hardware cpu --batch-size 1,4,16 --run",
    ],
    [3, 4],
)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the group."""
    app.command("suggest", epilog=_EPILOG)(suggest)


@with_options
def suggest(
    workload: WorkloadOptions,
    hardware: Annotated[
        list[str] | None,
        typer.Option(
            "--hardware", metavar="LIST", help="Devices or platforms; `all` is the catalog."
        ),
    ] = None,
    budget: Annotated[
        int,
        typer.Option("--budget", metavar="INT", parser=_budget, help="Measurements to make."),
    ] = 5,
    level: LevelOption = 0.9,
    is_run: Annotated[
        bool, typer.Option("--run", help="Measure them here and now, as 'measure run' does.")
    ] = False,
    max_time_s: Annotated[
        float,
        typer.Option(
            "--max-time",
            metavar="S",
            parser=positive_number,
            help="With --run: at most, of each measurement's timed runs.",
        ),
    ] = 60.0,
    user: UserOption = None,
) -> None:
    """Say which measurements of MODEL (or A,B,C) would narrow its intervals most."""
    from perfpredict.reports.measure_suggest import suggestions_report
    from perfpredict.services.machine import survey_machine

    names, asked = hardware_names(hardware), _workloads(workload)
    if not names:
        raise InvalidInputError("--hardware: must be given", hint="--hardware all is the catalog")
    survey = survey_machine()
    detected = [one.device for one in survey.devices if one.device is not None]
    engine, found = _suggested(asked, names, detected, budget, level)
    if is_run:
        _run(engine, found, survey, max_time_s, user)
        return
    context.emit(suggestions_report(found, here={device.name for device in detected}))


def _suggested(
    asked: "list[Workload]",
    names: "tuple[str, ...]",
    detected: "list[Device]",
    budget: int,
    level: float,
) -> "tuple[Engine, Suggestions]":
    """Return what to measure, and the engine that answers until then."""
    from perfpredict.services.measure_suggest import suggest as service
    from perfpredict.services.opening import calibration_rows, load_engine

    with context.open_store_if_exists() as store:
        engine = load_engine(store, detected=detected)
        known = calibration_rows(store, engine.devices) if store is not None else []
    devices = resolved_devices(engine, names)
    return engine, service(engine, asked, devices, known=known, budget=budget, level=level)


def _run(
    engine: "Engine", found: "Suggestions", survey: "Survey", max_time_s: float, user: str | None
) -> None:
    """Measure what was suggested, and say how narrow the intervals have become."""
    from perfpredict.measuring.timing import Limits
    from perfpredict.reports.measure_suggest import width_note
    from perfpredict.services.measure_suggest import width_now
    from perfpredict.services.opening import load_engine
    from perfpredict.services.suggest_run import plan_suggested

    limits = Limits(min_time_s=min(Limits().min_time_s, max_time_s), max_time_s=max_time_s)
    sweep = measured(plan_suggested(engine, found, survey, limits), user)
    detected = [one.device for one in survey.devices if one.device is not None]
    with context.open_store_if_exists() as store:
        after = load_engine(store, detected=detected)
    reached = width_now(after, found.asked, found.level)
    show_measured(sweep, [width_note(found, reached=reached)])


def _workloads(options: WorkloadOptions) -> "list[Workload]":
    """Return every model × precision × batch size."""
    if options.onnx is not None:
        raise InvalidInputError("--onnx: only models of the catalog are suggested")
    given = [text for text in (options.model, options.model_option) if text is not None]
    names = (
        parsing.split_names("model", given)
        if len(given) == 1 and "," in given[0]
        else (options.model_name,)
    )
    return [
        workload
        for name in names
        for precision in parsing.split_names("--precision", [options.precision])
        for workload in replace(
            options, model=name, model_option=None, precision=precision
        ).build_workloads()
    ]
