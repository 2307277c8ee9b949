"""The distinct-valued fields: names and choices, each parsed once however many rows hold it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from perfpredict.catalog.models import find_model
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.names import clean_name
from perfpredict.domain.workload import Mode, Phase
from perfpredict.errors import InvalidInputError, UnknownDeviceError, UnknownModelError
from perfpredict.importers.precision import parse_precision

TIME = pl.Datetime("us", "UTC")
_FUTURE = timedelta(days=1)

BATCHES = "batches/s"
_UNITS = {
    **dict.fromkeys(("samples/s", "images/s", "img/s", "sequences/s", "seqs/s", "sentences/s",
                     "examples/s", "queries/s", "requests/s", "inferences/s", "frames/s", "fps",
                     "qps", "it/s"), ThroughputUnit.SAMPLES.value),
    **dict.fromkeys(("tokens/s", "tok/s", "t/s", "tps"), ThroughputUnit.TOKENS.value),
    **dict.fromkeys(("batches/s", "batch/s", "steps/s"), BATCHES),
}  # fmt: skip

_MODES: dict[str, tuple[Mode, Phase | None]] = {
    "inference": (Mode.INFERENCE, None),
    "infer": (Mode.INFERENCE, None),
    "eval": (Mode.INFERENCE, None),
    "forward": (Mode.INFERENCE, None),
    "training": (Mode.TRAINING, None),
    "train": (Mode.TRAINING, None),
    "prefill": (Mode.INFERENCE, Phase.PREFILL),
    "decode": (Mode.INFERENCE, Phase.DECODE),
    "generate": (Mode.INFERENCE, Phase.GENERATE),
    "generation": (Mode.INFERENCE, Phase.GENERATE),
    "serving": (Mode.INFERENCE, Phase.GENERATE),
}

MODEL_SCHEMA: dict[str, pl.DataType] = {
    "model_name": pl.String(), "model_family": pl.String(), "model_arch": pl.String(),
    "is_known_model": pl.Boolean(),
}  # fmt: skip
HARDWARE_SCHEMA: dict[str, pl.DataType] = {
    "hardware_platform": pl.String(), "device": pl.String(), "device_platform": pl.String(),
}  # fmt: skip


def parse_model(text: str) -> tuple[str, str | None, str | None, bool]:
    """Return name, family and architecture as the catalog has them, or the name as it is given."""
    name = clean_name("model", text)
    try:
        entry = find_model(name)
    except UnknownModelError:
        return name, None, None, False
    return entry.name, entry.family, entry.architecture, True


def hardware_parser(
    resolve: Callable[[str], ResolvedDevice], *, accepts_new: bool
) -> Callable[[str], tuple[str, str, str | None]]:
    """Return what turns a device's name into name as given, canonical name and platform."""

    def parse(text: str) -> tuple[str, str, str | None]:
        name = clean_name("hardware", text)
        try:
            resolved = resolve(name)
        except UnknownDeviceError:
            if accepts_new:
                return name, name, None
            raise
        return name, resolved.device.name, resolved.device.platform.value

    return parse


def parse_precision_cell(text: str) -> tuple[str, str | None]:
    """Return precision and quantisation scheme."""
    precision, quantization = parse_precision(text)
    return precision.value, quantization


def parse_mode(text: str) -> tuple[str, str | None]:
    """Return mode and phase."""
    found = _MODES.get(text.casefold())
    if found is None:
        raise InvalidInputError(f"no mode named '{text}'")
    mode, phase = found
    return mode.value, phase.value if phase else None


def parse_phase(text: str) -> tuple[str]:
    """Return the phase."""
    found = _MODES.get(text.casefold())
    if found is None or found[1] is None:
        raise InvalidInputError(f"no phase named '{text}' (prefill, decode or generate)")
    return (found[1].value,)


def parse_framework_cell(text: str) -> tuple[str]:
    """Return the framework's canonical name."""
    return (parse_framework(clean_name("framework", text)),)


def parse_unit(text: str) -> tuple[str]:
    """Return `samples/s`, `tokens/s` or `batches/s`."""
    unit = _UNITS.get(text.casefold())
    if unit is None:
        raise InvalidInputError(f"no unit of throughput named '{text}'")
    return (unit,)


def parse_load(text: str) -> tuple[str]:
    """Return `closed` or `open`."""
    load = text.casefold()
    if load not in ("closed", "open"):
        raise InvalidInputError(f"must be closed or open, got '{text}'")
    return (load,)


def time_parser(now: datetime) -> Callable[[str], tuple[datetime, bool]]:
    """Return what turns an ISO time into UTC, and whether it was taken as local time.

    A month or a day alone is its first moment.
    """

    def parse(text: str) -> tuple[datetime, bool]:
        whole = f"{text}-01" if len(text) == len("2026-11") else text
        try:
            moment = datetime.fromisoformat(whole)
            utc = moment.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            raise InvalidInputError(f"not an ISO 8601 time (got '{text[:60]}')") from None
        if utc > now + _FUTURE:
            raise InvalidInputError(f"lies more than a day ahead (got '{text[:60]}')")
        return utc, moment.tzinfo is None

    return parse
