"""Made-up rows for the benchmarks: real models and devices, times that mean nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Workload
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import read_measurements
from perfpredict.services.engine import Engine, Pair
from perfpredict.services.importing import import_rows
from perfpredict.services.opening import load_engine
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id, new_ids
from perfpredict.store.predictions import insert_predictions

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = (
    "resnet18", "resnet50", "resnet101", "mobilenetv3_large_100", "vit_small_patch16_224",
    "vit_base_patch16_224", "convnext_tiny", "efficientnet_b0", "densenet121", "regnety_008",
)  # fmt: skip
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
DEVICES = 25


def workloads() -> list[Workload]:
    """Return one workload for each model and batch size."""
    return [Workload(model=model, batch_size=size) for model in MODELS for size in BATCH_SIZES]


def pairs(engine: Engine, count: int) -> list[Pair]:
    """Return `count` pairs of workload and device, all of them different up to 2,000."""
    devices = engine.resolve_devices(["all"])[:DEVICES]
    asked = [(workload, device) for workload in workloads() for device in devices]
    return [asked[place % len(asked)] for place in range(count)]


def store_with_predictions(path: Path) -> None:
    """Write a database in which each pair has a prediction, made before any measurement."""
    engine = load_engine(None)
    found = [one for one in engine.predict_many(pairs(engine, 2000)) if isinstance(one, Prediction)]
    ids = new_ids(IdKind.PREDICTION, NOW, len(found))
    ready = [
        replace(one, prediction_id=made_id, created_at=NOW)
        for one, made_id in zip(found, ids, strict=True)
    ]
    with Store.open(path, Access.WRITE) as store, store.transaction():
        insert_predictions(store, ready, user=None)


def measured(engine: Engine, count: int) -> pl.DataFrame:
    """Return `count` rows as a user's file would have them."""
    asked = pairs(engine, count)
    generator = np.random.default_rng(7)
    moments = [NOW + timedelta(seconds=1 + place) for place in range(count)]
    latency = np.exp(generator.normal(2.0, 1.0, count))
    batch = np.array([workload.batch_size for workload, _ in asked])
    return pl.DataFrame(
        {
            "model": [workload.model for workload, _ in asked],
            "device": [device.device.name for _, device in asked],
            "batch_size": batch,
            "precision": "fp32",
            "latency_ms": latency,
            "throughput_samples_per_s": batch / latency * 1e3,
            "measured_at": pl.Series(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def read_options(catalog: DeviceCatalog) -> ReadOptions:
    """Return how the command reads a file without further options."""
    return ReadOptions(resolve_device=catalog.resolve, now=NOW + timedelta(days=400))


def imported(file: Path, database: Path, options: ReadOptions) -> int:
    """Import `file` as the command does; return how many rows were linked."""
    rows = read_measurements([str(file)], options)
    with Store.open(database, Access.WRITE) as store:
        outcome = import_rows(
            store, rows, import_id=new_id(IdKind.IMPORT, NOW), source="made", link=True,
            predictions=[], user=None, now=options.now,
        )  # fmt: skip
    if rows.bad.height or outcome.imported != rows.read:
        raise RuntimeError(f"{rows.bad.height} bad rows of {rows.read}")
    return outcome.linked
