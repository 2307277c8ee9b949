"""hyperfine's `--export-json`: whole commands in seconds, start of the program included.

Parameters of a scan (`-L batch_size 1,8`) count under the names of our fields.
"""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.columns import parse_meaning
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import (
    as_number,
    group,
    items,
    number,
    numbers,
    quantile,
    text,
    times,
)

_MARKS = {"command", "median", "user", "system"}
_S_TO_MS = 1e3
_TEXTS = {"model", "hardware", "precision", "quantization", "mode", "phase", "framework",
          "framework_version", "memory_format"}  # fmt: skip
_WHOLE = {"batch_size", "sequence_length", "image_size", "input_tokens", "output_tokens",
          "device_count", "concurrency"}  # fmt: skip


def recognises(file: ForeignFile) -> bool:
    """Return whether the object is a list of timed commands."""
    results = file.first.get("results")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        return False
    return set(results[0]) >= _MARKS


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield one row a command."""
    for document in file.documents():
        yield from translate(file.children(document, "results"), _rows)


def _rows(line: int, timed: Json) -> Iterator[Row]:
    failed = [code for code in items(timed, "exit_codes") if code not in ("0", None)]
    if failed:
        raise InvalidInputError(f"exit_codes: {len(failed)} runs failed")
    samples = [one * _S_TO_MS for one in numbers(timed, "times")]
    row = Row(
        line=line,
        latency_ms=times(number(timed, "median"), _S_TO_MS),
        latency_p90_ms=quantile(samples, 90),
        latency_p99_ms=quantile(samples, 99),
        runs=len(samples) or None,
        environment=environment(
            tool="hyperfine", definition="whole command, start of the program included",
            command=text(timed, "command"), mean_s=number(timed, "mean"),
            stddev_s=number(timed, "stddev"), user_s=number(timed, "user"),
            system_s=number(timed, "system"),
        ),
    )  # fmt: skip
    yield replace(row, **_parameters(group(timed, "parameters")))  # type: ignore[arg-type]


def _parameters(given: Json) -> dict[str, str | int]:
    """Return the parameters that name a field of ours, by field."""
    found: dict[str, str | int] = {}
    for name in given:
        meaning, value = parse_meaning(name), text(given, name)
        if meaning is None or value is None:
            continue
        if meaning.field in _TEXTS:
            found[meaning.field] = value
        elif meaning.field in _WHOLE:
            found[meaning.field] = int(as_number(name, value))
    return found
