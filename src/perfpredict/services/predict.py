"""Predict workloads on devices, and give every stored answer its id and time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, PerfpredictError
from perfpredict.services.engine import Engine, Pair

if TYPE_CHECKING:
    from perfpredict.importers.questions import Question


def predict(
    engine: Engine,
    workloads: Sequence[Workload],
    hardware: Sequence[ResolvedDevice],
    *,
    level: float,
    model: ModelEntry | None = None,
) -> list[Prediction]:
    """Return a prediction for each workload on each device; devices vary slowest."""
    return [
        prediction
        for one in hardware
        for workload in workloads
        for prediction in engine.predict(workload, [one], level=level, model=model)
    ]


def stamped(
    predictions: Sequence[Prediction], *, now: datetime, make_id: Callable[[], str]
) -> list[Prediction]:
    """Return `predictions` with an id each and the time they were made."""
    return [replace(one, prediction_id=make_id(), created_at=now) for one in predictions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every combination is one cell."""

    models: Sequence[str]
    batch_sizes: Sequence[int]
    precisions: Sequence[Precision]


def predict_grid(
    engine: Engine,
    grid: Grid,
    hardware: Sequence[ResolvedDevice],
    *,
    level: float,
    max_cells: int,
) -> list[Prediction]:
    """Return a prediction for every cell of the grid, all in one call of the predictor.

    Raises InvalidInputError above `max_cells`, and what makes the first bad cell unanswerable.
    """
    workloads = [
        Workload(model=model, batch_size=batch_size, precision=precision)
        for model in grid.models
        for batch_size in grid.batch_sizes
        for precision in grid.precisions
    ]
    cells = len(workloads) * len(hardware)
    if cells > max_cells:
        raise InvalidInputError(
            f"the grid has {cells} cells, more than {max_cells}", hint="--max-cells allows more"
        )
    pairs = [(workload, one) for workload in workloads for one in hardware]
    found: list[Prediction] = []
    for answer in engine.predict_many(pairs, level=level):
        if isinstance(answer, PerfpredictError):
            raise answer
        found.append(answer)
    return found


def predict_questions(
    engine: Engine, questions: "Sequence[Question]", names: Sequence[str], *, level: float
) -> list[Prediction]:
    """Return predictions of every workload on the hardware of its row, or else on `names`.

    Raises what makes the first bad row unanswerable, with its place in the file.
    """
    pairs: list[Pair] = []
    places: list[str] = []
    for question in questions:
        wanted = [question.hardware] if question.hardware else names
        if not wanted:
            raise InvalidInputError(
                f"{question.place}: hardware: is missing",
                hint="name it in the file or give --hardware",
            )
        for device in engine.resolve_devices(wanted):
            pairs.append((question.workload, device))
            places.append(question.place)
    found: list[Prediction] = []
    for place, answer in zip(places, engine.predict_many(pairs, level=level), strict=True):
        if isinstance(answer, PerfpredictError):
            raise type(answer)(f"{place}: {answer.message}", hint=answer.hint)
        found.append(answer)
    return found
