"""AIPerf's and genai-perf's exported profiles: metric objects that name their own unit.

The two report different times to the first token for one run, so the tool is kept with the row.
"""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.serving import DEFINITION, middle_of_answer
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import group, items, number, text, times, whole

_MARKS = {"request_throughput", "request_latency", "input_config"}
_AIPERF_MARKS = {"aiperf_version", "schema_version", "benchmark_id", "is_complete", "records"}
_MS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "seconds": 1e3, "us": 1e-3, "ns": 1e-6}
_PER_S = {"tokens/sec": 1.0, "tokens/s": 1.0, "requests/sec": 1.0, "requests/s": 1.0,
          "tokens/min": 1 / 60, "requests/min": 1 / 60}  # fmt: skip
_MS_PER_S = 1e3
_WARMUP = "warmup"
_CONCURRENCY = (
    ("input_config", "loadgen", "concurrency"),
    ("input_config", "perf_analyzer", "stimulus", "concurrency"),
    ("input_config", "concurrency"),
)
_RATE = (
    ("input_config", "loadgen", "request_rate"),
    ("input_config", "perf_analyzer", "stimulus", "request_rate"),
    ("input_config", "request_rate"),
)


def recognises_aiperf(file: ForeignFile) -> bool:
    """Return whether it is a profile of AIPerf."""
    return _is_profile(file.first) and bool(_AIPERF_MARKS & set(file.first))


def recognises_genai_perf(file: ForeignFile) -> bool:
    """Return whether it is a profile of genai-perf, which does not name itself."""
    return _is_profile(file.first) and not _AIPERF_MARKS & set(file.first)


def aiperf_rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of a profile of AIPerf."""
    return translate(file.documents(), lambda line, run: _rows(line, run, "aiperf"))


def genai_perf_rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of a profile of genai-perf."""
    return translate(file.documents(), lambda line, run: _rows(line, run, "genai-perf"))


def _is_profile(run: Json) -> bool:
    return set(_metrics(run)) | set(run) >= _MARKS and "unit" in group(
        _metrics(run), "request_latency"
    )


def _metrics(run: Json) -> Json:
    """Return what holds the metrics: early versions of AIPerf wrapped them."""
    return group(run, "records") or run


def _rows(line: int, run: Json, tool: str) -> Iterator[Row]:
    if text(run, "is_complete") == "false" or text(run, "was_cancelled") == "true":
        raise InvalidInputError("is_complete, was_cancelled: the run did not end by itself")
    metrics = _metrics(run)
    row = Row(
        line=line,
        model=_model(run),
        hardware=_gpu(run),
        phase="generate",
        input_tokens=_tokens(metrics, "input_sequence_length"),
        output_tokens=_tokens(metrics, "output_sequence_length"),
        throughput=_rate(metrics, "output_token_throughput"),
        throughput_unit="tokens/s",
        runs=whole(metrics, "request_count", "avg"),
        measured_at=text(run, "start_time"),
        environment=environment(
            tool=tool, tool_version=text(run, "aiperf_version"), definition=DEFINITION,
            **{f"{name}_{part}_ms": _ms(metrics, name, part)
               for name in ("time_to_first_token", "inter_token_latency")
               for part in ("avg", "p50", "p90", "p99")},
        ),
    )  # fmt: skip
    row = _with_load(_with_latency(row, metrics, "request_latency"), run, metrics)
    yield row
    if row.batch_size == 1 and row.load == "closed":
        yield from _alone(row, metrics)


def _alone(row: Row, metrics: Json) -> Iterator[Row]:
    bare = replace(row, throughput=None, throughput_unit=None, output_tokens=None)
    length = middle_of_answer(row.input_tokens, row.output_tokens)
    step = replace(bare, phase="decode", input_tokens=None, sequence_length=length)
    steps = {
        "time_to_first_token": replace(bare, phase="prefill"),
        "inter_token_latency": step,
    }
    for name, one in steps.items():
        timed = _with_latency(one, metrics, name)
        if timed.latency_ms is not None:
            yield timed


def _with_load(row: Row, run: Json, metrics: Json) -> Row:
    """Closed where a concurrency was asked for; else the mean number in flight counts."""
    kept, paced = _asked(run)
    if kept is not None and paced is None:
        return replace(row, batch_size=kept, load="closed")
    rate, mean = _rate(metrics, "request_throughput"), _ms(metrics, "request_latency", "avg")
    if rate is None or mean is None:
        return replace(row, load="open")
    note = "batch size is the mean number of requests in flight: rate x mean latency"
    return replace(row, batch_size=max(round(rate * mean / _MS_PER_S), 1), load="open", note=note)


def _asked(run: Json) -> tuple[int | None, float | None]:
    """Return the concurrency and the rate that were asked for.

    Newer profiles list phases, of which the warm-up is no part of the results.
    """
    phases = [one for one in items(run, "input_config", "phases") if isinstance(one, dict)]
    counted = [one for one in phases if _WARMUP not in (text(one, "name"), text(one, "kind"))]
    if len(counted) > 1:
        raise InvalidInputError(f"phases: results of {len(counted)} phases are mixed")
    if counted:
        return whole(counted[0], "concurrency"), number(counted[0], "rate")
    paced = next((found for path in _RATE if (found := number(run, *path))), None)
    kept = next((found for path in _CONCURRENCY if (found := whole(run, *path))), None)
    return kept, paced


def _with_latency(row: Row, metrics: Json, name: str) -> Row:
    return replace(
        row,
        latency_ms=_ms(metrics, name, "p50"),
        latency_p90_ms=_ms(metrics, name, "p90"),
        latency_p99_ms=_ms(metrics, name, "p99"),
    )


def _ms(metrics: Json, name: str, part: str) -> float | None:
    return times(number(metrics, name, part), _factor(metrics, name, _MS))


def _rate(metrics: Json, name: str) -> float | None:
    return times(number(metrics, name, "avg"), _factor(metrics, name, _PER_S))


def _factor(metrics: Json, name: str, factors: dict[str, float]) -> float:
    unit = text(metrics, name, "unit")
    if name not in metrics:
        return 1.0  # there is no value either
    if unit is None or unit.casefold() not in factors:
        raise InvalidInputError(f"{name}: unit '{unit}' is not known")
    return factors[unit.casefold()]


def _tokens(metrics: Json, name: str) -> int | None:
    mean = number(metrics, name, "avg")
    return None if not mean else max(round(mean), 1)


def _model(run: Json) -> str | None:
    """Return the one model that was asked; of several, which answered is not known."""
    paths = (("models", "items"), ("endpoint", "model_names"), ("model_names",), ("models",),
             ("model",))  # fmt: skip
    for path in paths:
        names = items(run, "input_config", *path)
        if len(names) == 1:
            only = names[0]
            return text(only, "name") if isinstance(only, dict) else text({"name": only}, "name")
        if (name := text(run, "input_config", *path)) is not None:
            return name
    return None


def _gpu(run: Json) -> str | None:
    """Return the type of the GPUs that telemetry saw, if it is one; their number says less.

    Telemetry lists all GPUs of a host, whichever of them ran the model.
    """
    names = {
        text(gpu, "gpu_name")
        for endpoint in group(run, "telemetry_data", "endpoints").values()
        if isinstance(endpoint, dict)
        for gpu in group(endpoint, "gpus").values()
        if isinstance(gpu, dict)
    }
    return names.pop() if len(names) == 1 else None
