"""`ModelPerformancePredictor`, and its adapter that stores and uses other libraries' models."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Unpack

from perfpredict.adapters.answers import Row, prediction_row, workload_keys
from perfpredict.adapters.predictors import PredictorDetails
from perfpredict.adapters.repository import DuckDBPredictorRepository
from perfpredict.adapters.workloads import (
    Machine,
    ModelFacts,
    Shape,
    build_workload,
    model_entry,
    named_devices,
)
from perfpredict.catalog.models import ModelEntry
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Workload
from perfpredict.services.opening import load_engine
from perfpredict.services.predict import stamped
from perfpredict.services.scoped_predictor import scoped_predictor
from perfpredict.store.access import Access
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.predictions import insert_predictions


class ModelPerformancePredictor:
    """Predicts one model on one device from the catalog alone."""

    def __init__(self, *, level: float = 0.9) -> None:
        self.level = level
        """Coverage of the intervals, e.g. 0.9."""
        self.machine = Machine()

    def predict(
        self,
        model_name: str,
        hardware_platform: str,
        batch_size: int = 1,
        precision: str = "fp32",
        sequence_length: int | None = None,
        mode: str = "inference",
        model_family: str | None = None,
        *,
        facts: ModelFacts | None = None,
        **shape: Unpack[Shape],
    ) -> Row:
        """Return throughput (samples/s or tokens/s), latency (ms a batch) and memory_usage (MiB).

        Each has `…_lower` and `…_upper`; `predictor` names what answered.
        """
        workload = build_workload(
            model_name, model_family, batch_size, sequence_length, precision, mode, shape
        )
        model = model_entry(workload, facts or ModelFacts())
        found = self._predict(workload, model, hardware_platform)
        return {**workload_keys(found.workload), **prediction_row(found)}

    def _predict(self, workload: Workload, model: ModelEntry, hardware: str) -> Prediction:
        engine = load_engine(None, detected=self.machine.devices)
        (device,) = named_devices(hardware, engine.devices, ()).distinct
        (found,) = engine.predict(workload, [device], level=self.level, model=model)
        return found


class ModelPerformancePredictorDuckDBAdapter(ModelPerformancePredictor):
    """Answers from a stored model that fits, else as the command line does; stores each answer."""

    def __init__(
        self,
        repository: DuckDBPredictorRepository | None = None,
        *,
        user_id: str | None = None,
        level: float = 0.9,
    ) -> None:
        """Without a repository, this user's database is used."""
        super().__init__(level=level)
        self.repository = repository or DuckDBPredictorRepository()
        self.machine = self.repository.machine
        self.user_id = user_id

    def store_model(
        self,
        model: object,
        model_type: str | None = None,
        target_metric: str = "throughput",
        hardware_platform: str | None = None,
        model_family: str | None = None,
        features: Sequence[str] = (),
        **details: Unpack[PredictorDetails],
    ) -> str:
        """Store a fitted regressor with its feature importance, signed by this user.

        It predicts throughput in samples/s, latency in ms or memory_usage in MiB from `features`,
        which name its columns in order; return its id.
        """
        if self.user_id is not None:
            details.setdefault("user_id", self.user_id)
        return self.repository.store_prediction_model(
            model, model_type, target_metric, hardware_platform, model_family, features, **details
        )

    def load_model(
        self,
        target_metric: str | None = None,
        hardware_platform: str | None = None,
        model_family: str | None = None,
        *,
        model_id: str | None = None,
        trust: bool = False,
    ) -> tuple[Any, Row]:
        """Return the active, else the newest, stored regressor of this scope, and its metadata.

        Raises CannotAnswerError where none fits, UntrustedModelError for what somebody else
        stored, unless `trust`: loading it runs its code.
        """
        return self.repository.load_prediction_model(
            model_id,
            trust=trust,
            target_metric=target_metric,
            hardware_platform=hardware_platform,
            model_family=model_family,
        )

    def _predict(self, workload: Workload, model: ModelEntry, hardware: str) -> Prediction:
        detected = self.machine.devices
        with self.repository.open(Access.READ) as store:
            engine = load_engine(store, detected=detected)
            (device,) = named_devices(hardware, engine.devices, ()).distinct
            scoped = scoped_predictor(store, device, model.family)
            if scoped.record is not None:
                engine = load_engine(store, predictor=scoped.record.model_id, detected=detected)
        found = engine.predict(workload, [device], level=self.level, model=model)
        now = datetime.now(UTC)
        (ready,) = stamped(found, now=now, make_id=lambda: new_id(IdKind.PREDICTION, now))
        ready = replace(ready, cautions=(*ready.cautions, *scoped.cautions))
        with self.repository.open(Access.WRITE) as store:
            insert_predictions(store, [ready], user=self.user_id)
        return ready
