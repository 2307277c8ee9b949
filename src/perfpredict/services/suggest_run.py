"""Suggested measurements as `measure run` carries them out, where all of them can be made here."""

from perfpredict.catalog.detect import Survey
from perfpredict.errors import InvalidInputError
from perfpredict.measuring.request import Backend
from perfpredict.measuring.timing import Limits
from perfpredict.services.engine import Engine
from perfpredict.services.measurable import is_built
from perfpredict.services.measure_plan import (
    PlannedRun,
    RunSettings,
    device_here,
    plan,
)
from perfpredict.services.measure_suggest import Suggestion, Suggestions
from perfpredict.services.model_source import known_model


def plan_suggested(
    engine: Engine, found: Suggestions, survey: Survey, limits: Limits
) -> list[PlannedRun]:
    """Return the suggested measurements in their order, ready to be carried out here.

    Raises InvalidInputError where one is on a device of another machine or is nothing that
    `measure run` measures, before anything has run, and what `plan` raises.
    """
    ready = [(one, _settings(one, found.level, limits)) for one in found.chosen]
    for one, settings in ready:
        device_here(engine, settings, survey)
        if not one.is_runnable:
            raise _not_measured(one)
    return [
        run
        for one, settings in ready
        for run in plan(engine, [(one.workload, known_model(one.workload.model))], settings, survey)
    ]


def _settings(one: Suggestion, level: float, limits: Limits) -> RunSettings:
    return RunSettings(
        backend=Backend.TORCH, hardware=one.hardware.requested, limits=limits, level=level
    )


def _not_measured(one: Suggestion) -> InvalidInputError:
    model = known_model(one.workload.model)
    if is_built(model) and model.is_generative and one.workload.phase is None:
        hint = "ask about --phase prefill or --phase decode"
    else:
        hint = "leave --run out: each suggestion comes with the line that records it"
    return InvalidInputError(
        f"--run: 'measure run' does not measure '{model.name}' as it is asked about here", hint=hint
    )
