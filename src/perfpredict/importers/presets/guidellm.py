"""guidellm's `benchmarks.json`: one benchmark a rate; latency is in seconds, its parts in ms."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.serving import DEFINITION, middle_of_answer
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import group, number, text, times, whole

_S_TO_MS = 1e3
_OPEN = {"constant", "poisson", "throughput", "trace"}
_PARTS = ("time_to_first_token_ms", "inter_token_latency_ms", "time_per_output_token_ms")


def recognises(file: ForeignFile) -> bool:
    """Return whether it is a report of guidellm, which holds a list of benchmarks."""
    benchmarks = file.first.get("benchmarks")
    if not isinstance(benchmarks, list) or "metadata" not in file.first:
        return False
    return "guidellm_version" in group(file.first, "metadata") or any(
        "successful" in group(one, "metrics", "request_latency")
        for one in benchmarks[:1]
        if isinstance(one, dict)
    )


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of every benchmark of the report."""
    for report in file.documents():
        said = report.values
        config = group(said, "config", "spec") or group(said, "config") or group(said, "args")
        known = Row(
            line=report.line, model=text(config, "backend", "model") or text(config, "model")
        )
        version = text(said, "metadata", "guidellm_version")

        def make(
            line: int, one: Json, known: Row = known, version: str | None = version
        ) -> Iterator[Row]:
            return _rows(replace(known, line=line), one, version)

        yield from translate(file.children(report, "benchmarks"), make)


def _rows(known: Row, one: Json, version: str | None) -> Iterator[Row]:
    metrics = group(one, "metrics")
    count = whole(metrics, "request_latency", "successful", "count")
    if count == 0:
        raise InvalidInputError("request_latency: no request was successful")
    strategy = group(one, "config", "strategy") or group(one, "args", "strategy")
    row = replace(
        known,
        model=text(one, "config", "backend", "model") or known.model,
        phase="generate",
        input_tokens=_tokens(metrics, "prompt_token_count"),
        output_tokens=_tokens(metrics, "output_token_count"),
        throughput=number(metrics, "output_tokens_per_second", "successful", "mean"),
        throughput_unit="tokens/s",
        runs=count,
        measured_at=_time(number(one, "start_time")),
        environment=_facts(metrics, strategy, version),
    )
    row = _with_load(_with_latency(row, metrics, "request_latency", _S_TO_MS), metrics, strategy)
    yield row
    if row.batch_size == 1 and row.load == "closed":
        yield from _alone(row, metrics)


def _with_load(row: Row, metrics: Json, strategy: Json) -> Row:
    """Closed where a number of requests is kept in flight; else the mean number counts."""
    kind = text(strategy, "type_") or text(strategy, "type")
    if kind == "synchronous":
        return replace(row, batch_size=1, load="closed")
    kept = whole(strategy, "streams") or whole(strategy, "max_concurrency")
    if kind == "concurrent" and kept:
        return replace(row, batch_size=kept, load="closed")
    if kind not in _OPEN:
        raise InvalidInputError(f"strategy: no strategy named '{kind}' is known")
    in_flight = number(metrics, "request_concurrency", "successful", "mean")
    batch = None if in_flight is None else max(round(in_flight), 1)
    note = "batch size is the mean number of requests in flight"
    return replace(row, batch_size=batch, load="open", note=note)


def _alone(row: Row, metrics: Json) -> Iterator[Row]:
    """Yield prefill and decode of a request that runs alone.

    `time_per_output_token_ms` counts the first token in; the time between tokens does not.
    """
    bare = replace(row, throughput=None, throughput_unit=None, output_tokens=None)
    length = middle_of_answer(row.input_tokens, row.output_tokens)
    steps = {
        "time_to_first_token_ms": replace(bare, phase="prefill"),
        "inter_token_latency_ms": replace(
            bare, phase="decode", input_tokens=None, sequence_length=length
        ),
    }
    for name, step in steps.items():
        timed = _with_latency(step, metrics, name, 1.0)
        if timed.latency_ms is not None:
            yield timed


def _with_latency(row: Row, metrics: Json, name: str, factor: float) -> Row:
    found = group(metrics, name, "successful")
    return replace(
        row,
        latency_ms=times(number(found, "median"), factor),
        latency_p90_ms=times(number(found, "percentiles", "p90"), factor),
        latency_p99_ms=times(number(found, "percentiles", "p99"), factor),
    )


def _tokens(metrics: Json, name: str) -> int | None:
    mean = number(metrics, name, "successful", "mean")
    return None if not mean else max(round(mean), 1)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _facts(metrics: Json, strategy: Json, version: str | None) -> str:
    medians = {f"median_{name}": number(metrics, name, "successful", "median") for name in _PARTS}
    return environment(
        tool="guidellm", tool_version=version, definition=DEFINITION,
        strategy=text(strategy, "type_"), rate=number(strategy, "rate"), **medians,
    )  # fmt: skip
