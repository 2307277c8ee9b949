"""llama.cpp's `llama-bench`, in each of its output formats.

One record is a prompt (prefill), a generation (decode) or both. `n_batch` and `n_ubatch` are
tokens computed at a time and no batch: one sequence runs.
"""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets import gguf, llama_tables
from perfpredict.importers.presets.foreign import ForeignFile, Json, Record
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import number, numbers, quantile, text, times, whole

_MARKS = {"n_prompt", "n_gen", "avg_ts", "model_type"}
_MS_PER_NS = 1e-6
_KEPT = ("backends", "cpu_info", "gpu_info", "n_gpu_layers", "n_threads", "n_batch", "n_ubatch",
         "type_k", "type_v", "flash_attn", "split_mode", "tensor_split", "build_commit",
         "model_filename", "model_type", "stddev_ts")  # fmt: skip


def recognises(file: ForeignFile) -> bool:
    """Return whether the file is JSON, JSON lines, CSV, SQL or Markdown of llama-bench."""
    is_named = set(file.first) >= _MARKS or file.header >= _MARKS
    return is_named or llama_tables.is_sql(file) or llama_tables.is_markdown(file)


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield one row a test."""
    yield from translate(_records(file), _rows)


def _records(file: ForeignFile) -> Iterator[Record]:
    if file.is_json:
        return file.documents()
    if llama_tables.is_sql(file):
        return llama_tables.sql_records(file)
    if llama_tables.is_markdown(file):
        return llama_tables.markdown_records(file)
    return file.rows()


def _rows(line: int, test: Json) -> Iterator[Row]:
    device, count = _devices(test)
    build = text(test, "build_number")
    known = Row(
        line=line,
        model=gguf.model_name(text(test, "model_filename"), text(test, "model_type")),
        hardware=device,
        device_count=count,
        batch_size=1,
        precision=gguf.weight_format(text(test, "model_type")),
        framework="llama.cpp",
        framework_version=f"b{build}" if build else None,
        measured_at=text(test, "test_time"),
        environment=environment(
            tool="llama-bench",
            definition="one sequence; decode is the mean step of the generated tokens",
            **{name: text(test, name) for name in _KEPT},
        ),
    )
    yield _measured(_shaped(known, test), test)


def _shaped(row: Row, test: Json) -> Row:
    """Return the row with its phase and tokens, of which `n_depth` are in the cache before."""
    prompt, generated = whole(test, "n_prompt") or 0, whole(test, "n_gen") or 0
    depth = whole(test, "n_depth") or 0
    if prompt and depth:
        raise InvalidInputError(
            f"n_depth: {prompt} prompt tokens after {depth} others are no prefill of their own"
        )
    if prompt and generated:
        return replace(row, phase="generate", input_tokens=prompt, output_tokens=generated)
    if prompt:
        return replace(row, phase="prefill", input_tokens=prompt)
    if not generated:
        raise InvalidInputError("n_prompt, n_gen: no token was computed")
    return replace(row, phase="decode", sequence_length=depth + max(generated // 2, 1))


def _measured(row: Row, test: Json) -> Row:
    """Return the row with latency and rate; a decode step is a part of what was timed."""
    prompt, generated = whole(test, "n_prompt") or 0, whole(test, "n_gen") or 0
    scale = _MS_PER_NS / generated if row.phase == "decode" else _MS_PER_NS
    samples = [sample * scale for sample in numbers(test, "samples_ns")]
    rate = number(test, "avg_ts")
    if row.phase == "generate":
        rate = times(rate, generated / (prompt + generated))  # theirs counts the prompt too
    return replace(
        row,
        latency_ms=median(samples) if samples else times(number(test, "avg_ns"), scale),
        latency_p90_ms=quantile(samples, 90),
        latency_p99_ms=quantile(samples, 99),
        throughput=rate,
        throughput_unit="tokens/s",
        runs=len(samples) or None,
    )


def _devices(test: Json) -> tuple[str | None, int]:
    """Return device and number: the GPUs where layers are on them, else the CPU.

    Raises InvalidInputError for GPUs of several types, which are no device of the catalog.
    """
    names = [name.strip() for name in (text(test, "gpu_info") or "").split(",") if name.strip()]
    if not names or number(test, "n_gpu_layers") == 0:
        return text(test, "cpu_info"), 1
    if len(set(names)) > 1 and text(test, "split_mode") != "none":
        raise InvalidInputError(f"gpu_info: unlike devices share the model ({', '.join(names)})")
    return names[0], 1 if text(test, "split_mode") == "none" else len(names)
