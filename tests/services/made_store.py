"""A database with measurements that are the roofline times a known factor and noise."""

from datetime import UTC, datetime, timedelta

import numpy as np

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.measurement import Measurement
from perfpredict.domain.workload import Workload
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import record_measurements

START = datetime(2026, 1, 1, tzinfo=UTC)
MODELS = (
    "bert-base-uncased", "bert-large-uncased", "bert-tiny", "bert-mini", "bert-small",
    "gpt2", "gpt2-medium", "gpt2-large", "distilgpt2", "scibert",
)  # fmt: skip


def made_measurements(
    models=MODELS, *, batch_sizes=(1, 2, 4, 8), factor=1.7, noise=0.05, seed=0, has_memory=False,
    device="nvidia-rtx-4090", **changes,
):  # fmt: skip
    """Return one measurement for each model and batch size, an hour apart."""
    chosen = DeviceCatalog().find(device)
    generator = np.random.default_rng(seed)
    made = []
    for name in models:
        model = find_model(name)
        for batch_size in batch_sizes:
            workload = Workload(
                model=model.name, family=model.family, batch_size=batch_size, sequence_length=128
            )
            case = Case(workload=workload, device=chosen, profile=profile(model, workload))
            prior = RooflinePredictor().predict([case], 0.9)[0]
            latency_ms = prior.latency_ms.value * factor * np.exp(generator.normal(0, noise))
            facts = {
                "workload": workload,
                "device": chosen.name,
                "hardware_platform": "cuda",
                "measured_at": START + timedelta(hours=len(made)),
                "latency_ms": float(latency_ms),
                "memory_bytes": prior.memory_bytes.value * 1.3 if has_memory else None,
            }
            made.append(Measurement(**facts | changes))
    return made


def make_store(path, measurements):
    """Write a database at `path` that holds `measurements`."""
    with Store.open(path, Access.WRITE) as store:
        record_measurements(store, measurements)
    return path
