"""vLLM's `bench serve`, `bench latency` and `bench throughput`, as their JSON results have them."""

from collections.abc import Iterator
from datetime import datetime

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.serving import serving_rows
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import (
    as_number,
    group,
    number,
    numbers,
    text,
    times,
    whole,
)

_SERVE = {"output_throughput", "mean_ttft_ms", "completed", "model_id"}
_LATENCY = {"avg_latency", "latencies", "percentiles"}
_THROUGHPUT = {"elapsed_time", "num_requests", "tokens_per_second"}
_BACKENDS = {"openai": None, "openai-chat": None, "openai-audio": None, "openai-embeddings": None}
"""Protocols that many servers speak; they do not say which one answered."""
_DATE = "%Y%m%d-%H%M%S"
_S_TO_MS = 1e3


def recognises(file: ForeignFile) -> bool:
    """Return whether the keys are those of one of the three benchmarks."""
    keys = set(file.first)
    return any(keys >= marks for marks in (_SERVE, _LATENCY, _THROUGHPUT))


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of one result, or of one a line."""
    yield from translate(file.documents(), _rows)


def _rows(line: int, run: Json) -> Iterator[Row]:
    if run.keys() >= _LATENCY:
        yield _latency(line, run)
    elif run.keys() >= _THROUGHPUT:
        yield _throughput(line, run)
    elif "output_throughput" in run:
        yield from serving_rows(run, _known(line, run), tool="vllm bench serve", latency="e2el")
    else:
        raise InvalidInputError("no result of vllm bench serve, latency or throughput")


def _known(line: int, run: Json) -> Row:
    """Return what the run says of itself; `--metadata` adds keys such as tp, gpu and dtype."""
    backend = text(run, "backend") or text(run, "endpoint_type")
    return Row(
        line=line,
        model=text(run, "model_id"),
        hardware=text(run, "gpu") or text(run, "hardware"),
        precision=text(run, "dtype") or text(run, "precision"),
        quantization=text(run, "quantization"),
        framework=_BACKENDS.get(backend, backend) if backend else None,
        framework_version=text(run, "version"),
        device_count=whole(run, "tp") or whole(run, "tensor_parallel_size"),
        measured_at=_date(text(run, "date")),
    )


def _date(stamp: str | None) -> str | None:
    """Return the local time that `20261103-141500` writes as ISO; other texts as they are."""
    if stamp is None:
        return None
    try:
        return datetime.strptime(stamp, _DATE).isoformat()
    except ValueError:
        return stamp


def _latency(line: int, run: Json) -> Row:
    """Return the row of `bench latency`, whose times are seconds for a whole batch."""
    percentiles = {
        percent: times(number(group(run, "percentiles"), percent), _S_TO_MS)
        for percent in ("50", "90", "99")
    }
    samples = numbers(run, "latencies")
    return Row(
        line=line, phase="generate", framework="vllm", runs=len(samples) or None, load="closed",
        latency_ms=percentiles["50"], latency_p90_ms=percentiles["90"],
        latency_p99_ms=percentiles["99"],
        environment=environment(
            tool="vllm bench latency", definition="whole batch, prompt and answer, offline",
            mean_latency_s=number(run, "avg_latency"),
        ),
    )  # fmt: skip


def _throughput(line: int, run: Json) -> Row:
    """Return the row of `bench throughput`, in whose tokens/s those of the prompts are counted.

    Requests per second are what it says without doubt; all of them are handed over at once.
    """
    requests = as_number("num_requests", run.get("num_requests"))
    return Row(
        line=line, phase="generate", framework="vllm", batch_size=int(requests), load="closed",
        throughput=number(run, "requests_per_second"), throughput_unit="samples/s",
        environment=environment(
            tool="vllm bench throughput",
            definition="offline; requests per second; all requests at once are the batch",
            tokens_per_second_with_prompts=number(run, "tokens_per_second"),
            elapsed_s=number(run, "elapsed_time"),
        ),
    )  # fmt: skip
