"""timm's `benchmark.py`, CSV or JSON: ms for a batch, and the machine in the name of the file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import ForeignFile, Json
from perfpredict.importers.presets.row import Row, environment
from perfpredict.importers.presets.translating import translate
from perfpredict.importers.presets.values import number, text, whole

_MARKS = {"infer_samples_per_sec", "train_samples_per_sec"}
_BARE_MARKS = {"samples_per_sec", "step_time", "batch_size", "param_count"}
_PREFIXES = {"infer_": "inference", "train_": "training"}
_FILE = re.compile(
    r"benchmark-(?P<kind>infer|train)-(?P<precision>\w+?)-(?P<layout>nhwc|nchw)"
    r"(?:-pt(?P<torch>\d+))?(?:-cu(?P<cuda>\d+))?(?:-cpu)?-(?P<hardware>[\w.]+?)(?:-(?P<compile>dynamo))?"
    r"\.(?:csv|json)",
    re.IGNORECASE,
)
_LAST_TWO_DIGIT = "1"
"""PyTorch 1.12 is written pt112, 2.4.0 pt240."""


def recognises(file: ForeignFile) -> bool:
    """Return whether the columns or keys are those of benchmark.py."""
    names = file.header | set(file.first)
    return bool(names & _MARKS) or names >= _BARE_MARKS


def rows(file: ForeignFile) -> Iterator[Row]:
    """Yield the rows of all models; those that failed to run are left out."""
    said = _FILE.fullmatch(file.name)
    known = _named({} if said is None else said.groupdict())
    records = file.documents() if file.is_json else file.rows()
    yield from translate(records, lambda line, one: _rows(replace(known, line=line), one))


def _named(name: Mapping[str, str | None]) -> Row:
    torch, cuda = name.get("torch"), name.get("cuda")
    compiler, kind = name.get("compile"), name.get("kind")
    return Row(
        line=0,
        mode="training" if kind == "train" else "inference",
        precision=name.get("precision"),
        memory_format=name.get("layout"),
        hardware=name.get("hardware"),
        framework="pytorch",
        framework_version=_version(torch, cuda),
        is_compiled=None if not name else compiler is not None,
        device_count=1,
        environment=environment(tool="timm benchmark.py", definition="mean step of one batch"),
    )


def _version(torch: str | None, cuda: str | None) -> str | None:
    """Return `2.4.0+cu124` of pt240 and cu124."""
    if torch is None:
        return None
    is_two_digits = torch.startswith(_LAST_TWO_DIGIT)
    parts = [torch[0], torch[1:]] if is_two_digits else list(torch)
    return ".".join(parts) + (f"+cu{cuda}" if cuda else "")


def _rows(known: Row, one: Json) -> Iterator[Row]:
    if text(one, "error") is not None:
        return
    prefixes = [prefix for prefix in _PREFIXES if text(one, f"{prefix}samples_per_sec")]
    for prefix in prefixes:
        yield _row(replace(known, mode=_PREFIXES[prefix]), one, prefix)
    if not prefixes:
        yield _row(known, one, "")


def _row(known: Row, one: Json, prefix: str) -> Row:
    if text(one, "model") is None:
        raise InvalidInputError("model: is missing")
    return replace(
        known,
        model=text(one, "model"),
        precision=text(one, "precision") or text(one, f"{prefix}precision") or known.precision,
        batch_size=whole(one, f"{prefix}batch_size"),
        image_size=whole(one, f"{prefix}img_size"),
        throughput=number(one, f"{prefix}samples_per_sec"),
        throughput_unit="samples/s",
        latency_ms=number(one, f"{prefix}step_time"),
    )
