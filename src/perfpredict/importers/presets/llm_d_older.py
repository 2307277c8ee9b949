"""llm-d's benchmark report of version 0.1 in the layout of 0.2, as far as rows are made of it.

Its load is written in the words of each load generator, so that the requests in flight are known
only as rate x latency.
"""

from datetime import UTC, datetime

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import Json
from perfpredict.importers.presets.values import group, items, text

_RATES = {
    "output_token_rate": "output_tokens_per_sec",
    "input_token_rate": "input_tokens_per_sec",
    "request_rate": "requests_per_sec",
}


def is_older(report: Json) -> bool:
    """Return whether it is a report of version 0.1."""
    return "time_to_first_token" in group(report, "metrics", "latency") and "scenario" in report


def as_newer(report: Json) -> Json:
    """Return what a report of version 0.1 says, under the names of version 0.2."""
    metrics = group(report, "metrics")
    rates = group(metrics, "throughput")
    throughput = {
        new: {"mean": rates[old]} for new, old in _RATES.items() if rates.get(old) is not None
    }
    aggregate = {
        "requests": group(metrics, "requests"),
        "latency": group(metrics, "latency"),
        "throughput": throughput,
    }
    load = {"tool": text(report, "scenario", "load", "name")}
    return {
        "version": "0.2",
        "run": {"time": {"start": _time(text(metrics, "time", "start"))}},
        "scenario": {"stack": [_engine(report)], "load": {"standardized": load}},
        "results": {"request_performance": {"aggregate": aggregate}},
    }


def _engine(report: Json) -> Json:
    """Return the one engine; raises InvalidInputError where several share the requests."""
    accelerators = _objects(report, "host", "accelerator")
    engines = _objects(report, "platform", "engine")
    count = max(len(accelerators), len(engines))
    if count > 1:
        raise InvalidInputError(f"scenario: {count} engines share the requests")
    accelerator = accelerators[0] if accelerators else {}
    engine = engines[0] if engines else {}
    return {
        "standardized": {
            "kind": "inference_engine",
            "tool": engine.get("name"),
            "tool_version": engine.get("version"),
            "model": group(report, "scenario", "model"),
            "accelerator": accelerator,
        },
        "native": {"args": group(engine, "args")},
    }


def _objects(report: Json, *path: str) -> list[Json]:
    return [one for one in items(report, "scenario", *path) if isinstance(one, dict)]


def _time(start: str | None) -> str | None:
    """Return seconds since 1970 as ISO time; a time that is one already stays."""
    try:
        return None if start is None else datetime.fromtimestamp(float(start), UTC).isoformat()
    except ValueError:
        return start
