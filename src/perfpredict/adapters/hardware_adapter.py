"""`HardwareModelPredictorDuckDBAdapter`: the hardware predictor, with a memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Unpack

from perfpredict.adapters.answers import Row
from perfpredict.adapters.hardware_predictor import (
    HardwareModelPredictor,
    Question,
    performance_row,
)
from perfpredict.adapters.recording import MeasurementDetails
from perfpredict.adapters.repository import DuckDBPredictorRepository
from perfpredict.adapters.workloads import NamedDevices, named_devices
from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import Limits, Objective, Recommendation
from perfpredict.domain.workload import Workload
from perfpredict.services.opening import load_engine
from perfpredict.services.predict import stamped
from perfpredict.services.recommending import (
    ranking_inputs,
    stamped_recommendation,
    store_recommendation,
)
from perfpredict.store.access import Access
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.predictions import insert_predictions


class HardwareModelPredictorDuckDBAdapter(HardwareModelPredictor):
    """Answers like `HardwareModelPredictor`, from what is stored too, and stores each answer."""

    def __init__(
        self,
        predictor: HardwareModelPredictor | None = None,
        repository: DuckDBPredictorRepository | None = None,
        user_id: str | None = None,
    ) -> None:
        """Take the settings of `predictor`; without a repository, this user's database is used."""
        self.predictor = predictor or HardwareModelPredictor()
        super().__init__(level=self.predictor.level)
        self.repository = repository or DuckDBPredictorRepository()
        self.machine = self.repository.machine
        self.user_id = user_id

    def record_actual_performance(
        self,
        model_name: str,
        model_family: str | None = None,
        hardware_platform: str = "",
        batch_size: int = 1,
        precision: str = "fp32",
        throughput: float | None = None,
        latency: float | None = None,
        memory_usage: float | None = None,
        prediction_id: str | None = None,
        sequence_length: int | None = None,
        mode: str = "inference",
        **details: Unpack[MeasurementDetails],
    ) -> Row:
        """Store what was measured, compared with its prediction.

        Throughput is in samples/s (tokens/s with a phase), latency in ms a batch, memory_usage in
        MiB. The prediction is the given one, else the latest earlier one of the same workload and
        device. Keys: measurement_id, prediction_id, measurement, errors (by metric, empty where
        no prediction matched), notes, warnings.
        """
        return self.repository.record(
            {
                "model_name": model_name, "model_family": model_family,
                "hardware_platform": hardware_platform, "batch_size": batch_size,
                "precision": precision, "throughput": throughput, "latency": latency,
                "memory_usage": memory_usage, "prediction_id": prediction_id,
                "sequence_length": sequence_length, "mode": mode, **details,
            }
        )  # fmt: skip

    def record_recommendation_feedback(
        self,
        recommendation_id: str,
        was_accepted: bool,
        user_feedback: str | None = None,
        *,
        chosen_hardware: str | None = None,
        user_id: str | None = None,
    ) -> Row:
        """Store whether a recommendation was taken; the last answer counts, all are kept."""
        return self.repository.record_recommendation_feedback(
            recommendation_id,
            was_accepted,
            user_feedback,
            chosen_hardware=chosen_hardware,
            user_id=user_id or self.user_id,
        )

    def _recommend(
        self,
        workload: Workload,
        model: ModelEntry,
        hardware: str | Sequence[str] | None,
        objective: Objective,
        limits: Limits,
    ) -> tuple[Recommendation, NamedDevices]:
        with self.repository.open(Access.READ) as store:
            engine = load_engine(store, detected=self.machine.devices)
            inputs = ranking_inputs(store, model.family, limits)
        devices = named_devices(hardware, engine.devices, self.machine.devices)
        found = self.rank(engine, inputs, workload, model, devices, objective, limits)
        now = datetime.now(UTC)
        found = stamped_recommendation(
            found,
            recommendation_id=new_id(IdKind.RECOMMENDATION, now),
            now=now,
            user=self.user_id,
            make_prediction_id=lambda: new_id(IdKind.PREDICTION, now),
        )
        with self.repository.open(Access.WRITE) as store:
            store_recommendation(store, found)
        return found, devices

    def _predict(self, questions: Sequence[Question]) -> list[Row]:
        with self.repository.open(Access.READ) as store:
            engine = load_engine(store, detected=self.machine.devices)
        now = datetime.now(UTC)
        found = [
            replace(one, predictions=tuple(_stamped(one.predictions, now)))
            for one in self.answered(engine, questions)
        ]
        with self.repository.open(Access.WRITE) as store:
            every = [prediction for one in found for prediction in one.predictions]
            insert_predictions(store, every, user=self.user_id)
        return [performance_row(one) for one in found]


def _stamped(predictions: Sequence[Prediction], now: datetime) -> list[Prediction]:
    return stamped(predictions, now=now, make_id=lambda: new_id(IdKind.PREDICTION, now))
