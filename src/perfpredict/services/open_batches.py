"""Rows that give a throughput but no batch size, read at the batch where throughput saturates.

An offline or server benchmark reports what a device delivers when it is kept busy. Such a row is
scored at the smallest batch (a power of two, at most MAX_BATCH) whose doubling would gain less
than MIN_GAIN by the roofline sum, or would not fit. Several devices of an inference run work as
copies of the model, each on as many of them as make the most of a device (one, where the model
fits it well); those of a training run share the batch. A row that is then faster than the matrix
products alone would be at the device's peak rate has been misread, and is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import ModelEntry, WorkloadProfile, find_model, profile
from perfpredict.domain.device import Device
from perfpredict.domain.metrics import throughput_per_s
from perfpredict.domain.workload import Mode, Workload
from perfpredict.errors import PerfpredictError, UnknownModelError
from perfpredict.importers.raw import PROBLEM
from perfpredict.importers.rows import OPEN_BATCH
from perfpredict.importers.shapes import add_derived, fill_defaults, work
from perfpredict.importers.table import MeasurementRows
from perfpredict.models.memory import memory_use, usable_bytes
from perfpredict.models.op_arrays import CLASS_CODES, MATRIX_CLASSES, pack
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate_rows import IS_ASSUMED, workload_of

MAX_BATCH = 2048
"""The largest that published submissions of such benchmarks configure for one device."""
MIN_GAIN = 0.03
"""Gain of throughput from a doubled batch below which it counts as saturated."""

UNKNOWN_MODEL = "unknown model"
IMPOSSIBLE = "faster than the device's peak rate, so its batch, devices or unit are not as read"

_SHAPE = (
    "model_name", "model_family", "sequence_length", "image_size", "input_tokens",
    "output_tokens", "precision", "quantization", "mode", "phase", "framework", "is_compiled",
    "memory_format", "device_count", "concurrency",
)  # fmt: skip
_CHOSEN: dict[str, pl.DataType] = {
    "chosen_batch": pl.Int64(),
    "chosen_devices": pl.Int64(),
    "fastest_ms": pl.Float64(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """At which batch a row without one is read."""

    batch_size: int
    """Of all the devices together that one copy of the model runs on."""
    device_count: int
    """Devices that one copy of the model runs on."""
    fastest_ms: float
    """What the matrix products of that batch take at peak rate; nothing can be faster."""


def with_assumed_batches(engine: Engine, rows: MeasurementRows) -> MeasurementRows:
    """Return the rows with those that lack only a batch size among the good ones, marked.

    Rows that give a latency keep their reason: without a batch it says nothing.
    """
    rows = replace(rows, good=rows.good.with_columns(pl.lit(value=False).alias(IS_ASSUMED)))
    if rows.refused.is_empty():
        return rows
    is_rate = (
        (pl.col(PROBLEM) == OPEN_BATCH)
        & pl.col("throughput_per_s").is_not_null()
        & pl.col("latency_ms").is_null()
    ).fill_null(value=False)
    is_unknown = is_rate & ~pl.col("is_known_model")
    told = rows.refused.with_columns(
        pl.when(is_unknown).then(pl.lit(UNKNOWN_MODEL)).otherwise(PROBLEM).alias(PROBLEM)
    )
    open_rows = told.filter(is_rate)
    if open_rows.is_empty():
        return replace(rows, refused=told)
    assumed = _assumed(engine, fill_defaults(open_rows.drop(PROBLEM)))
    is_impossible = pl.col(PROBLEM).is_not_null()
    good = assumed.filter(~is_impossible).drop(PROBLEM)
    refused = [told.filter(~is_rate), assumed.filter(is_impossible)]
    return replace(
        rows,
        good=pl.concat([rows.good, good], how="diagonal_relaxed"),
        refused=pl.concat(refused, how="diagonal_relaxed"),
    )


class Saturation:
    """Finds where rows are read; profiles are built once for all the devices."""

    def __init__(self, predictor: RooflinePredictor) -> None:
        self._predictor = predictor
        self._profiles: dict[Workload, WorkloadProfile] = {}

    def read(self, workload: Workload, device: Device, entry: ModelEntry) -> Saturated:
        """Return the batch and the devices at which `workload` on `device` is read."""
        if workload.mode is Mode.TRAINING:
            alone = replace(workload, device_count=1)
            share = self._first_flat(self._fitting(alone, device, entry))
            whole = share.batch_size * workload.device_count
            return self._at(replace(workload, batch_size=whole), device, entry)
        found = [
            self._first_flat(cases)
            for devices in self._copy_sizes(workload, device, entry)
            if (cases := self._fitting(replace(workload, device_count=devices), device, entry))
        ]
        if not found:
            return self._at(workload, device, entry)
        best = max(found, key=lambda one: one.rate_per_device)
        copy = replace(workload, batch_size=best.batch_size, device_count=best.device_count)
        return self._at(copy, device, entry)

    def _at(self, workload: Workload, device: Device, entry: ModelEntry) -> Saturated:
        arrays = pack([self._case(workload, device, entry)])
        is_product = np.isin(arrays.class_code, [CLASS_CODES[one] for one in MATRIX_CLASSES])
        seconds = arrays.compute_s * arrays.count * arrays.repeats[arrays.pass_index]
        return Saturated(
            batch_size=workload.batch_size,
            device_count=workload.device_count,
            fastest_ms=float(seconds[is_product].sum()) * 1e3,
        )

    def _copy_sizes(self, workload: Workload, device: Device, entry: ModelEntry) -> list[int]:
        """Return on how many devices one copy may run so that the copies share them evenly.

        Only a model whose layers can be split gains from more than one.
        """
        passes = self._case(workload, device, entry).profile.passes
        most = workload.device_count if any(one.syncs for _, one in passes) else 1
        return [size for size in range(1, most + 1) if workload.device_count % size == 0]

    def _fitting(self, workload: Workload, device: Device, entry: ModelEntry) -> list[Case]:
        """Return the cases of doubling batches that fit; none where not even one sample does."""
        cases: list[Case] = []
        batch = 1
        while batch <= MAX_BATCH:
            case = self._case(replace(workload, batch_size=batch), device, entry)
            # at once: a batch that runs in waves gains nothing over one wave
            if memory_use(case).total > usable_bytes(case):
                break
            cases.append(case)
            batch *= 2
        return cases

    def _first_flat(self, cases: Sequence[Case]) -> "_Flat":
        """Return the first batch whose doubling gains too little, the largest if none does."""
        if not cases:
            return _Flat(1, 1, 0.0)
        rates = [
            throughput_per_s(case.workload, float(seconds) * 1e3)
            for case, seconds in zip(cases, self._predictor.breakdown(cases).latency_s, strict=True)
        ]
        gains = [after / before - 1.0 for before, after in pairwise(rates)]
        place = next((n for n, gain in enumerate(gains) if gain < MIN_GAIN), len(gains))
        workload = cases[place].workload
        devices = workload.device_count
        return _Flat(workload.batch_size, devices, rates[place] / devices)

    def _case(self, workload: Workload, device: Device, entry: ModelEntry) -> Case:
        sized, _ = with_defaults(workload, entry)
        found = self._profiles.get(sized)
        if found is None:
            found = self._profiles[sized] = profile(entry, sized)
        return Case(workload=sized, device=device, profile=found)


@dataclass(frozen=True, slots=True)
class _Flat:
    batch_size: int
    device_count: int
    rate_per_device: float


def _assumed(engine: Engine, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of one copy of the model at its saturated batch, with their keys."""
    asked = frame.select(*_SHAPE, "device").unique(maintain_order=True)
    saturation = Saturation(engine.fallback)
    chosen = [_chosen(engine, saturation, row) for row in asked.iter_rows(named=True)]
    table = pl.DataFrame(chosen, schema=_CHOSEN, orient="row")
    lookup = pl.concat([asked, table], how="horizontal")
    keys = [*_SHAPE, "device"]
    joined = frame.join(lookup, on=keys, how="left", nulls_equal=True, maintain_order="left")
    share = pl.col("chosen_devices") / pl.col("device_count")
    ours = joined.with_columns(
        pl.col("throughput_per_s") * share,
        pl.col("chosen_batch").alias("batch_size"),
        pl.col("chosen_devices").alias("device_count"),
        # what the real batch took says nothing of the assumed one
        pl.lit(None, dtype=pl.Float64).alias("memory_bytes"),
    )
    is_impossible = work() / pl.col("throughput_per_s") * 1e3 < pl.col("fastest_ms")
    return (
        add_derived(ours)
        .with_columns(pl.lit(value=True).alias(IS_ASSUMED))
        .with_columns(pl.when(is_impossible).then(pl.lit(IMPOSSIBLE)).alias(PROBLEM))
        .drop(_CHOSEN)
    )


# Any: a row of a frame whose types the importer has checked
def _chosen(
    engine: Engine, saturation: Saturation, row: Mapping[str, Any]
) -> tuple[int, int, float]:
    try:
        device = engine.devices.find(row["device"])
        found = saturation.read(_sized_by_one(row), device, find_model(row["model_name"]))
    except PerfpredictError as error:
        if isinstance(error, UnknownModelError):
            raise
        # the same error is the reason that the evaluation then gives
        return 1, row["device_count"], 0.0
    return found.batch_size, found.device_count, found.fastest_ms


# Any: a row of a frame whose types the importer has checked
def _sized_by_one(row: Mapping[str, Any]) -> Workload:
    """Return the workload of a row at the batch where the search begins; all versions alike."""
    return workload_of({**row, "batch_size": 1, "framework_version": None})
