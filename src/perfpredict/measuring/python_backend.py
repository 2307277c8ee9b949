"""Times a callable that a function of the user makes: `pkg.mod:make`."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from perfpredict.errors import InvalidInputError
from perfpredict.measuring.memory import MemoryProbe
from perfpredict.measuring.prepared import Prepared, timed
from perfpredict.measuring.request import RunRequest


def prepare(request: RunRequest) -> Prepared:
    """Return what the user's function makes of the workload's size."""
    make = _loaded(request.target)
    probe = MemoryProbe()
    probe.mark_baseline()
    run = make(**_accepted(make, request))
    if not callable(run):
        raise InvalidInputError(
            f"--python: '{request.target}' returned {type(run).__name__}, which cannot be called",
            hint="it must return a function without arguments that executes one batch",
        )
    probe.forget_peak()
    return Prepared(run=timed(run), read_memory=probe.read, facts={"callable": request.target})


def _loaded(target: str) -> Callable[..., object]:
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise InvalidInputError(f"--python: want pkg.mod:make, got '{target}'")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        raise InvalidInputError(f"--python: no module named '{exc.name}'") from exc
    make = getattr(module, name, None)
    if not callable(make):
        raise InvalidInputError(f"--python: '{module_name}' has no function '{name}'")
    found: Callable[..., object] = make
    return found


def _accepted(make: Callable[..., object], request: RunRequest) -> dict[str, object]:
    """Return those facts of the workload that the function has parameters for."""
    facts: dict[str, object] = {
        "model": request.model,
        "batch_size": request.shape.batch_size,
        "sequence_length": request.shape.sequence_length,
        "image_size": request.shape.image_size,
        "input_tokens": request.shape.input_tokens,
        "output_tokens": request.shape.output_tokens,
        "precision": request.precision.value,
        "device": request.place.value,
        "threads": request.threads,
    }
    parameters = inspect.signature(make).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return facts
    names = [one.name for one in parameters]
    if "batch_size" not in names:
        raise InvalidInputError(
            f"--python: '{request.target}' takes no 'batch_size'",
            hint=f"its parameters may be {', '.join(facts)}",
        )
    return {name: value for name, value in facts.items() if name in names}
