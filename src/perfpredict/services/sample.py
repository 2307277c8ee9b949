"""Made-up rows to play with: consistent with each other, and marked as sample in every table.

Predictions are the roofline's; what is "measured" is the prediction times a level of the device
and noise, so that accuracy, training and feedback have something to find.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from perfpredict.catalog.models import list_models
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.measurement import Measurement, check_positive
from perfpredict.domain.metrics import throughput_per_s
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import Limits, Objective, Recommendation
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.services.engine import Engine
from perfpredict.services.opening import load_engine
from perfpredict.services.predict import stamped
from perfpredict.services.predictor_storing import Prepared, prepare_trained, save
from perfpredict.services.recommend import RankingInputs, recommend
from perfpredict.services.recommending import stamped_recommendation, store_recommendation
from perfpredict.services.train import TrainedMetric, TrainingPlan, train
from perfpredict.services.training_rows import gather
from perfpredict.store import samples
from perfpredict.store.feedback import record_feedback
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA, measurement_row
from perfpredict.store.measurements import record_measurements
from perfpredict.store.predictions import insert_predictions

SOURCE = "sample"
DAYS = 30
"""The rows are spread evenly over so many days before now."""

_MODELS = (
    "bert-base-uncased", "resnet50", "gpt2", "vit-base-patch16-224", "distilbert-base-uncased",
    "mobilenetv3_large_100", "t5-small", "roberta-base", "efficientnet_b0", "whisper-tiny",
)  # fmt: skip
"""Taken first, in this order."""
_DEVICES = ("nvidia-l4", "nvidia-a100-sxm-80gb", "nvidia-rtx-4090", "intel-xeon-8380")
_BATCH_SIZES = (1, 4, 16)
_RECOMMENDED_BATCH_SIZE = 8
_LARGEST_PARAMETERS = 1e9
"""Larger models would not run on every one of the devices."""
_DEVICE_SPREAD = 0.15
"""Log standard deviation of the level of a device: near that of the published measurements."""
_SMALL_SPREAD = 0.03
"""Log standard deviation of throughput x latency, and of memory."""
_COMMENTS = {True: "fast enough in production", False: "not in stock"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """How much to make up; the same seed gives the same values."""

    models: int = 5
    measurements: int = 12
    """For each model."""
    noise: float = 0.1
    """Log standard deviation of a measured latency."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("models", "measurements"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be at least 1, got {getattr(self, name)}")
        check_positive("noise", self.noise, allow_zero=True)
        if self.noise > 1:
            raise InvalidInputError(f"noise must be at most 1, got {self.noise}")
        if self.seed < 0:
            raise InvalidInputError(f"seed must be at least 0, got {self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleData:
    """Made-up rows, not stored yet."""

    predictions: tuple[Prediction, ...]
    measurements: tuple[Measurement, ...]
    recommendations: tuple[Recommendation, ...]
    answers: tuple[bool | None, ...]
    """To each recommendation; None is no answer."""
    predictor: Prepared | None
    """Trained on the measurements; None where there are too few of them."""

    @property
    def counts(self) -> dict[str, int]:
        """How many rows each table gets."""
        kept = [candidate for one in self.recommendations for candidate in one.candidates]
        trained = self.predictor
        return {
            "performance_predictions": len(self.predictions) + len(kept),
            "performance_measurements": len(self.measurements),
            "recommendation_history": len(self.recommendations),
            "hardware_model_mappings": len(kept),
            "feedback_events": sum(answer is not None for answer in self.answers),
            "prediction_models": int(trained is not None),
            "feature_importance": len(trained.importances) if trained else 0,
        }


def check_may_mix(store: Store | None, *, into_real: bool) -> None:
    """Raise InvalidInputError where real rows are in the database, unless `into_real`."""
    if store is not None and not into_real and samples.has_real_rows(store):
        raise InvalidInputError(
            f"'{store.path}' has real rows",
            hint="use a file of its own ('--db try.duckdb'), or '--into-real'",
        )


def make_up(plan: SamplePlan, *, now: datetime) -> SampleData:
    """Return the rows that `plan` asks for, the newest of them at `now`."""
    engine = load_engine(None)
    generator = np.random.default_rng(plan.seed)
    models = _models(plan.models, generator)
    devices = engine.resolve_devices(_DEVICES)
    levels = np.exp(generator.normal(0.0, _DEVICE_SPREAD, len(devices)))
    level_by_device = {
        one.device.name: float(level) for one, level in zip(devices, levels, strict=True)
    }
    times = _times(plan.models * plan.measurements, now)
    predictions = _predictions(engine, models, devices, plan.measurements, times)
    measurements = [
        _measurement(prediction, level_by_device, plan.noise, generator)
        for prediction in predictions
    ]
    recommendations = [_recommendation(engine, model, devices, now) for model in models]
    return SampleData(
        predictions=tuple(predictions),
        measurements=tuple(measurements),
        recommendations=tuple(recommendations),
        answers=tuple(_answer(generator) for _ in recommendations),
        predictor=_predictor(engine, measurements, plan, now),
    )


def store_samples(store: Store, data: SampleData, *, now: datetime) -> None:
    """Store made-up rows, all or none of them."""
    with store.transaction():
        insert_predictions(store, data.predictions, user=None)
        platforms = {
            one.hardware.device.name: one.hardware.device.platform.value for one in data.predictions
        }
        record_measurements(store, data.measurements, now=now, platform_by_device=platforms)
        for one, answer in zip(data.recommendations, data.answers, strict=True):
            store_recommendation(store, one, is_sample=True)
            if answer is not None:
                record_feedback(
                    store, str(one.recommendation_id), accepted=answer,
                    comment=_COMMENTS[answer], now=now,
                )  # fmt: skip
        if data.predictor is not None:
            save(store, data.predictor)


def clear(store: Store) -> pl.DataFrame:
    """Delete every sample row; returns the counts from before by table, sample and real."""
    return samples.clear_samples(store)


def status(store: Store) -> pl.DataFrame:
    """Return how many sample and real rows each table has."""
    return samples.sample_counts(store)


def _models(count: int, generator: np.random.Generator) -> list[str]:
    others = [
        entry.name
        for entry in list_models()
        if entry.parameters < _LARGEST_PARAMETERS
        and entry.name not in _MODELS
        and (entry.is_text or entry.is_vision)
    ]
    most = len(_MODELS) + len(others)
    if count > most:
        raise InvalidInputError(f"there are only {most} models to make rows of, got {count}")
    chosen = generator.permutation(len(others))
    return [*_MODELS, *(others[index] for index in chosen)][:count]


def _times(count: int, now: datetime) -> list[datetime]:
    step = timedelta(days=DAYS) / count
    return [now - step * (count - index) for index in range(count)]


def _predictions(
    engine: Engine,
    models: Sequence[str],
    devices: Sequence[ResolvedDevice],
    count: int,
    times: Sequence[datetime],
) -> list[Prediction]:
    pairs = [pair for model in models for pair in _pairs(model, devices, count)]
    made = []
    for answer, time in zip(engine.predict_many(pairs), times, strict=True):
        if not isinstance(answer, Prediction):
            raise answer
        ready = stamped([answer], now=time, make_id=lambda at=time: new_id(IdKind.PREDICTION, at))  # type: ignore[misc]
        made.append(replace(ready[0], is_sample=True))
    return made


def _pairs(
    model: str, devices: Sequence[ResolvedDevice], count: int
) -> Iterator[tuple[Workload, ResolvedDevice]]:
    """Yield `count` workloads on devices; beyond one round they are repeats."""
    for index in range(count):
        hardware = devices[index % len(devices)]
        batch_size = _BATCH_SIZES[index // len(devices) % len(_BATCH_SIZES)]
        yield _workload(model, hardware, batch_size), hardware


def _workload(model: str, hardware: ResolvedDevice, batch_size: int) -> Workload:
    has_fp16 = Precision.FP16 in hardware.device.peak_flops_per_s
    precision = Precision.FP16 if has_fp16 else Precision.FP32
    return Workload(model=model, batch_size=batch_size, precision=precision)


def _measurement(
    prediction: Prediction,
    level_by_device: dict[str, float],
    noise: float,
    generator: np.random.Generator,
) -> Measurement:
    if prediction.latency_ms is None or prediction.created_at is None:
        raise InvalidInputError(f"{prediction.workload.model} does not fit on a sample device")
    of_latency, of_rate, of_memory = generator.normal(0.0, (noise, _SMALL_SPREAD, _SMALL_SPREAD))
    device = prediction.hardware.device.name
    latency = prediction.latency_ms.value * level_by_device[device] * math.exp(of_latency)
    return Measurement(
        workload=prediction.workload,
        device=device,
        hardware_platform=prediction.hardware.requested,
        measured_at=prediction.created_at,
        latency_ms=latency,
        throughput_per_s=throughput_per_s(prediction.workload, latency) * math.exp(of_rate),
        throughput_unit=prediction.throughput_unit,
        memory_bytes=prediction.memory_bytes.value * math.exp(of_memory),
        runs=100,
        source=SOURCE,
        note="made up",
        is_sample=True,
        measurement_id=new_id(IdKind.MEASUREMENT, prediction.created_at),
        prediction_id=prediction.prediction_id,
    )


def _recommendation(
    engine: Engine, model: str, devices: Sequence[ResolvedDevice], now: datetime
) -> Recommendation:
    found = recommend(
        engine,
        Workload(model=model, batch_size=_RECOMMENDED_BATCH_SIZE),
        devices,
        objective=Objective.BALANCED,
        limits=Limits(),
        inputs=RankingInputs(prices={}, rejections={}),
    )
    ready = stamped_recommendation(
        found,
        recommendation_id=new_id(IdKind.RECOMMENDATION, now),
        now=now,
        user=None,
        make_prediction_id=lambda: new_id(IdKind.PREDICTION, now),
    )
    candidates = tuple(
        replace(one, prediction=replace(one.prediction, is_sample=True)) for one in ready.candidates
    )
    return replace(ready, candidates=candidates)


def _answer(generator: np.random.Generator) -> bool | None:
    """Return yes in half of the cases, no in a quarter, and nothing in the others."""
    drawn = float(generator.random())
    return None if drawn < 0.25 else drawn < 0.75


def _predictor(
    engine: Engine, measurements: Sequence[Measurement], plan: SamplePlan, now: datetime
) -> Prepared | None:
    rows = [
        measurement_row(one, str(one.measurement_id), one.measured_at, None) for one in measurements
    ]
    frame = pl.DataFrame(rows, schema=MEASUREMENT_SCHEMA)
    training = TrainingPlan(metric=TrainedMetric.LATENCY, seed=plan.seed)
    try:
        trained = train(gather(frame, engine.devices), training)
    except TooFewRowsError:
        return None
    # never in force: made-up rows must not answer for real ones
    return prepare_trained(
        replace(trained, is_sample=True),
        model_id=new_id(IdKind.MODEL, now),
        now=now,
        activate=False,
    )
