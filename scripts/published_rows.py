"""Turns rows of the published measurements file into cases; shared by the fitting scripts.

The rows are read by the importer and completed as an evaluation completes them, so that a fit
learns from the same workloads that are scored.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import WorkloadProfile, find_model, profile
from perfpredict.domain.metrics import Metric
from perfpredict.domain.workload import Workload
from perfpredict.errors import PerfpredictError
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.parquet import read_parquet
from perfpredict.importers.sources import SourceFile
from perfpredict.importers.table import understand
from perfpredict.models.predictor import Case
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate_rows import (
    LATENCY,
    REASON,
    ScoredFilter,
    pairs_of,
    scored_rows,
)
from perfpredict.services.open_batches import with_assumed_batches
from perfpredict.services.opening import load_engine

USABLE_LICENCES = ("Apache-2.0", "BSD", "MIT")
READ_AT = datetime(2100, 1, 1, tzinfo=UTC)
"""Time of rows without one; later than any row, and the same in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One published latency with the case that predicts it."""

    case: Case
    latency_ms: float
    source: str
    architecture: str
    is_batch_stated: bool = True
    """Whether the file gives the batch size; one that was assumed must not be fitted."""


def licensed_rows(path: Path) -> pl.DataFrame:
    """Return the rows whose licence is stated and whose quality is not suspect."""
    is_licensed = pl.any_horizontal(
        pl.col("licence").str.starts_with(licence) for licence in USABLE_LICENCES
    )
    return pl.read_parquet(path).filter(is_licensed, pl.col("quality") == "ok")


def expressible_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose set-up a workload can say; from the others a fit learns nonsense.

    Left out are KV caches of a precision of their own, layers split over the devices of a server
    one after another (pipelines), and prompts that llama.cpp read token by token (`n_batch` 1):
    each runs as the same workload would not.
    """
    has_own_cache = (pl.col("kv_precision") != "fp16") & (
        pl.col("kv_precision") != pl.col("precision")
    )
    is_pipeline = (
        (pl.col("source") == "argonne-llm-bench")
        & ~pl.col("variant").str.contains("^(Tensor|TP)")
        & (pl.col("device_count") > 1)
    )
    is_odd = [has_own_cache, is_pipeline, pl.col("n_batch") == 1]
    return frame.filter(*(~odd.fill_null(value=False) for odd in is_odd))


def published_rows(frame: pl.DataFrame) -> Iterator[PublishedRow]:
    """Yield the rows that an evaluation scores, in the order of the file; open batches last."""
    engine = load_engine(None, predictor="roofline", is_calibrated=False)
    scored = _scored(engine, frame)
    profiles: dict[Workload, WorkloadProfile] = {}
    pairs = pairs_of(engine, scored)
    for (asked, hardware), row in zip(pairs, scored.iter_rows(named=True), strict=True):
        entry = find_model(asked.model)
        try:
            workload, _ = with_defaults(asked, entry)
            shape = replace(workload, framework_version=None)
            if shape not in profiles:
                profiles[shape] = profile(entry, shape)
        except PerfpredictError:
            continue
        yield PublishedRow(
            case=Case(workload=workload, device=hardware.device, profile=profiles[shape]),
            latency_ms=row[LATENCY],
            source=row["source"],
            architecture=row["model_arch"] or row["model_family"],
            is_batch_stated=row[_STATED],
        )


_STATED = "is_batch_stated"


def _scored(engine: Engine, frame: pl.DataFrame) -> pl.DataFrame:
    options = ReadOptions(resolve_device=engine.devices.resolve, now=READ_AT)
    data = io.BytesIO()
    frame.write_parquet(data)
    file = SourceFile(name="published", sha256="", table=read_parquet("published", data.getvalue()))
    stated = understand([file], options)
    rows = with_assumed_batches(engine, stated)
    scored = scored_rows(rows, Metric.LATENCY, ScoredFilter())
    # the good rows of `stated` come first in those of `rows`, and those in what is scored
    marked = scored.with_columns((pl.int_range(pl.len()) < stated.good.height).alias(_STATED))
    return marked.filter(pl.col(REASON).is_null() & pl.col("is_known_model"))
