"""`HardwareModelPredictor`: which hardware, and how fast there, without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from perfpredict.adapters.answers import Row, prediction_row, recommendation_row, workload_keys
from perfpredict.adapters.workloads import (
    Machine,
    ModelFacts,
    NamedDevices,
    Shape,
    build_workload,
    choice,
    model_entry,
    named_devices,
    real,
)
from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import Limits, Objective, Recommendation
from perfpredict.domain.workload import Workload
from perfpredict.services.engine import Engine
from perfpredict.services.opening import load_engine
from perfpredict.services.recommend import RankingInputs, recommend

_MIB = 2.0**20


@dataclass(frozen=True, slots=True)
class Question:
    """One workload, and where it is asked for."""

    workload: Workload
    model: ModelEntry
    hardware: str | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The predictions for one question, and by which names its devices were given."""

    predictions: tuple[Prediction, ...]
    devices: NamedDevices


class HardwareModelPredictor:
    """Ranks devices and predicts throughput, latency and memory from the catalog alone."""

    def __init__(self, *, level: float = 0.9) -> None:
        self.level = level
        """Coverage of the intervals, e.g. 0.9."""
        self.machine = Machine()

    def predict_optimal_hardware(
        self,
        model_name: str,
        model_family: str | None = None,
        batch_size: int = 1,
        sequence_length: int | None = None,
        mode: str = "inference",
        precision: str = "fp32",
        available_hardware: str | Sequence[str] | None = None,
        *,
        objective: str = "balanced",
        max_latency: float | None = None,
        min_throughput: float | None = None,
        max_memory: float | None = None,
        max_price_per_hour: float | None = None,
        confidence: float = 0.9,
        facts: ModelFacts | None = None,
        **shape: Unpack[Shape],
    ) -> Row:
        """Return a ranking of the available hardware, this machine's if none is given.

        `max_latency` is in ms, `max_memory` in MiB. Keys: recommendation_id (None unless stored),
        primary_recommendation (None where no device fits and keeps the limits),
        fallback_options, compatible_hardware, explanation, candidates and those of the workload.
        """
        workload = build_workload(
            model_name, model_family, batch_size, sequence_length, precision, mode, shape
        )
        memory = real(max_memory)
        limits = Limits(
            max_latency_ms=real(max_latency),
            min_throughput_per_s=real(min_throughput),
            max_memory_bytes=None if memory is None else memory * _MIB,
            max_price_per_hour=real(max_price_per_hour),
            confidence=confidence,
        )
        chosen = choice("objective", objective, Objective)
        model = model_entry(workload, facts or ModelFacts())
        found, devices = self._recommend(workload, model, available_hardware, chosen, limits)
        return recommendation_row(found, devices)

    def predict_performance(
        self,
        model_name: str,
        model_family: str | None = None,
        hardware: str | Sequence[str] | None = None,
        batch_size: int = 1,
        sequence_length: int | None = None,
        mode: str = "inference",
        precision: str = "fp32",
        *,
        facts: ModelFacts | None = None,
        **shape: Unpack[Shape],
    ) -> Row:
        """Return the model and shape keys, and `predictions` by the names given as `hardware`.

        Throughput is in samples/s (tokens/s with a phase), latency in ms a batch, memory_usage in
        MiB, each with `…_lower` and `…_upper`; None where the workload does not fit.
        """
        question = _question(
            model_name, model_family, hardware, batch_size, sequence_length, mode, precision,
            facts, **shape,
        )  # fmt: skip
        (found,) = self._predict([question])
        return found

    def predict_performance_batch(self, questions: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Return what `predict_performance` does for each question, given as its arguments.

        Everything stored is read once and written once: much faster than a call for each.
        """
        return self._predict([_question(**question) for question in questions])

    def rank(
        self,
        engine: Engine,
        inputs: RankingInputs,
        workload: Workload,
        model: ModelEntry,
        devices: NamedDevices,
        objective: Objective,
        limits: Limits,
    ) -> Recommendation:
        """Return `devices` ranked by the predictions of `engine`, which the caller opened."""
        return recommend(
            engine, workload, devices.distinct, objective=objective, limits=limits,
            inputs=inputs, level=self.level, model=model,
        )  # fmt: skip

    def _recommend(
        self,
        workload: Workload,
        model: ModelEntry,
        hardware: str | Sequence[str] | None,
        objective: Objective,
        limits: Limits,
    ) -> tuple[Recommendation, NamedDevices]:
        engine = load_engine(None, detected=self.machine.devices)
        devices = named_devices(hardware, engine.devices, self.machine.devices)
        nothing = RankingInputs(prices={}, rejections={})
        found = self.rank(engine, nothing, workload, model, devices, objective, limits)
        return found, devices

    def _predict(self, questions: Sequence[Question]) -> list[Row]:
        engine = load_engine(None, detected=self.machine.devices)
        return [performance_row(one) for one in self.answered(engine, questions)]

    def answered(self, engine: Engine, questions: Sequence[Question]) -> list[Answered]:
        """Return the predictions of `engine` for each question, each device once."""
        found = []
        for one in questions:
            devices = named_devices(one.hardware, engine.devices, self.machine.devices)
            predictions = engine.predict(
                one.workload, devices.distinct, level=self.level, model=one.model
            )
            found.append(Answered(tuple(predictions), devices))
        return found


def performance_row(answered: Answered) -> Row:
    """Return predictions by the names that were given, with the keys of their workload."""
    by_device = {one.hardware.device.name: one for one in answered.predictions}
    rows = {
        name: prediction_row(by_device[one.device.name]) | {"hardware_platform": name}
        for name, one in answered.devices.by_name.items()
    }
    return {**workload_keys(answered.predictions[0].workload), "predictions": rows}


def _question(
    model_name: str,
    model_family: str | None = None,
    hardware: str | Sequence[str] | None = None,
    batch_size: int = 1,
    sequence_length: int | None = None,
    mode: str = "inference",
    precision: str = "fp32",
    facts: ModelFacts | None = None,
    **shape: Unpack[Shape],
) -> Question:
    workload = build_workload(
        model_name, model_family, batch_size, sequence_length, precision, mode, shape
    )
    return Question(workload, model_entry(workload, facts or ModelFacts()), hardware)
