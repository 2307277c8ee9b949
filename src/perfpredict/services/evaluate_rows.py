"""The rows that an evaluation scores: what was measured, what is predicted, or why it is not."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.metrics import Metric
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Estimate, Prediction
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.errors import PerfpredictError, UnknownModelError
from perfpredict.importers.raw import PROBLEM
from perfpredict.importers.shapes import work
from perfpredict.importers.table import MeasurementRows
from perfpredict.services.engine import Engine

ACTUAL = "actual"
IS_ASSUMED = "is_batch_assumed"
"""Whether the row states no batch size and is read at one that was chosen for it."""
LATENCY = "latency_actual_ms"
REASON = "reason"
"""Why a row is not answered, null where it is."""

_DOES_NOT_FIT = "does not fit"
_PAIR = ("workload_key", "framework_version", "device")
_WORKLOAD = (
    "model_name", "model_family", "batch_size", "sequence_length", "image_size", "input_tokens",
    "output_tokens", "precision", "quantization", "mode", "phase", "framework",
    "framework_version", "is_compiled", "memory_format", "device_count", "concurrency",
)  # fmt: skip
_KEPT = (*_WORKLOAD, "model_arch", "is_known_model", "device", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFilter:
    """Which rows are scored; all given conditions hold together, globs and case aside."""

    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    """Canonical names."""
    sources: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    mode: Mode | None = None
    phase: Phase | None = None


def scored_rows(rows: MeasurementRows, metric: Metric, row_filter: ScoredFilter) -> pl.DataFrame:
    """Return the rows that fit the filter with ACTUAL, and REASON where they cannot be scored.

    They are rows that have been through `with_assumed_batches`.
    """
    actual = _actual(metric)
    reason = (
        pl.when(pl.col("load") == "open").then(pl.lit("measured under open-loop load"))
        .when(actual.is_null()).then(pl.lit(f"no {metric} in the row"))
    )  # fmt: skip
    good = rows.good.select(
        *_KEPT,
        "workload_key",
        IS_ASSUMED,
        actual.alias(ACTUAL),
        _actual(Metric.LATENCY).alias(LATENCY),
        reason.alias(REASON),
    )
    refused = rows.refused.select(
        *(name for name in _KEPT if name in rows.refused.columns),
        _plain(pl.col(PROBLEM)).alias(REASON),
    )
    both = pl.concat([good, refused], how="diagonal_relaxed")
    return both.filter(_condition(both, row_filter))


def split_calibration(
    engine: Engine, scored: pl.DataFrame, count: int, seed: int
) -> tuple[list[tuple[Workload, ResolvedDevice, float]], pl.DataFrame]:
    """Return `count` random rows of each device as the predictor takes them, and the others.

    Only rows with a latency, of models that the predictor knows, are given; those that state no
    batch size only where too few others are there: at an assumed one they mislead the others.
    """
    numbered = scored.with_row_index("_place")
    usable = numbered.filter(
        pl.col(REASON).is_null() & pl.col("is_known_model") & pl.col(LATENCY).is_not_null()
    )
    shuffled = usable.with_columns(
        pl.int_range(pl.len()).shuffle(seed=seed).over("device").alias("_order")
    )
    chosen = shuffled.filter(
        pl.struct(IS_ASSUMED, "_order").rank("ordinal").over("device") <= count
    )
    given = [
        (workload_of(row), _device(engine, row["device"]), float(row[LATENCY]))
        for row in chosen.iter_rows(named=True)
    ]
    rest = numbered.join(chosen.select("_place"), on="_place", how="anti", maintain_order="left")
    return given, rest.drop("_place")


def predicted_pairs(
    engine: Engine, scored: pl.DataFrame, metric: Metric, level: float
) -> pl.DataFrame:
    """Return the rows with predicted, lower and upper, and REASON where there is no answer.

    Every distinct workload is predicted once a version on every device, however many rows it has.
    """
    asked = scored.filter(pl.col(REASON).is_null())
    distinct = asked.unique(_PAIR, maintain_order=True)
    told = engine.predict_many(pairs_of(engine, distinct), level=level)
    answers = [_answer(one, metric) for one in told]
    schema = {"predicted": pl.Float64, "lower": pl.Float64, "upper": pl.Float64, "why": pl.String}
    found = pl.concat(
        [distinct.select(_PAIR), pl.DataFrame(answers, schema=schema, orient="row")],
        how="horizontal",
    )
    joined = scored.join(found, on=_PAIR, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.coalesce(REASON, "why").alias(REASON))


def pairs_of(engine: Engine, rows: pl.DataFrame) -> list[tuple[Workload, ResolvedDevice]]:
    """Return workload and device of each row, in order."""
    known = {name: _device(engine, name) for name in rows["device"].unique()}
    return [(workload_of(row), known[row["device"]]) for row in rows.iter_rows(named=True)]


def _actual(metric: Metric) -> pl.Expr:
    """Return what was measured; latency and throughput follow from each other in a closed loop."""
    if metric is Metric.MEMORY:
        return pl.when(pl.col("memory_bytes") > 0).then(pl.col("memory_bytes"))
    unit = pl.when(pl.col("phase").is_null()).then(pl.lit("samples/s"))
    is_ours = pl.col("throughput_unit") == unit.otherwise(pl.lit("tokens/s"))
    throughput = pl.when(is_ours).then(pl.col("throughput_per_s"))
    if metric is Metric.LATENCY:
        return pl.coalesce("latency_ms", work() / throughput * 1e3)
    return pl.coalesce(throughput, work() / pl.col("latency_ms") * 1e3)


def _answer(
    answer: Prediction | PerfpredictError, metric: Metric
) -> tuple[float | None, float | None, float | None, str | None]:
    if isinstance(answer, UnknownModelError):
        return None, None, None, "unknown model"
    if isinstance(answer, PerfpredictError):
        return None, None, None, pl.select(_plain(pl.lit(answer.message))).item()
    estimate: Estimate | None = answer.estimate(metric)
    if estimate is None:
        return None, None, None, _DOES_NOT_FIT
    return estimate.value, estimate.interval.lower, estimate.interval.upper, None


def _plain(message: pl.Expr) -> pl.Expr:
    """Return a message without the values in it, so that equal reasons count together."""
    without_values = message.str.replace_all(r" \(.*$|,? got .*$", "")
    without_names = without_values.str.replace_all(r"\s*'[^']*'", "").str.strip_chars(" :,")
    return without_names.str.replace(": is missing", " is missing", literal=True)


def _condition(frame: pl.DataFrame, row_filter: ScoredFilter) -> pl.Expr:
    choices = {
        "model_family": row_filter.families,
        "device": row_filter.devices,
        "source": row_filter.sources,
        "precision": row_filter.precisions,
        "framework": row_filter.frameworks,
        "mode": (row_filter.mode.value,) if row_filter.mode else (),
        "phase": (row_filter.phase.value,) if row_filter.phase else (),
    }
    conditions = [
        pl.col(column).is_in(values).fill_null(value=False)
        for column, values in choices.items()
        if values
    ]
    if row_filter.models:
        names = frame["model_name"].drop_nulls().unique().to_list()
        conditions.append(
            pl.col("model_name").is_in(_fitting(names, row_filter.models)).fill_null(value=False)
        )
    return pl.all_horizontal(conditions) if conditions else pl.lit(value=True)


def _fitting(names: Sequence[str], globs: Sequence[str]) -> list[str]:
    return [
        name
        for name in names
        if any(fnmatch.fnmatchcase(name.casefold(), glob.casefold()) for glob in globs)
    ]


def _device(engine: Engine, name: str) -> ResolvedDevice:
    return ResolvedDevice(requested=name, device=engine.devices.find(name), how="name")


# Any: a row of a frame whose types the importer has checked
def workload_of(row: Mapping[str, Any]) -> Workload:
    """Return the workload that the columns of a read row spell out."""
    return Workload(
        model=row["model_name"],
        family=row["model_family"],
        batch_size=row["batch_size"],
        sequence_length=row["sequence_length"],
        image_size=row["image_size"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        precision=Precision(row["precision"]),
        quantization=row["quantization"],
        mode=Mode(row["mode"]),
        phase=Phase(row["phase"]) if row["phase"] else None,
        framework=row["framework"],
        framework_version=row["framework_version"],
        is_compiled=row["is_compiled"],
        memory_format=row["memory_format"],
        device_count=row["device_count"],
        concurrency=row["concurrency"],
    )
