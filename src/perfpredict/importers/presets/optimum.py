"""optimum-benchmark's report with its configuration (`benchmark.json`) or without it.

Latency is read and throughput is not: it is made from latency, and its unit has meant samples and
tokens by turns. Decode is the time of all steps after the first token, which becomes that of one.
"""

from collections.abc import Iterator
from dataclasses import replace

from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import group, items, number, text, times, whole

_TARGETS = ("prefill", "decode", "per_token", "generate", "forward", "call", "train")
_PHASES = {"prefill": "prefill", "decode": "decode", "per_token": "decode", "generate": "generate"}
_S_TO_MS = 1e3
_BYTES_PER_MB = 1e6
_CPU = "cpu"
_FEWEST_STEPS = 2


def recognises(file: ForeignFile) -> bool:
    """Return whether the object holds latencies of the targets that the tool measures."""
    report = group(file.first, "report") or file.first
    return any("values" in group(report, target, "latency") for target in _TARGETS)


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield one row a target that was measured; loading and first runs are none."""
    yield from translate(file.documents(), _rows)


def _rows(line: int, document: Json) -> Iterator[Row]:
    report, config = group(document, "report") or document, group(document, "config")
    known = _known(line, config)
    new_tokens = whole(config, "scenario", "generate_kwargs", "max_new_tokens")
    # without the number of new tokens the decode of the whole cannot become that of one step
    left_out = "decode" if not new_tokens or new_tokens < _FEWEST_STEPS else "per_token"
    for target in _TARGETS:
        if target != left_out and group(report, target, "latency"):
            yield _measured(_shaped(known, target, config), target, group(report, target))


def _known(line: int, config: Json) -> Row:
    backend, machine = group(config, "backend"), group(config, "environment")
    is_cpu = text(backend, "device") == _CPU
    gpus = [name for name in items(machine, "gpu") if isinstance(name, str)]
    devices = [text(machine, "cpu")] if is_cpu else list(dict.fromkeys(gpus))
    return Row(
        line=line,
        model=text(backend, "model"),
        hardware=devices[0] if len(devices) == 1 else None,
        device_count=_device_count(backend) if backend else None,
        batch_size=whole(config, "scenario", "input_shapes", "batch_size"),
        precision=text(backend, "torch_dtype"),
        quantization=text(backend, "quantization_scheme"),
        framework=text(backend, "name"),
        framework_version=text(backend, "version"),
        is_compiled=text(backend, "torch_compile") == "true" if backend else None,
        warmup_runs=whole(config, "scenario", "warmup_runs"),
        environment=environment(
            tool="optimum-benchmark", tool_version=text(machine, "optimum_benchmark_version"),
            definition="static batch; decode is one step after the first token",
            task=text(backend, "task"),
        ),
    )  # fmt: skip


def _device_count(backend: Json) -> int:
    """Return how many devices share the model: `device_ids` lists all that could be used."""
    ids = [part for part in (text(backend, "device_ids") or "").split(",") if part.strip()]
    is_shared = text(backend, "device_map") is not None or text(backend, "tp_plan") is not None
    return len(ids) if is_shared and ids else 1


def _shaped(row: Row, target: str, config: Json) -> Row:
    shapes, wanted = group(config, "scenario", "input_shapes"), group(config, "scenario")
    # every task gets a sequence length, images too
    is_image = "image" in (text(config, "backend", "task") or "")
    length = None if is_image else whole(shapes, "sequence_length")
    new_tokens = whole(wanted, "generate_kwargs", "max_new_tokens")
    phase = _PHASES.get(target)
    if phase is None:
        mode = "training" if target == "train" else "inference"
        return replace(row, mode=mode, sequence_length=length, image_size=_side(shapes))
    if phase == "decode":
        middle = None if length is None else length + max((new_tokens or 0) // 2, 1)
        return replace(row, phase=phase, sequence_length=middle, output_tokens=new_tokens)
    outputs = new_tokens if phase == "generate" else None
    return replace(row, phase=phase, input_tokens=length, output_tokens=outputs)


def _side(shapes: Json) -> int | None:
    height, width = whole(shapes, "height"), whole(shapes, "width")
    return height if height == width else None


def _measured(row: Row, target: str, found: Json) -> Row:
    latency = group(found, "latency")
    factor = _S_TO_MS
    if target == "decode":
        # all new tokens but the first, which the prefill gives
        factor = _S_TO_MS / ((row.output_tokens or _FEWEST_STEPS) - 1)
    memory = number(found, "memory", "max_allocated")
    shown = replace(row, output_tokens=None) if row.phase == "decode" else row
    return replace(
        shown,
        latency_ms=times(number(latency, "p50"), factor),
        latency_p90_ms=times(number(latency, "p90"), factor),
        latency_p99_ms=times(number(latency, "p99"), factor) if _has_p99(latency) else None,
        runs=whole(latency, "count") or len(items(latency, "values")) or None,
        memory_bytes=times(memory, _BYTES_PER_MB),
    )


def _has_p99(latency: Json) -> bool:
    """The 99th percentile of fewer than 100 runs is near their maximum and says little."""
    return (whole(latency, "count") or len(items(latency, "values"))) >= 100
