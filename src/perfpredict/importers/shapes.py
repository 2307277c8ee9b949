"""Brings rows to the catalog's defaults and derives what equal rows are known by."""

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import find_model
from perfpredict.domain.measurement import CONSISTENT_RATIO
from perfpredict.domain.workload import Phase, Workload
from perfpredict.importers.fields import BATCHES

_SHAPE = (
    "model_name", "is_known_model", "phase", "sequence_length", "image_size", "input_tokens",
    "output_tokens",
)  # fmt: skip
_SHAPE_SCHEMA: dict[str, pl.DataType] = {
    "new_phase": pl.String(), "new_sequence_length": pl.Int64(), "new_image_size": pl.Int64(),
    "new_input_tokens": pl.Int64(), "new_output_tokens": pl.Int64(),
}  # fmt: skip

KEY_COLUMNS = (
    "model_name", "batch_size", "sequence_length", "image_size", "input_tokens", "output_tokens",
    "precision", "quantization", "mode", "phase", "framework", "is_compiled", "memory_format",
    "device_count", "concurrency",
)  # fmt: skip
"""The parts of `Workload.key`, in its order."""

_KEY_SEPARATOR = "\x1f"
_VALUES = (
    "latency_ms", "latency_p90_ms", "latency_p99_ms", "throughput_per_s", "throughput_unit",
    "memory_bytes", "runs",
)  # fmt: skip
_FACTOR_SHARE = 0.99
"""Share of rows that must show the same factor before a unit is doubted."""
_FACTOR_ROWS = 5


def fill_defaults(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with what the catalog fills in for open shapes, as predictions have it.

    Models that the catalog does not know stay as they are.
    """
    shapes = frame.select(_SHAPE).unique()
    rows = [(*row.values(), *_filled(row)) for row in shapes.iter_rows(named=True)]
    lookup = pl.DataFrame(rows, schema={**shapes.schema, **_SHAPE_SCHEMA}, orient="row")
    filled = frame.select(_SHAPE).join(
        lookup, on=_SHAPE, how="left", nulls_equal=True, maintain_order="left"
    )
    # only the shape is joined: a join of all columns would copy them
    return frame.with_columns(
        filled[name].alias(name.removeprefix("new_")) for name in _SHAPE_SCHEMA
    )


def add_derived(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with workload key, throughput in its unit and the consistency ratio."""
    by_phase = (
        pl.when(pl.col("phase").is_null()).then(pl.lit("samples/s")).otherwise(pl.lit("tokens/s"))
    )
    is_batches = pl.col("unit").eq_missing(pl.lit(BATCHES))
    stated = pl.when(~is_batches).then(pl.col("unit"))
    frame = frame.with_columns(
        pl.when(is_batches)
        .then(pl.col("throughput_per_s") * work())
        .otherwise(pl.col("throughput_per_s"))
        .alias("throughput_per_s"),
        pl.coalesce(stated, by_phase).alias("throughput_unit"),
    )
    ratio = pl.col("throughput_per_s") * pl.col("latency_ms") / 1e3 / work()
    is_same_work = pl.col("throughput_unit") == by_phase
    return frame.with_columns(
        pl.when(is_same_work & ratio.is_finite() & (ratio > 0)).then(ratio).alias("consistency"),
        _hashed(frame, [_key_text(name) for name in KEY_COLUMNS]).alias("workload_key"),
    )


def add_import_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a key that is equal when the same row is imported again.

    Rows without a time that are equal in everything are repeats and told apart by their place
    among each other; with a time they are the same row.
    """
    values = [_key_text(name) for name in _VALUES]
    moment = pl.col("measured_at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6f").fill_null("")
    same = [pl.col("workload_key"), pl.col("device"), pl.col("source"), moment, *values]
    text = pl.concat_str(same, separator=_KEY_SEPARATOR)
    counted = frame.with_columns(text.alias("_same"))
    place = pl.when(pl.col("measured_at").is_null()).then(
        pl.int_range(pl.len()).over("_same").cast(pl.String)
    )
    keyed = counted.with_columns(place.fill_null("").alias("_place"))
    keys = _hashed(keyed, [pl.col("_same"), pl.col("_place")])
    return keyed.with_columns(keys.alias("import_key")).drop("_same", "_place")


def work() -> pl.Expr:
    """Return samples or tokens that one batch completes, as `work_per_batch` counts them."""
    prompt = pl.coalesce("input_tokens", "sequence_length", pl.lit(1))
    per_sample = (
        pl.when(pl.col("phase") == Phase.PREFILL.value).then(prompt)
        .when(pl.col("phase") == Phase.GENERATE.value).then(pl.col("output_tokens").fill_null(1))
        .otherwise(1)
    )  # fmt: skip
    return pl.col("batch_size").cast(pl.Float64) * pl.col("concurrency") * per_sample


def doubt_units(frame: pl.DataFrame) -> str | None:
    """Return which unit is probably wrong where nearly all rows contradict alike, else None."""
    ratios = frame["consistency"].drop_nulls() if "consistency" in frame.columns else pl.Series()
    if ratios.len() < _FACTOR_ROWS:
        return None
    causes = {
        1e-3: "latency seems to be in seconds (--unit latency=s)",
        1e3: "latency seems to be in microseconds (--unit latency=us)",
    }
    for factor, cause in causes.items():
        share = (ratios / factor).is_between(*CONSISTENT_RATIO).mean()
        if isinstance(share, float) and share >= _FACTOR_SHARE:
            return (
                f"in {share:.0%} of {ratios.len():,} rows throughput x latency is {factor:g} "
                f"of the work per batch: {cause}"
            )
    return None


# Any: a row of a frame whose types are those of _SHAPE
def _filled(row: Mapping[str, Any]) -> tuple[str | int | None, ...]:
    workload = Workload(
        model=row["model_name"],
        phase=Phase(row["phase"]) if row["phase"] else None,
        sequence_length=row["sequence_length"],
        image_size=row["image_size"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
    )
    if row["is_known_model"]:
        workload, _ = with_defaults(workload, find_model(workload.model))
    return (
        workload.phase.value if workload.phase else None, workload.sequence_length,
        workload.image_size, workload.input_tokens, workload.output_tokens,
    )  # fmt: skip


def _key_text(name: str) -> pl.Expr:
    if name == "is_compiled":
        return pl.when(pl.col(name)).then(pl.lit("True")).otherwise(pl.lit("False"))
    return pl.col(name).cast(pl.String).fill_null("")


def _hashed(frame: pl.DataFrame, parts: list[pl.Expr]) -> pl.Series:
    """Return 32 hex digits for the joined `parts` of each row, as `Workload.key` has them."""
    texts = frame.select(pl.concat_str(parts, separator=_KEY_SEPARATOR).alias("_text"))
    distinct = texts.unique()
    keys = [
        hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in distinct["_text"]
    ]
    lookup = distinct.with_columns(pl.Series("_key", keys, dtype=pl.String))
    return texts.join(lookup, on="_text", how="left", maintain_order="left")["_key"]
