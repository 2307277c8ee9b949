"""The table of results that MLPerf's submission checker writes, one line a system and benchmark."""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.benchmarks import MLPERF_SAMPLES, Sample
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import number, text, whole

_MARKS = {"Organization", "Model", "Scenario", "Result", "Units", "accelerator_model_name"}
_SUFFIXES = ("-edge", "-interactive", "-99.9", "-99")
_RATES = {"samples/s": "samples/s", "queries/s": "samples/s", "tokens/s": "tokens/s"}
_LATENCY = "latency (ms)"
_MULTI_STREAM_SAMPLES = 8
"""Samples of a query in MultiStream, fixed by the rules since round 2.0."""


def recognises(file: ForeignFile) -> bool:
    """Return whether the columns are those of the submission checker's table."""
    return file.header >= _MARKS


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield one row a line."""
    yield from translate(file.rows(), _rows)


def _rows(line: int, said: Json) -> Iterator[Row]:
    benchmark = text(said, "MlperfModel") or text(said, "Model") or ""
    sample = MLPERF_SAMPLES.get(_without_target(benchmark), Sample(source=""))
    if sample.refused is not None:
        raise InvalidInputError(f"Model: {sample.refused}")
    device = text(said, "accelerator_model_name")
    nodes, each = whole(said, "number_of_nodes"), whole(said, "accelerators_per_node")
    row = Row(
        line=line,
        model=_without_target(benchmark),
        hardware=device or text(said, "host_processor_model_name"),
        device_count=(nodes or 1) * (each or 1),
        precision=text(said, "weight_data_types"),
        framework=text(said, "framework"),
        framework_version=text(said, "framework"),
        phase=None if sample.output_tokens is None else "generate",
        sequence_length=sample.length,
        input_tokens=sample.input_tokens,
        output_tokens=sample.output_tokens,
        environment=environment(
            tool="mlperf submission checker",
            **{name: text(said, name) for name in ("Organization", "Division", "SystemName",
                                                   "Scenario", "Availability", "version")},
        ),
    )  # fmt: skip
    yield _measured(row, said)


def _without_target(benchmark: str) -> str:
    """Return the name without accuracy target and edition, which change neither model nor work."""
    name = benchmark.lower()
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _measured(row: Row, said: Json) -> Row:
    """Return the row with the one number of its scenario: a rate, or a high percentile of time."""
    scenario, unit = text(said, "Scenario") or "", (text(said, "Units") or "").casefold()
    result = number(said, "Result")
    kind = scenario.casefold().replace(" ", "")
    if kind in ("offline", "server", "interactive") and unit in _RATES:
        load = "closed" if kind == "offline" else "open"
        return replace(row, throughput=result, throughput_unit=_RATES[unit], load=load)
    if kind == "singlestream" and unit == _LATENCY:
        return replace(row, batch_size=1, latency_p90_ms=result)
    if kind == "multistream" and unit == _LATENCY:
        return replace(row, batch_size=_MULTI_STREAM_SAMPLES, latency_p99_ms=result)
    raise InvalidInputError(f"Units: '{unit}' is no unit of scenario '{scenario}'")
