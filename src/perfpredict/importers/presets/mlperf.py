"""MLPerf's `mlperf_log_summary.txt`, in which every time is in nanoseconds.

In Offline the latency is the time since the one large query began, and no request's; in Server
requests come when they come, and those in flight are the batch.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets import mlperf_csv
from perfpredict.importers.presets.foreign import ForeignFile, Json, Record
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import number, text, times, whole

_TITLE = "MLPerf Results Summary"
_LINE = re.compile(r"^\s*([^:]+?)\s*:\s*(.*?)\s*$")
_MS_PER_NS = 1e-6
_NS_PER_S = 1e9
_MODE = "PerformanceOnly"


def recognises(file: ForeignFile) -> bool:
    """Return whether it is a summary of LoadGen or a table of the submission checker."""
    return _TITLE in file.text[:1000] or mlperf_csv.recognises(file)


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the row of every summary in the text, or of every line of the table."""
    if mlperf_csv.recognises(file):
        yield from mlperf_csv.rows(file)
        return
    yield from translate(_summaries(file), _rows)


def _summaries(file: ForeignFile) -> Iterator[Record]:
    """Yield one record a summary; its line is that of the title."""
    lines = file.text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.strip() == _TITLE]
    for start, end in pairwise([*starts, len(lines)]):
        found = [match for line in lines[start:end] if (match := _LINE.match(line))]
        values: dict[str, object] = {}
        for match in found:
            values.setdefault(match[1].removeprefix("* "), match[2])
        yield Record(line=start + 1, values=values)


def _rows(line: int, said: Json) -> Iterator[Row]:
    _check(said)
    scenario = text(said, "Scenario")
    row = Row(
        line=line,
        runs=whole(said, "Query count"),
        environment=environment(
            tool="mlperf loadgen", definition=f"scenario {scenario}", sut=text(said, "SUT name"),
            samples_per_query=text(said, "samples_per_query"), target_qps=text(said, "target_qps"),
            min_duration_ms=text(said, "min_duration (ms)"),
        ),
    )  # fmt: skip
    if scenario == "Offline":
        yield _with_rate(row, said)
    elif scenario == "Server":
        yield _with_flight(_with_latency(_with_rate(row, said), said), said)
    elif scenario in ("SingleStream", "MultiStream"):
        samples = whole(said, "samples_per_query")
        yield _with_latency(replace(row, batch_size=samples, load="closed"), said)
    else:
        raise InvalidInputError(f"Scenario: no scenario named '{scenario}' is known")


def _check(said: Json) -> None:
    mode, result = text(said, "Mode"), text(said, "Result is")
    if mode != _MODE:
        raise InvalidInputError(f"Mode: a run of {mode} measures no performance")
    if result != "VALID":
        raise InvalidInputError(f"Result is: {result}")


def _with_rate(row: Row, said: Json) -> Row:
    """Return the row with tokens per second where the run counted them, else samples."""
    tokens = number(said, "Tokens per second") or number(said, "Completed tokens per second")
    if tokens is not None:
        return replace(row, throughput=tokens, throughput_unit="tokens/s", phase="generate")
    return replace(row, throughput=_samples_per_s(said), throughput_unit="samples/s")


def _samples_per_s(said: Json) -> float | None:
    names = ("Samples per second", "Completed samples per second", "Scheduled samples per second")
    return next((found for name in names if (found := number(said, name)) is not None), None)


def _with_latency(row: Row, said: Json) -> Row:
    latency = {
        percent: times(number(said, f"{percent} percentile latency (ns)"), _MS_PER_NS)
        for percent in ("50.00", "90.00", "99.00")
    }
    return replace(
        row,
        latency_ms=latency["50.00"],
        latency_p90_ms=latency["90.00"],
        latency_p99_ms=latency["99.00"],
    )


def _with_flight(row: Row, said: Json) -> Row:
    mean, rate = number(said, "Mean latency (ns)"), _samples_per_s(said)
    if mean is None or rate is None:
        return replace(row, load="open")
    note = "batch size is the mean number of samples in flight: rate x mean latency"
    return replace(row, batch_size=max(round(mean * rate / _NS_PER_S), 1), load="open", note=note)
