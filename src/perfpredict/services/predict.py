"""Predict workloads on devices, and give every stored answer its id and time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Workload
from perfpredict.services.engine import Engine
from perfpredict.services.model_source import KnownModel


def predict(
    engine: Engine,
    workloads: Sequence[Workload],
    hardware: Sequence[ResolvedDevice],
    *,
    level: float,
    model: KnownModel | None = None,
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
