"""What a shell completes words of a command line with.

A catalog or the database is read when its names are wanted; a database that is busy, remote or
cannot be read completes nothing, at once and without a word.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from perfpredict.domain.device import Platform
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase
from perfpredict.errors import PerfpredictError

Complete = Callable[[str], list[str]]
MOST_IDS = 50
"""Newest identifiers that are offered."""


def one_of(names: Sequence[str]) -> Complete:
    """Return a function that gives the names that begin so."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(names, incomplete)

    return complete


def list_of(names: Callable[[], Iterable[str]]) -> Complete:
    """Return a function that completes the last item of `a,b`."""

    def complete(incomplete: str) -> list[str]:
        done, comma, last = incomplete.rpartition(",")
        return [f"{done}{comma}{name}" for name in _beginning(names(), last)]

    return complete


precisions = list_of(lambda: Precision)
modes = one_of(list(Mode))
phases = one_of(list(Phase))
platforms = one_of(list(Platform))
metrics = one_of(["latency", "throughput", "memory", "all"])
objectives = one_of(["balanced", "latency", "throughput", "cost", "memory"])
answers = one_of(["yes", "no", "pending"])
groups = list_of(
    lambda: (
        "model", "family", "device", "hardware", "precision", "batch_size", "predictor", "basis",
        "week",
    )
)  # fmt: skip
shells = one_of(["bash", "zsh", "fish", "powershell", "pwsh"])


def _hardware_names() -> list[str]:
    from perfpredict.catalog.name_index import builtin_device_names

    return [*Platform, *builtin_device_names()]


hardware = list_of(_hardware_names)


def models(incomplete: str) -> list[str]:
    """Return the models of the catalog that begin so."""
    return _beginning(_model_names(), incomplete)


def _model_names() -> list[str]:
    from perfpredict.catalog.name_index import indexed_model_names

    return indexed_model_names()


model_list = list_of(_model_names)


def frameworks(incomplete: str) -> list[str]:
    """Return the well-known frameworks that begin so."""
    from perfpredict.domain.frameworks import KNOWN_FRAMEWORKS

    return _beginning(KNOWN_FRAMEWORKS, incomplete)


def schemas(incomplete: str) -> list[str]:
    """Return the outputs that have a schema."""
    from perfpredict.reports.schema import OUTPUTS

    return _beginning(sorted(OUTPUTS), incomplete)


def predictions(incomplete: str) -> list[str]:
    """Return the newest predictions whose ids begin so."""
    return _newest_ids("pred", incomplete)


def measurements(incomplete: str) -> list[str]:
    """Return the newest measurements whose ids begin so."""
    return _newest_ids("meas", incomplete)


def recommendations(incomplete: str) -> list[str]:
    """Return the newest recommendations whose ids begin so."""
    return _newest_ids("rec", incomplete)


def stored_predictors(incomplete: str) -> list[str]:
    """Return the newest stored predictors whose ids begin so."""
    return _newest_ids("model", incomplete)


def predictors(incomplete: str) -> list[str]:
    """Return what `--predictor` takes and begins so."""
    named = _beginning(["auto", "reference", "roofline"], incomplete)
    return [*named, *stored_predictors(incomplete)]


def _newest_ids(kind: str, incomplete: str) -> list[str]:
    from perfpredict.commands import context
    from perfpredict.commands.common import hoist_common_options
    from perfpredict.store.ids import IdKind
    from perfpredict.store.lookup import newest_ids

    words = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    try:
        context.begin(hoist_common_options(words[1:])[0])
        location = context.settings().db
        if not isinstance(location, Path):
            return []
        return newest_ids(location, IdKind(kind), incomplete, MOST_IDS)
    except PerfpredictError:
        return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [str(name) for name in names if str(name).startswith(incomplete.casefold())]
