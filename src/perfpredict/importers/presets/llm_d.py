"""llm-d's benchmark report of versions 0.1 and 0.2, as JSON: every number names its unit.

A report of several engines is refused: which of their devices did the work is not told by it.
"""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.llm_d_older import as_newer, is_older
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.serving import DEFINITION, middle_of_answer
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import group, items, number, text, times, whole

_MS = {"ms": 1.0, "s": 1e3, "ms/token": 1.0, "s/token": 1e3}
_MS_PER_S = 1e3
_YAML_MARKS = ("scenario:", "results:", "request_performance:")
_VERSIONS = ("0.2",)
_UNSAID = {"auto", "unknown"}
_PARTS = {
    "prefill": ("time_to_first_token", "input_token_rate"),
    "decode": ("time_per_output_token", "output_token_rate"),
}
"""Latency and rate of engines that do one part of the work."""


def recognises(file: ForeignFile) -> bool:
    """Return whether it is a report, in JSON or YAML."""
    if file.is_json:
        return "request_performance" in group(file.first, "results") or is_older(file.first)
    return all(mark in file.text[:1_000_000] for mark in _YAML_MARKS)


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of every report; YAML raises InvalidInputError with what to do."""
    if not file.is_json:
        raise InvalidInputError(
            f"{file.name}: a report in YAML, of which only JSON is read",
            hint="python -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), "
            f"sys.stdout, default=str)' < {file.name} > report.json",
        )
    yield from translate(file.documents(), _rows)


def _rows(line: int, given: Json) -> Iterator[Row]:
    report = as_newer(given) if is_older(given) else given
    version = text(report, "version") or ""
    if not version.startswith(_VERSIONS):
        raise InvalidInputError(f"version: reports of version '{version}' are not known")
    found = group(report, "results", "request_performance", "aggregate")
    load = group(report, "scenario", "load", "standardized")
    row = replace(
        _known(report),
        line=line,
        input_tokens=_tokens(found, "input_length", load, "input_seq_len"),
        output_tokens=_tokens(found, "output_length", load, "output_seq_len"),
        runs=whole(found, "requests", "total"),
        measured_at=text(report, "run", "time", "start"),
        environment=_facts(found, load, text(report, "run", "uid")),
    )
    role = text(_engine(report), "standardized", "role")
    if role in _PARTS:
        yield _part(row, found, load, role)
    else:
        yield from _measured(row, found, load)


def _engine(report: Json) -> Json:
    """Return the one inference engine of the stack, empty where there is none."""
    stack = [part for part in items(report, "scenario", "stack") if isinstance(part, dict)]
    engines = [part for part in stack if text(part, "standardized", "kind") == "inference_engine"]
    if len(engines) > 1:
        raise InvalidInputError(f"stack: {len(engines)} engines share the requests")
    return engines[0] if engines else {}


def _known(report: Json) -> Row:
    """Return what the engine says of itself."""
    engine = _engine(report)
    said, args = group(engine, "standardized"), group(engine, "native", "args")
    if (whole(said, "replicas") or 1) > 1:
        raise InvalidInputError(f"replicas: {text(said, 'replicas')} engines share the requests")
    return Row(
        line=0,
        model=text(said, "model", "name"),
        hardware=text(said, "accelerator", "model"),
        device_count=whole(said, "accelerator", "count") or None,
        framework=_said(text(said, "tool")),
        framework_version=_said(text(said, "tool_version")),
        precision=_said(text(args, "dtype") or text(args, "precision")),
        quantization=text(args, "quantization"),
    )


def _said(value: str | None) -> str | None:
    return None if value in _UNSAID else value


def _part(row: Row, found: Json, load: Json, role: str) -> Row:
    """Return the row of an engine that only computes prompts, or only the tokens after them."""
    name, rate = _PARTS[role]
    length = row.input_tokens
    if role == "decode":
        row = replace(row, input_tokens=None, sequence_length=length)
    part = replace(
        row,
        phase=role,
        output_tokens=None,
        batch_size=whole(load, "concurrency"),
        load="open" if number(load, "rate_qps") else "closed",
        throughput=number(found, "throughput", rate, "mean"),
        throughput_unit="tokens/s",
    )
    return _with_latency(part, found, name)


def _measured(row: Row, found: Json, load: Json) -> Iterator[Row]:
    whole_run = replace(
        row,
        phase="generate",
        throughput=number(found, "throughput", "output_token_rate", "mean"),
        throughput_unit="tokens/s",
    )
    whole_run = _with_load(_with_latency(whole_run, found, "request_latency"), found, load)
    if whole_run.throughput is not None or whole_run.latency_ms is not None:
        yield whole_run
    if whole_run.batch_size != 1 or whole_run.load != "closed":
        return
    bare = replace(whole_run, throughput=None, throughput_unit=None, output_tokens=None)
    length = middle_of_answer(row.input_tokens, row.output_tokens)
    step = replace(bare, phase="decode", input_tokens=None, sequence_length=length)
    for name, one in (
        ("time_to_first_token", replace(bare, phase="prefill")),
        ("time_per_output_token", step),
    ):
        timed = _with_latency(one, found, name)
        if timed.latency_ms is not None:
            yield timed


def _with_load(row: Row, found: Json, load: Json) -> Row:
    kept = whole(load, "concurrency")
    if kept is not None and number(load, "rate_qps") is None:
        return replace(row, batch_size=kept, load="closed")
    rate = number(found, "throughput", "request_rate", "mean")
    mean = times(
        number(found, "latency", "request_latency", "mean"),
        _factor(found, "request_latency"),
    )
    if rate is None or mean is None:
        return replace(row, load="open")
    note = "batch size is the mean number of requests in flight: rate x mean latency"
    return replace(row, batch_size=max(round(rate * mean / _MS_PER_S), 1), load="open", note=note)


def _with_latency(row: Row, found: Json, name: str) -> Row:
    factor = _factor(found, name)
    said = group(found, "latency", name)
    return replace(
        row,
        latency_ms=times(number(said, "p50"), factor),
        latency_p90_ms=times(number(said, "p90"), factor),
        latency_p99_ms=times(number(said, "p99"), factor),
    )


def _factor(found: Json, name: str) -> float:
    said = group(found, "latency", name)
    unit = text(said, "units")
    if not said:
        return 1.0  # there is no value either
    if unit not in _MS:
        raise InvalidInputError(f"{name}: unit '{unit}' is not known")
    return _MS[unit]


def _tokens(found: Json, measured: str, load: Json, asked: str) -> int | None:
    """Return the mean length that was measured, else the one that was asked for."""
    mean = number(found, "requests", measured, "mean") or number(load, asked, "value")
    return None if not mean else max(round(mean), 1)


def _facts(found: Json, load: Json, uid: str | None) -> str:
    medians = {
        f"{name}_p50_ms": times(number(found, "latency", name, "p50"), _factor(found, name))
        for name in ("time_to_first_token", "time_per_output_token", "inter_token_latency")
    }
    return environment(
        tool="llm-d benchmark report", definition=DEFINITION, uid=uid,
        load_tool=text(load, "tool"), load_tool_version=text(load, "tool_version"),
        rate_qps=number(load, "rate_qps"), failures=text(found, "requests", "failures"),
        **medians,
    )  # fmt: skip
