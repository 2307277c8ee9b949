"""Stored measurements of text generation as llm-d benchmark reports, version 0.2, one a row.

The report wants a mean beside every percentile. Of a closed loop it is the work over throughput
(Little's law); where neither is stored, a latency cannot be written down.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

VERSION = "0.2"
_UNKNOWN = "unknown"
_MS_PER_S = 1e3
_LATENCY = {
    "generate": ("request_latency", "ms"),
    "prefill": ("time_to_first_token", "ms"),
    "decode": ("time_per_output_token", "ms/token"),
}
_RATE = {
    "generate": "output_token_rate",
    "prefill": "input_token_rate",
    "decode": "output_token_rate",
}
_ROLES = {"generate": "replica", "prefill": "prefill", "decode": "decode"}

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What could be written down, and how many rows could not, by the reason."""

    documents: tuple[Json, ...]
    left_out: Mapping[str, int]

    def encode(self) -> bytes:
        """Return one report as JSON, several as JSON lines."""
        if len(self.documents) == 1:
            return f"{json.dumps(self.documents[0], indent=1)}\n".encode()
        return "".join(f"{json.dumps(one)}\n" for one in self.documents).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The columns of an exported row that a report holds."""

    measurement_id: str
    measured_at: datetime
    model: str
    hardware: str
    batch_size: int
    concurrency: int
    device_count: int
    precision: str
    quantization: str | None
    phase: str | None
    framework: str | None
    framework_version: str | None
    sequence_length: int | None
    input_tokens: int | None
    output_tokens: int | None
    throughput: float | None
    throughput_unit: str
    latency_ms: float | None
    latency_p90_ms: float | None
    latency_p99_ms: float | None
    runs: int | None
    load: str
    environment: str


def reports(frame: pl.DataFrame) -> Reports:
    """Return the reports of exported rows."""
    documents: list[Json] = []
    left_out: Counter[str] = Counter()
    columns = list(_Stored.__dataclass_fields__)
    for values in frame.select(columns).iter_rows(named=True):
        row = _Stored(**values)
        found = None if row.phase is None else _results(row, row.phase)
        if row.phase is None:
            left_out["no text was generated"] += 1
        elif found is None:
            left_out["neither a rate nor the mean of a latency is stored"] += 1
        else:
            documents.append(_report(row, row.phase, found))
    return Reports(documents=tuple(documents), left_out=left_out)


def _report(row: _Stored, phase: str, found: Json) -> Json:
    length = row.input_tokens if phase != "decode" else row.sequence_length
    lengths: Json = {"input_seq_len": _length(length or row.sequence_length or 0)}
    if row.output_tokens is not None:
        lengths["output_seq_len"] = _length(row.output_tokens)
    load: Json = {
        "tool": _tool(row.environment),
        "tool_version": _UNKNOWN,
        "source": _UNKNOWN,
        **lengths,
    }
    if row.load == "closed":
        load["concurrency"] = row.batch_size * row.concurrency
    elif (rate := _requests_per_s(row)) is not None:
        load["rate_qps"] = rate
    return {
        "version": VERSION,
        "run": {"uid": row.measurement_id, "time": {"start": row.measured_at.isoformat()}},
        "scenario": {
            "stack": [_engine(row, phase)],
            "load": {"metadata": {}, "standardized": load, "native": {}},
        },
        "results": {"request_performance": {"aggregate": found}},
    }


def _engine(row: _Stored, phase: str) -> Json:
    args = {"dtype": row.precision, "quantization": row.quantization}
    return {
        "metadata": {"label": "engine", "cfg_id": row.measurement_id},
        "standardized": {
            "kind": "inference_engine",
            "tool": row.framework or _UNKNOWN,
            "tool_version": row.framework_version or _UNKNOWN,
            "role": _ROLES[phase],
            "replicas": 1,
            "model": {"name": row.model},
            "accelerator": {
                "model": row.hardware,
                "count": row.device_count,
                "parallelism": {"tp": row.device_count},
            },
        },
        "native": {"args": {name: value for name, value in args.items() if value is not None}},
    }


def _results(row: _Stored, phase: str) -> Json | None:
    """Return what was measured, None where the format has no place for any of it."""
    latency, mean = {}, _mean_ms(row, phase)
    if mean is not None:
        name, units = _LATENCY[phase]
        told = {"p50": row.latency_ms, "p90": row.latency_p90_ms, "p99": row.latency_p99_ms}
        known = {percentile: value for percentile, value in told.items() if value is not None}
        latency[name] = {"units": units, "mean": mean, **known}
    throughput: Json = {}
    if row.throughput is not None and row.throughput_unit == "tokens/s":
        throughput[_RATE[phase]] = {"units": "tokens/s", "mean": row.throughput}
    rate = _requests_per_s(row) if phase == "generate" else None
    if rate is not None:
        throughput["request_rate"] = {"units": "queries/s", "mean": rate}
    if not latency and not throughput:
        return None
    found: Json = {"latency": latency, "throughput": throughput}
    if row.runs is not None:
        found["requests"] = {"total": row.runs}
    return found


def _mean_ms(row: _Stored, phase: str) -> float | None:
    """Return the mean latency of a closed loop; an open one keeps its batch only rounded."""
    if row.throughput is None or row.load != "closed":
        return None
    tokens = {"generate": row.output_tokens, "prefill": row.input_tokens, "decode": 1}[phase]
    each = 1 if row.throughput_unit == "samples/s" else tokens
    if each is None:
        return None
    return row.batch_size * row.concurrency * each / row.throughput * _MS_PER_S


def _requests_per_s(row: _Stored) -> float | None:
    if row.throughput is None:
        return None
    if row.throughput_unit == "samples/s":
        return row.throughput
    return row.throughput / row.output_tokens if row.output_tokens else None


def _length(tokens: int) -> Json:
    """A stored length may be fixed or the mean of many; which of them is not kept."""
    return {"distribution": "other", "value": tokens}


def _tool(environment: str) -> str:
    """Return the tool that an import wrote into the environment, else this program."""
    try:
        found = json.loads(environment or "{}")
    except json.JSONDecodeError:
        return "perfpredict"
    tool = found.get("tool") if isinstance(found, dict) else None
    return tool if isinstance(tool, str) else "perfpredict"
