"""Published rows that state memory, and `timm` runs that filled a card, as cases."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import ModelEntry, WorkloadProfile, find_model, profile
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import PerfpredictError
from perfpredict.importers.precision import parse_precision
from perfpredict.models.predictor import Case

PHASES = {"prefill": Phase.PREFILL, "decode": Phase.DECODE, "serving": Phase.GENERATE}
MEBIBYTE = 2**20
MEGABYTE = 1e6
DRIVER_KIND = "nvidia-smi"
"""Memory kinds that begin so are readings of the driver, in MiB, context included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One published run on one device."""

    case: Case
    source: str
    scheme: str
    """Precision as published, e.g. `int4_bnb`."""
    memory_bytes: float | None
    has_context: bool
    """The reading includes the driver's context."""
    is_speed_suspect: bool
    """The row's speed contradicts its siblings; its memory is usable all the same."""


def memory_rows(path: Path, *, is_stated: bool = False) -> Iterator[MemoryRow]:
    """Yield the rows of known models on one device whose batch and precision are stated.

    With `is_stated` only those that state memory.
    """
    catalog = DeviceCatalog()
    frame = pl.read_parquet(path).filter(pl.col("device_count").fill_null(1) == 1)
    is_timm_gpu = (pl.col("source") == "timm") & (pl.col("hardware_kind") == "gpu")
    fills_card = is_timm_gpu & (pl.col("quality") == "ok") & (not is_stated)
    usable = pl.col("batch_size").is_not_null() & (pl.col("memory_mb").is_not_null() | fills_card)
    # a contradicting speed says nothing against the memory, except in training
    kept = (pl.col("quality") == "ok") | (pl.col("mode") != "training")
    for row in frame.filter(usable & kept).iter_rows(named=True):
        try:
            case = _case(row, catalog)
        except PerfpredictError:
            continue
        has_context = str(row["memory_kind"]).startswith(DRIVER_KIND)
        unit = MEBIBYTE if has_context else MEGABYTE
        yield MemoryRow(
            case=case,
            source=row["source"],
            scheme=row["precision"],
            memory_bytes=None if row["memory_mb"] is None else row["memory_mb"] * unit,
            has_context=has_context,
            is_speed_suspect=row["quality"] != "ok",
        )


def _case(row: dict[str, Any], catalog: DeviceCatalog) -> Case:
    entry = _entry(row["model_name"], row["model_key"])
    precision, quantization = parse_precision(row["precision"] or "")
    phase = PHASES.get(row["mode"])
    asked = Workload(
        model=entry.name,
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
    )
    workload, _ = with_defaults(asked, entry)
    device = catalog.find(row["hardware_id"])
    return Case(workload=workload, device=device, profile=_profile(entry.name, workload))


@cache
def _entry(name: str, key: str) -> ModelEntry:
    try:
        return find_model(name)
    except PerfpredictError:
        return find_model(key)


@cache
def _profile(name: str, workload: Workload) -> WorkloadProfile:
    return profile(find_model(name), workload)
