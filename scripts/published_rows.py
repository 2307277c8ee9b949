"""Turns rows of the published measurements file into cases; shared by the fitting scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry, find_model, profile
from perfpredict.domain.device import Device
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import PerfpredictError
from perfpredict.importers.precision import parse_precision
from perfpredict.models.predictor import Case

PHASES = {"prefill": Phase.PREFILL, "decode": Phase.DECODE, "serving": Phase.GENERATE}
USABLE_LICENCES = ("Apache-2.0", "BSD", "MIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One published latency with the case that predicts it."""

    case: Case
    latency_ms: float
    source: str
    architecture: str


def licensed_rows(path: Path) -> pl.DataFrame:
    """Return the rows whose licence is stated and whose quality is not suspect."""
    is_licensed = pl.any_horizontal(
        pl.col("licence").str.starts_with(licence) for licence in USABLE_LICENCES
    )
    return pl.read_parquet(path).filter(is_licensed, pl.col("quality") == "ok")


def published_rows(frame: pl.DataFrame) -> Iterator[PublishedRow]:
    """Yield the rows that state a batch size, a precision and a latency of a known model."""
    models: dict[str, ModelEntry | None] = {}
    devices: dict[str, Device] = {}
    profiles: dict[Workload, Any] = {}
    catalog = DeviceCatalog()
    for row in frame.iter_rows(named=True):
        latency_ms = row["latency_ms"] or _derived_latency_ms(row)
        name = row["model_name"]
        if name not in models:
            models[name] = _known(name)
        entry = models[name]
        if entry is None or latency_ms is None or row["batch_size"] is None:
            continue
        try:
            workload, _ = with_defaults(_workload(row), entry)
            if workload not in profiles:
                profiles[workload] = profile(entry, workload)
        except PerfpredictError:
            continue
        device = devices.setdefault(row["hardware_id"], catalog.find(row["hardware_id"]))
        case = Case(workload=workload, device=device, profile=profiles[workload])
        yield PublishedRow(
            case=case,
            latency_ms=latency_ms,
            source=row["source"],
            architecture=row["model_arch"] or row["model_family"],
        )


def _derived_latency_ms(row: dict[str, Any]) -> float | None:
    if row["batch_size"] is None or row["throughput_unit"] != "samples/s":
        return None
    return float(row["batch_size"] / row["throughput"] * 1e3)


def _known(name: str) -> ModelEntry | None:
    try:
        return find_model(name)
    except PerfpredictError:
        return None


def _workload(row: dict[str, Any]) -> Workload:
    precision, quantization = parse_precision(row["precision"] or "")
    phase = PHASES.get(row["mode"])
    return Workload(
        model=row["model_name"],
        batch_size=round(row["batch_size"]),
        image_size=row["image_size"],
        input_tokens=row["input_tokens"] or None,
        output_tokens=row["output_tokens"] if phase is not Phase.PREFILL else None,
        precision=precision,
        quantization=quantization,
        mode=Mode.TRAINING if row["mode"] == "training" else Mode.INFERENCE,
        phase=phase,
        framework=parse_framework(row["framework"]) if row["framework"] else None,
        is_compiled=row["compile"] not in (None, "eager"),
        memory_format=row["memory_format"],
        device_count=row["device_count"] or 1,
    )
