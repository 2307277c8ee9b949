"""What published benchmark suites say of their samples, and tidied rows leave out.

Each fact names its source. A fact is filled in only where a row is silent, and is told in a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from perfpredict.importers.raw import PROBLEM

MLPERF = "mlperf-inference"
"""What the names of MLPerf's inference rounds begin with."""
LAMBDA = "lambda"

_SUFFIXES = r"(-edge|-interactive)?(-99\.9|-99)?$"
"""Accuracy targets and editions of a benchmark, which change neither model nor samples."""
_CONFIG_BATCH = r"config batch (\d+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample of a benchmark; lengths are means over its data set."""

    source: str
    length: int | None = None
    """Tokens, frames or pairs that a sample is computed with, padding included."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    items: float | None = None
    """How many of the units that its throughput counts make one sample."""
    refused: str | None = None
    """Why its rows cannot be read, where that is so."""


_LLAMA2 = (
    "mlcommons/inference#1594: 294.45 tokens an answer; the prompts of its OpenOrca subset, at "
    "most 1,024 tokens, are taken to be as long"
)
_MIXTRAL = (
    "mlcommons/inference language/mixtral-8x7b: 144.84 tokens an answer; prompts of OpenOrca, "
    "GSM8K and MBXP, taken to be as long as OpenOrca's"
)
_DEEPSEEK = (
    "mlcommons/inference language/deepseek-r1: 3,886.2 tokens an answer, beside which the prompts "
    "are short; taken to be of 800 tokens"
)
_GPTJ = (
    "mlcommons/inference language/gpt-j: CNN/DailyMail, answers of 4,016,878 letters in 13,368, "
    "which are 69 tokens each"
)
_LLAMA3 = (
    "mlcommons/inference language/llama3.1-8b: CNN/DailyMail, answers cut at 128 tokens, which "
    "8,167,644 letters in 13,368 show that nearly all reach"
)
_LONGEST = (
    "mlcommons/inference language/llama3.1-405b: 684.68 tokens an answer; "
    "mlcommons.org/2025/04/llm-inference-v5: prompts of about 9,400"
)
_PACKING = "Krell et al. 2021, arXiv:2107.02027: SQuAD 1.1 padded to 384 packs 2.2 to 1"
_SPEECH = "LibriSpeech dev-clean: 5.4 h in 2,703 clips, in frames of 30 ms"
_PAIRS = "MLPerf rules: a sample has 100 to 700 pairs, 270 in the mean"
_EXAMPLES = "NVIDIA's PyTorch examples, as Lambda's scripts call them"

MLPERF_SAMPLES: Mapping[str, Sample] = {
    "bert": Sample(source=_PACKING, length=175),
    "gptj": Sample(source=_GPTJ, input_tokens=778, output_tokens=69),
    "llama2-70b": Sample(source=_LLAMA2, input_tokens=294, output_tokens=294),
    "llama3.1-8b": Sample(source=_LLAMA3, input_tokens=778, output_tokens=128),
    "llama3.1-405b": Sample(source=_LONGEST, input_tokens=9_400, output_tokens=685),
    "mixtral-8x7b": Sample(source=_MIXTRAL, input_tokens=294, output_tokens=145),
    "deepseek-r1": Sample(source=_DEEPSEEK, input_tokens=800, output_tokens=3886),
    "rnnt": Sample(source=_SPEECH, length=240),
    "dlrm": Sample(source=_PAIRS, length=270),
    "dlrm-v2": Sample(source=_PAIRS, length=270),
    "3d-unet": Sample(
        source="MLPerf, KiTS 2019: whole scans of unlike sizes",
        refused="a sample is a whole scan, and how many windows it has is not stated",
    ),
}  # fmt: skip
"""By benchmark name without its accuracy target."""

LAMBDA_SAMPLES: Mapping[str, Sample] = {
    "bert_base_squad": Sample(source=_EXAMPLES, length=384),
    "bert_large_squad": Sample(source=_EXAMPLES, length=384),
    # tokens of both languages without padding; buckets of ten lengths pad them by about a tenth
    "gnmt": Sample(source=_EXAMPLES + "; tokens of both languages", length=28, items=50.0),
    # 6.57 s at 22,050 / 256 frames/s a clip; the longest of a large batch has about 850
    "tacotron2": Sample(source=_EXAMPLES + "; LJSpeech, mel frames", length=850, items=566.0),
    "waveglow": Sample(source=_EXAMPLES + "; segments of sound samples", length=8000, items=8000.0),
}

WHOLE_BATCH_MODELS = ("maskrcnn",)
"""Models whose batch size in Lambda's scripts is that of all devices (SOLVER.IMS_PER_BATCH).

The others give it per device, which the file bears out: the batch beside a throughput of n devices
is the same as beside that of one.
"""
ONE_DEVICE_RATES = ("SSD",)
"""Models whose early scripts report the throughput of one device of several."""


def with_benchmark_facts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return text columns of the published file with what its suites say of their samples."""
    return _with_lambda_batches(_with_samples(frame))


def _with_samples(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill lengths and tokens, count throughput in samples, refuse what has no known sample."""
    is_mlperf = pl.col("source").str.starts_with(MLPERF)
    name = pl.col("model_name").str.to_lowercase().str.replace(_SUFFIXES, "")
    key = (
        pl.when(is_mlperf).then(pl.concat_str(pl.lit(MLPERF + "/"), name))
        .when(pl.col("source") == LAMBDA).then(pl.concat_str(pl.lit(LAMBDA + "/"), "model_name"))
    )  # fmt: skip
    facts = frame.select(key.alias("_key")).join(
        _sample_table(), on="_key", how="left", maintain_order="left"
    )
    frame = frame.hstack(facts.drop("_key"))
    outputs = pl.col("_output_tokens")
    items = pl.coalesce("_items", pl.when(_counts_samples()).then(1.0 / outputs))
    throughput = pl.col("throughput").cast(pl.Float64, strict=False)
    unit = pl.when(outputs.is_not_null()).then(pl.lit("tokens/s")).otherwise(pl.lit("samples/s"))
    return frame.with_columns(
        pl.coalesce("sequence_length", pl.col("_length").cast(pl.String)).alias("sequence_length"),
        pl.coalesce("input_tokens", pl.col("_input_tokens").cast(pl.String)).alias("input_tokens"),
        pl.coalesce("output_tokens", outputs.cast(pl.String)).alias("output_tokens"),
        pl.when(items.is_not_null()).then((throughput / items).cast(pl.String))
        .otherwise("throughput").alias("throughput"),
        pl.when(items.is_not_null() | outputs.is_not_null()).then(unit)
        .otherwise("throughput_unit").alias("throughput_unit"),
        outputs.is_not_null().alias("_is_generated"),
        pl.coalesce("_length", "_output_tokens").is_not_null().alias("_has_known_sample"),
        pl.coalesce(PROBLEM, "_refused").alias(PROBLEM),
    ).drop(facts.drop("_key").columns)  # fmt: skip


def _counts_samples() -> pl.Expr:
    """Rows of generation counted in answers; those called Interactive count tokens all the same.

    MLPerf's rules count tokens in that scenario, and as answers they were beyond any device.
    """
    is_interactive = pl.col("note").str.contains("Interactive").fill_null(value=False)
    return (pl.col("throughput_unit") == "samples/s") & ~is_interactive


def _sample_table() -> pl.DataFrame:
    rows = [
        (f"{suite}/{name}", one.length, one.input_tokens, one.output_tokens, one.items, one.refused)
        for suite, samples in ((MLPERF, MLPERF_SAMPLES), (LAMBDA, LAMBDA_SAMPLES))
        for name, one in samples.items()
    ]
    schema = {
        "_key": pl.String, "_length": pl.Int64, "_input_tokens": pl.Int64,
        "_output_tokens": pl.Int64, "_items": pl.Float64, "_refused": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _with_lambda_batches(frame: pl.DataFrame) -> pl.DataFrame:
    """Read the batch that only a note gives, per device or whole as the model's script has it."""
    devices = pl.col("device_count").cast(pl.Float64, strict=False).fill_null(1.0)
    given = pl.col("note").str.extract(_CONFIG_BATCH).cast(pl.Float64)
    is_noted = (
        (pl.col("source") == LAMBDA) & pl.col("batch_size").is_null() & given.is_not_null()
    ).fill_null(value=False)
    copies = pl.when(pl.col("model_name").is_in(WHOLE_BATCH_MODELS)).then(1.0).otherwise(devices)
    throughput = pl.col("throughput").cast(pl.Float64, strict=False)
    return frame.with_columns(
        pl.when(is_noted).then((given * copies).cast(pl.String)).otherwise("batch_size")
        .alias("batch_size"),
        pl.when(is_noted & pl.col("model_name").is_in(ONE_DEVICE_RATES))
        .then((throughput * devices).cast(pl.String)).otherwise("throughput").alias("throughput"),
    )  # fmt: skip
