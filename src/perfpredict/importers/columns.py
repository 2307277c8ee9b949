"""Which of a file's columns means what: names recognised by themselves, or as the user says."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perfpredict.errors import InvalidInputError

IGNORE = "ignore"
"""Target of `--map theirs=ignore`: the column is left out on purpose."""

LATENCY_UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
"""Milliseconds in one unit."""
MEMORY_UNITS = {
    "bytes": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9,
    "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
}  # fmt: skip
"""Bytes in one unit: MB is 10^6, MiB 2^20."""
THROUGHPUT_UNITS = ("samples/s", "tokens/s", "batches/s")

FIELDS = (
    "model", "hardware", "family", "architecture", "batch_size", "sequence_length", "image_size",
    "input_tokens", "output_tokens", "precision", "quantization", "mode", "phase", "framework",
    "framework_version", "is_compiled", "memory_format", "device_count", "concurrency",
    "throughput", "throughput_unit", "latency", "latency_p90", "latency_p99", "memory", "runs",
    "warmup_runs", "load", "measured_at", "source", "note", "environment",
)  # fmt: skip
"""What a column can give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The field a column gives, and the unit that its name says, if any."""

    field: str
    unit: str | None = None


_SPELLINGS: dict[str, tuple[str, ...]] = {
    "model": ("model_name", "model_id", "workload"),
    "hardware": ("hardware_platform", "hardware_id", "hardware_name", "device", "platform", "gpu"),
    "family": ("model_family",),
    "architecture": ("model_arch", "arch"),
    "batch_size": ("batch", "batchsize", "bs", "infer_batch_size"),
    "sequence_length": ("seq_length", "seq_len", "sequence_len", "seqlen", "context"),
    "image_size": ("img_size", "infer_img_size", "resolution"),
    "input_tokens": ("input_len", "prompt_tokens", "n_prompt", "isl"),
    "output_tokens": ("output_len", "new_tokens", "generated_tokens", "n_gen", "osl"),
    "precision": ("dtype", "torch_dtype"),
    "quantization": ("quantisation", "quantization_scheme"),
    "framework": ("backend", "runtime", "engine"),
    "framework_version": (
        "backend_version",
        "runtime_version",
        "engine_version",
        "torch_version",
        "pytorch_version",
        "vllm_version",
    ),
    "is_compiled": ("compile", "compiled"),
    "memory_format": ("layout",),
    "device_count": ("devices", "num_devices", "gpu_count", "num_gpus", "tp"),
    "concurrency": ("max_concurrency",),
    "throughput": ("throughput_per_s",),
    "throughput_unit": ("unit",),
    "latency": ("latency_p50", "p50_latency"),
    "latency_p90": ("p90_latency",),
    "latency_p99": ("p99_latency",),
    "memory": ("memory_usage", "peak_memory"),
    "runs": ("num_runs", "iterations"),
    "warmup_runs": ("warmup", "num_warmup"),
    "measured_at": ("date", "timestamp", "time", "datetime"),
    "note": ("notes", "comment"),
    "environment": ("env",),
}

_PLATFORM_NAMES = {"hardware_platform", "platform"}
_DEVICE_NAMES = {"device", "hardware", "hardware_id", "hardware_name", "gpu"}

_NAMED_UNITS = {
    "samples_per_s": Meaning(field="throughput", unit="samples/s"),
    "samples_per_sec": Meaning(field="throughput", unit="samples/s"),
    "samples_per_second": Meaning(field="throughput", unit="samples/s"),
    "infer_samples_per_sec": Meaning(field="throughput", unit="samples/s"),
    "throughput_samples_per_s": Meaning(field="throughput", unit="samples/s"),
    "images_per_s": Meaning(field="throughput", unit="samples/s"),
    "tokens_per_s": Meaning(field="throughput", unit="tokens/s"),
    "tokens_per_sec": Meaning(field="throughput", unit="tokens/s"),
    "tokens_per_second": Meaning(field="throughput", unit="tokens/s"),
    "throughput_tokens_per_s": Meaning(field="throughput", unit="tokens/s"),
    "step_time": Meaning(field="latency", unit="ms"),
    "infer_step_time": Meaning(field="latency", unit="ms"),
}

_MAPPABLE_UNITS = {
    **{unit: ("latency", "latency_p90", "latency_p99") for unit in LATENCY_UNITS},
    **{unit: ("memory",) for unit in MEMORY_UNITS},
}


def _recognised() -> dict[str, Meaning]:
    found = {field: Meaning(field=field) for field in FIELDS}
    found |= {
        other: Meaning(field=field) for field, others in _SPELLINGS.items() for other in others
    }
    with_units = {
        f"{name}_{unit}": Meaning(field=meaning.field, unit=unit)
        for name, meaning in found.items()
        for unit, fields in _MAPPABLE_UNITS.items()
        if meaning.field in fields
    }
    return found | with_units | _NAMED_UNITS


_RECOGNISED = _recognised()


def parse_meaning(name: str) -> Meaning | None:
    """Return what a column of this name gives, or None where the name says nothing."""
    key = re.sub(r"[^0-9a-z]+", "_", name.strip().casefold()).strip("_")
    return _RECOGNISED.get(key)


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return `a=b` and `a=b,c=d` texts as a mapping; raises InvalidInputError naming `option`."""
    pairs: dict[str, str] = {}
    for item in (item for text in texts for item in text.split(",")):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals and value):
            raise InvalidInputError(f"{option}: NAME=VALUE is needed, got '{item}'")
        if pairs.setdefault(name, value) != value:
            raise InvalidInputError(f"{option}: '{name}' is given twice")
    return pairs


def parse_field(option: str, name: str) -> Meaning:
    """Return the field that the user calls `name`; raises InvalidInputError with near matches."""
    meaning = parse_meaning(name)
    if meaning is None:
        near = difflib.get_close_matches(name.casefold(), FIELDS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"fields: {', '.join(FIELDS)}"
        raise InvalidInputError(f"{option}: no field named '{name}'", hint=hint)
    return meaning


def match_columns(
    file: str, columns: Sequence[str], mapping: Mapping[str, str]
) -> dict[str, tuple[str, Meaning]]:
    """Return (column, meaning) by field, for every column that is known or mapped.

    Raises InvalidInputError where a mapped column is not there, or two give the same field.
    """
    for theirs in mapping:
        if theirs not in columns:
            near = difflib.get_close_matches(theirs, columns, n=3)
            raise InvalidInputError(
                f"{file}: no column named '{theirs}' to map",
                hint=f"did you mean {' or '.join(near)}?" if near else None,
            )
    mapped = {
        theirs: parse_field("--map", ours) for theirs, ours in mapping.items() if ours != IGNORE
    }
    found: dict[str, tuple[str, Meaning]] = {}
    for column, meaning in mapped.items():
        _add(file, found, column, meaning)
    taken = set(found)
    names = [column for column in columns if column not in mapping]
    for column in names:
        recognised = parse_meaning(column)
        if recognised is None or recognised.field in taken or _gives_way(column, names):
            continue
        _add(file, found, column, recognised)
    return found


def _gives_way(column: str, columns: Sequence[str]) -> bool:
    """A platform name beside a column of concrete devices says less than they do."""
    others = [other.strip().casefold() for other in columns if other != column]
    return column.strip().casefold() in _PLATFORM_NAMES and bool(_DEVICE_NAMES & set(others))


def unit_of(meaning: Meaning, units: Mapping[str, str]) -> str | None:
    """Return the unit that the user gave for the field, else the one its column name says."""
    return units.get(meaning.field, meaning.unit)


def parse_units(texts: Sequence[str]) -> dict[str, str]:
    """Return units by field from texts like `latency=s`; raises InvalidInputError otherwise."""
    allowed: dict[str, Sequence[str]] = {
        "latency": tuple(LATENCY_UNITS),
        "latency_p90": tuple(LATENCY_UNITS),
        "latency_p99": tuple(LATENCY_UNITS),
        "memory": tuple(MEMORY_UNITS),
        "throughput": THROUGHPUT_UNITS,
    }
    units: dict[str, str] = {}
    for name, text in parse_pairs("--unit", texts).items():
        field = parse_field("--unit", name).field
        if field not in allowed:
            raise InvalidInputError(f"--unit: {field} has no unit")
        unit = text.casefold()
        if unit not in allowed[field]:
            raise InvalidInputError(
                f"--unit: no unit of {field} named '{text}'",
                hint=f"one of {', '.join(allowed[field])}",
            )
        units[field] = unit
    if "latency" in units:
        units = {"latency_p90": units["latency"], "latency_p99": units["latency"]} | units
    return units


def _add(file: str, found: dict[str, tuple[str, Meaning]], column: str, meaning: Meaning) -> None:
    if meaning.field in found:
        other = found[meaning.field][0]
        raise InvalidInputError(
            f"{file}: columns '{other}' and '{column}' both give {meaning.field}",
            hint=f"choose with --map {column}={IGNORE}",
        )
    found[meaning.field] = (column, meaning)
