"""Translates the tidied file of published measurements, whose columns need more than renaming."""

from dataclasses import dataclass

import polars as pl

from perfpredict.catalog.models import find_model
from perfpredict.errors import UnknownModelError
from perfpredict.importers.benchmark_precisions import with_precisions
from perfpredict.importers.benchmarks import with_benchmark_facts
from perfpredict.importers.raw import PLACE_COLUMNS, RawTable

MARKS = frozenset({"hardware_id", "model_key", "latency_kind", "quality", "mode", "precision"})
"""Columns by which the file is known."""

_KEPT_AS_ENVIRONMENT = ("kv_precision", "attention", "kernel", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """The same rows under our field names, and what was done to them."""

    table: RawTable
    suspect_rows: int
    """Rows that contradict themselves or their siblings; left out."""
    notes: tuple[str, ...]


def is_published(table: RawTable) -> bool:
    """Return whether the columns are those of the published measurements."""
    return set(table.columns) >= MARKS


def translate(table: RawTable, *, includes_suspect: bool) -> Translated:
    """Return the rows with our field names; suspect ones are counted and left out unless asked for.

    Throughput that counts input tokens as well (end-to-end rows) is another quantity than ours and
    is left out, as is the memory of one of several devices. What the benchmark suites publish of
    their samples and precisions is filled in where a row is silent, and said in the notes.
    """
    frame = _with_all(table.frame)
    is_suspect = pl.col("quality").eq_missing("suspect")
    suspect_rows = frame.select(is_suspect.sum()).item()
    if not includes_suspect:
        frame = frame.filter(~is_suspect)
    given = frame.with_columns(_counts_inputs().alias("_counts_inputs"))
    frame = with_precisions(with_benchmark_facts(given))
    return Translated(
        table=RawTable(name=table.name, frame=frame.select(*PLACE_COLUMNS, *_fields(frame))),
        suspect_rows=0 if includes_suspect else suspect_rows,
        notes=tuple(_notes(given, frame)),
    )


def _notes(given: pl.DataFrame, frame: pl.DataFrame) -> list[str]:
    """Return what was left out of the rows, and what was read into them."""
    counts = {
        "throughput of {} rows counts input tokens too: left out": frame["_counts_inputs"].sum(),
        "memory of {} rows is that of one of several devices: left out": frame.select(
            _is_partial_memory().sum()
        ).item(),
        "{} rows: tokens, frames or pairs a sample are those of their benchmark": frame.select(
            pl.col("_has_known_sample").sum()
        ).item(),
        "{} rows: batch size is read from the note, per device or whole as the script has it": (
            given["batch_size"].null_count() - frame["batch_size"].null_count()
        ),
        "{} rows: precision is that of published submission code or containers": (
            given["precision"].ne_missing(frame["precision"]).sum()
        ),
    }
    return [text.format(f"{count:,}") for text, count in counts.items() if count]


def _with_all(frame: pl.DataFrame) -> pl.DataFrame:
    used = (
        "model_name", "model_family", "model_arch", "image_size", "device_count", "framework",
        "framework_version", "compile", "memory_format", "batch_size", "sequence_length",
        "input_tokens", "output_tokens", "throughput", "throughput_unit", "latency_ms", "memory_mb",
        "memory_kind", "runs", "date", "source", "note", *_KEPT_AS_ENVIRONMENT,
    )  # fmt: skip
    missing = [name for name in used if name not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)


def _fields(frame: pl.DataFrame) -> list[pl.Expr]:
    kind = pl.col("latency_kind").fill_null("")
    is_p90, is_p99 = kind.str.starts_with("p90"), kind.str.starts_with("p99")
    is_serving = pl.col("mode") == "serving"
    phase = pl.when(pl.col("mode").is_in(["prefill", "decode"])).then(pl.col("mode"))
    has_outputs = (is_serving & pl.col("output_tokens").is_not_null()) | pl.col("_is_generated")
    is_empty_cache = (pl.col("mode") == "decode") & (pl.col("input_tokens") == "0")
    return [
        pl.lit(_model_names(frame)).alias("model"),
        pl.col("hardware_id").alias("hardware"),
        pl.col("model_family").alias("family"),
        pl.col("model_arch").alias("architecture"),
        pl.when(is_serving | phase.is_not_null()).then(pl.lit("inference"))
        .otherwise(pl.col("mode")).alias("mode"),
        pl.when(has_outputs).then(pl.lit("generate")).otherwise(phase).alias("phase"),
        # a cache without any token holds the start token once the first step has run
        pl.when(is_empty_cache).then(pl.lit("1")).otherwise("sequence_length")
        .alias("sequence_length"),
        pl.when(pl.col("input_tokens") != "0").then(pl.col("input_tokens")).alias("input_tokens"),
        *(pl.col(name) for name in (
            "output_tokens", "image_size", "device_count", "framework_version", "memory_format",
            "precision", "batch_size", "runs", "source", "note", "throughput_unit",
        )),
        _framework().alias("framework"),
        pl.col("compile").alias("is_compiled"),
        pl.when(~pl.col("_counts_inputs")).then(pl.col("throughput")).alias("throughput"),
        pl.when(~is_p90 & ~is_p99).then(pl.col("latency_ms")).alias("latency_ms"),
        pl.when(is_p90).then(pl.col("latency_ms")).alias("latency_p90_ms"),
        pl.when(is_p99).then(pl.col("latency_ms")).alias("latency_p99_ms"),
        pl.when(~_is_partial_memory()).then(pl.col("memory_mb")).alias("memory_mb"),
        pl.col("date").alias("measured_at"),
        pl.struct(_KEPT_AS_ENVIRONMENT).struct.json_encode().alias("environment"),
    ]  # fmt: skip


def _framework() -> pl.Expr:
    """TensorRT generates text through TensorRT-LLM (MLPerf's system descriptions say either)."""
    is_llm = (pl.col("framework") == "tensorrt") & pl.col("_is_generated")
    return pl.when(is_llm).then(pl.lit("tensorrt-llm")).otherwise("framework")


def _counts_inputs() -> pl.Expr:
    """End-to-end throughput is (input + output tokens) / time there; ours is output tokens."""
    is_both = (pl.col("mode") == "serving") & (pl.col("throughput_unit") == "tokens/s")
    return (is_both & pl.col("input_tokens").is_not_null()).fill_null(value=False)


def _is_partial_memory() -> pl.Expr:
    is_one_of = pl.col("memory_kind").str.contains("max over GPUs", literal=True)
    is_several = ~pl.col("device_count").is_in(["1", "1.0"])
    return (is_one_of & is_several & pl.col("memory_mb").is_not_null()).fill_null(value=False)


def _model_names(frame: pl.DataFrame) -> pl.Series:
    """Return the published name where the catalog knows it, else the normalised key if that is."""
    pairs = frame.select("model_name", "model_key").unique()
    chosen = [
        key if key and not _is_known(name) and _is_known(key) else name
        for name, key in pairs.iter_rows()
    ]
    lookup = pairs.with_columns(pl.Series("_chosen", chosen, dtype=pl.String))
    joined = frame.select("model_name", "model_key").join(
        lookup, on=["model_name", "model_key"], how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["_chosen"]


def _is_known(name: str | None) -> bool:
    if not name:
        return False
    try:
        find_model(name)
    except UnknownModelError:
        return False
    return True
