"""A database of predictions and later measurements of them, off by a known factor."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perfpredict.domain.measurement import Measurement
from perfpredict.domain.metrics import throughput_per_s
from perfpredict.domain.prediction import Estimate, Interval
from perfpredict.domain.workload import Workload
from perfpredict.services.opening import ROOFLINE, load_engine
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurements
from perfpredict.store.predictions import insert_predictions

START = datetime(2026, 10, 1, tzinfo=UTC)
DEVICES = ("nvidia-l4", "nvidia-a10")
MODELS = ("resnet50", "bert-base-uncased", "resnet18")


def make_pairs(path, *, span=timedelta(days=40), batch_sizes=(1, 2, 3, 4, 8, 16, 32, 64)):
    """Write a pair for each model, device and batch size; measured 1.3 times as slow, ± 10 %."""
    engine = load_engine(None, predictor=ROOFLINE)
    hardware = engine.resolve_devices(DEVICES)
    pairs = [
        (Workload(model=model, batch_size=size), device)
        for model in MODELS
        for size in batch_sizes
        for device in hardware
    ]
    answers = [found for found in engine.predict_many(pairs) if found.fits]
    predictions, measurements = [], []
    for place, found in enumerate(answers):
        at = START + span * place / (len(answers) - 1)
        predictions.append(_stored(found, at - timedelta(hours=1)))
        latency_ms = found.latency_ms.value * (1.3 + 0.1 * (place % 5 - 2) / 2)
        measurements.append(
            Measurement(
                workload=found.workload,
                device=found.hardware.device.name,
                hardware_platform="cuda",
                measured_at=at,
                latency_ms=latency_ms,
                throughput_per_s=throughput_per_s(found.workload, latency_ms),
                prediction_id=predictions[-1].prediction_id,
            )
        )
    with Store.open(path, Access.WRITE) as store:
        insert_predictions(store, predictions, user=None)
        record_measurements(store, measurements)


def _stored(found, at):
    """Return the prediction under an id, with intervals that end at 1.5 times the value."""
    return replace(
        found,
        prediction_id=new_id(IdKind.PREDICTION, at),
        created_at=at,
        latency_ms=_between(found.latency_ms.value),
        throughput_per_s=_between(found.throughput_per_s.value),
    )


def _between(value):
    interval = Interval(lower=value / 1.5, upper=value * 1.5, coverage=0.9)
    return Estimate(value=value, interval=interval)
