"""From stored measurements to cases that can be learned from: repeats merged, misfits left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry, profile
from perfpredict.domain.measurement import CONTENDED, DOES_NOT_FIT
from perfpredict.domain.metrics import throughput_unit, work_per_batch
from perfpredict.domain.workload import Workload
from perfpredict.errors import PerfpredictError
from perfpredict.models.memory import fits
from perfpredict.models.observations import Observations, Target
from perfpredict.models.predictor import Case
from perfpredict.services.model_source import known_model
from perfpredict.store.workload_columns import workload_from_row

USABLE_RATIO = 2.0
"""Rows whose throughput x latency is off the work per batch by more than this are left out."""


class Split(StrEnum):
    """Which rows are siblings, so that none of them is both learned from and scored."""

    MODEL = "model"
    CONFIG = "config"
    TIME = "time"
    """The newest configurations are held out; folds for the intervals are by model."""
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredConfig:
    """One workload on one device with the medians of its repeats."""

    case: Case
    latency_ms: float | None
    memory_bytes: float | None
    measured_at: datetime
    """Newest of the repeats."""
    measurement_ids: tuple[str, ...]
    is_sample: bool

    def value(self, target: Target) -> float | None:
        """Return what was measured, in ms or bytes."""
        return self.latency_ms if target is Target.LATENCY else self.memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """Configurations to learn from, oldest first, and how many rows were left out and why."""

    configs: tuple[MeasuredConfig, ...]
    row_count: int
    """Measurements behind the configurations."""
    left_out: Mapping[str, int]
    """Reason to number of measurements."""

    def with_value(self, target: Target) -> tuple[MeasuredConfig, ...]:
        """Return the configurations of which `target` was measured."""
        return tuple(config for config in self.configs if config.value(target))


def gather(
    measurements: pl.DataFrame, catalog: DeviceCatalog, *, takes_contended: bool = False
) -> TrainingRows:
    """Return what can be learned from `measurements`, a frame as the store lists them.

    Runs that waited for cores are learned from only where `takes_contended`.
    """
    left_out: Counter[str] = Counter()
    usable = _usable(measurements, left_out, takes_contended=takes_contended)
    configs = []
    known = _Known(catalog)
    for row in _merged(usable).iter_rows(named=True):
        found = known.config(row)
        if isinstance(found, str):
            left_out[found] += len(row["measurement_ids"])
        else:
            configs.append(found)
    configs.sort(key=lambda config: (config.measured_at, config.measurement_ids))
    return TrainingRows(
        configs=tuple(configs),
        row_count=sum(len(config.measurement_ids) for config in configs),
        left_out=dict(left_out),
    )


def observations(configs: Sequence[MeasuredConfig], target: Target, split: Split) -> Observations:
    """Return the configurations of which `target` was measured, grouped as `split` says."""
    kept = [(config, value) for config in configs if (value := config.value(target))]
    return Observations(
        target=target,
        cases=tuple(config.case for config, _ in kept),
        measured=np.array([value for _, value in kept], dtype=np.float64),
        groups=tuple(group_of(config, split) for config, _ in kept),
    )


def group_of(config: MeasuredConfig, split: Split) -> str:
    """Return the group of siblings that `config` belongs to."""
    workload = config.case.workload
    if split in {Split.MODEL, Split.TIME}:
        return workload.model
    if split is Split.CONFIG:
        # neighbouring batch sizes stay on one side
        return f"{workload.model}/{workload.precision}/{config.case.device.name}/{_size(workload)}"
    return f"{workload.key}/{config.case.device.name}"


def _size(workload: Workload) -> str:
    return f"{workload.sequence_length}/{workload.image_size}/{workload.output_tokens}"


def _usable(
    measurements: pl.DataFrame, left_out: Counter[str], *, takes_contended: bool
) -> pl.DataFrame:
    """Return the rows that are closed-loop, agree with themselves and tell of the model alone."""
    is_open = pl.col("load") != "closed"
    ratio = pl.col("consistency").fill_null(1.0)
    contradicts = (ratio > USABLE_RATIO) | (ratio < 1 / USABLE_RATIO)
    note = pl.col("note").fill_null("")
    is_contended = note.str.split(", ").list.contains(CONTENDED) & (not takes_contended)
    marked = measurements.with_columns(
        pl.when(is_open)
        .then(pl.lit("open load"))
        .when(contradicts)
        .then(pl.lit("throughput contradicts latency"))
        .when(note.str.starts_with(DOES_NOT_FIT))
        .then(pl.lit("did not fit, so its memory is a lower bound"))
        .when(is_contended)
        .then(pl.lit("contended run (--include-contended takes it)"))
        .alias("why_not")
    )
    counts = marked.filter(pl.col("why_not").is_not_null()).group_by("why_not").len()
    left_out.update({str(reason): int(count) for reason, count in counts.iter_rows()})
    return marked.filter(pl.col("why_not").is_null())


def _merged(measurements: pl.DataFrame) -> pl.DataFrame:
    """Return one row per workload, version and device, with the median of its repeats."""
    keys = ["workload_key", "framework_version", "device", "throughput_unit", "is_sample"]
    merged = {"measurement_id", "latency_ms", "throughput_per_s", "memory_bytes", "measured_at"}
    others = [name for name in measurements.columns if name not in {*keys, *merged}]
    return (
        measurements.sort("measured_at", "measurement_id")
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("latency_ms", "throughput_per_s", "memory_bytes").median(),
            pl.col("measured_at").max(),
            pl.col("measurement_id").alias("measurement_ids"),
            pl.col(others).first(),
        )
    )


class _Known:
    """Looks up each model and device once."""

    def __init__(self, catalog: DeviceCatalog) -> None:
        self._catalog = catalog
        self._models: dict[str, ModelEntry | str] = {}

    def config(self, row: Mapping[str, object]) -> MeasuredConfig | str:
        """Return the configuration in `row`, or why it cannot be learned from."""
        workload = workload_from_row(row)
        model = self._model(workload.model)
        if isinstance(model, str):
            return model
        try:
            device = self._catalog.find(str(row["device"]))
        except PerfpredictError:
            return "unknown device"
        try:
            filled, _ = with_defaults(workload, model)
            case = Case(workload=filled, device=device, profile=profile(model, filled))
        except PerfpredictError:
            return "workload without a profile"
        if not fits(case):
            return "does not fit by our reckoning"
        ids = row["measurement_ids"]
        measured_at = row["measured_at"]
        assert isinstance(ids, list)
        assert isinstance(measured_at, datetime)
        return MeasuredConfig(
            case=case,
            latency_ms=_latency_ms(row, workload),
            memory_bytes=_number(row["memory_bytes"]),
            measured_at=measured_at,
            measurement_ids=tuple(str(one) for one in ids),
            is_sample=bool(row["is_sample"]),
        )

    def _model(self, name: str) -> ModelEntry | str:
        if name not in self._models:
            try:
                self._models[name] = known_model(name)
            except PerfpredictError:
                self._models[name] = "unknown model"
        return self._models[name]


def _latency_ms(row: Mapping[str, object], workload: Workload) -> float | None:
    """Return the latency, from the throughput (closed loop) where it was not measured itself."""
    latency_ms = _number(row["latency_ms"])
    if latency_ms is not None:
        return latency_ms
    throughput = _number(row["throughput_per_s"])
    if throughput is None or row["throughput_unit"] != throughput_unit(workload).value:
        return None
    return work_per_batch(workload) / throughput * 1e3


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
