"""`HardwareModelPredictor`: which hardware, and how fast there, without a database."""

from collections.abc import Sequence
from typing import Unpack

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
        workload = build_workload(
            model_name, model_family, batch_size, sequence_length, precision, mode, shape
        )
        model = model_entry(workload, facts or ModelFacts())
        found, devices = self._predict(workload, model, hardware)
        by_device = {one.hardware.device.name: one for one in found}
        rows = {
            name: prediction_row(by_device[one.device.name]) | {"hardware_platform": name}
            for name, one in devices.by_name.items()
        }
        return {**workload_keys(found[0].workload), "predictions": rows}

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

    def _predict(
        self, workload: Workload, model: ModelEntry, hardware: str | Sequence[str] | None
    ) -> tuple[list[Prediction], NamedDevices]:
        engine = load_engine(None, detected=self.machine.devices)
        devices = named_devices(hardware, engine.devices, self.machine.devices)
        return engine.predict(workload, devices.distinct, level=self.level, model=model), devices
