"""Which words of a command line a shell completes with which values, all in one table."""

from collections.abc import Iterator, Mapping
from typing import Any

from perfpredict.commands import values

OPTIONS: Mapping[str, values.Complete] = {
    "--accepted": values.answers,
    "--by": values.groups,
    "--chosen": values.hardware,
    "--device": values.hardware,
    "--framework": values.frameworks,
    "--hardware": values.hardware,
    "--metric": values.metrics,
    "--mode": values.modes,
    "--model": values.models,
    "--models": values.model_list,
    "--objective": values.objectives,
    "--over": values.one_of(["batch-size", "seq-length"]),
    "--phase": values.phases,
    "--platform": values.platforms,
    "--precision": values.precisions,
    "--precisions": values.precisions,
    "--prediction-id": values.predictions,
    "--predictor": values.predictors,
    "--primary": values.hardware,
    "--target-metric": values.metrics,
}
"""By the name of the option, in every command."""

ARGUMENTS: Mapping[str, values.Complete] = {
    "IDS...": values.measurements,
    "[IDS...]": values.measurements,
    "MEAS_ID": values.measurements,
    "MODEL": values.models,
    "PRED_ID": values.predictions,
    "REC_ID": values.recommendations,
    "SHELL": values.shells,
    "hardware NAME": values.hardware,
    "models ID": values.stored_predictors,
    "models ID ID...": values.predictors,
    "models [ID]": values.predictors,
    "perf ID": values.predictions,
    "schema NAME": values.schemas,
}
"""By what the help calls the argument, after its group where groups differ."""


# Any: the classes of commands are Click's, which Typer hides
def add_values(root: Any) -> None:
    """Let every parameter below `root` that the tables name be completed with its values."""
    for group, command in _commands(root, ""):
        for parameter in command.params:
            complete = _values_of(parameter, group)
            if complete is not None:
                # what Typer's `autocompletion` sets; a test watches that it still works
                parameter._custom_shell_complete = _ignoring_context(complete)


def _commands(command: Any, group: str) -> Iterator[tuple[str, Any]]:
    yield group, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, group or name)


def _values_of(parameter: Any, group: str) -> values.Complete | None:
    if parameter.param_type_name == "option":
        return next((OPTIONS[name] for name in parameter.opts if name in OPTIONS), None)
    shown = parameter.metavar or ""
    return ARGUMENTS.get(f"{group} {shown}") or ARGUMENTS.get(shown)


def _ignoring_context(complete: values.Complete) -> Any:
    def called(_context: Any, _parameter: Any, incomplete: str) -> list[str]:
        return complete(incomplete)

    return called
