"""Quantities with units, as people write them: parsed exactly, refused where ambiguous."""

import math
import re
from collections.abc import Mapping

from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.errors import InvalidInputError

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40

# ASCII digits only: a decimal comma, an underscore, hexadecimal or full-width digits are refused
_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?) ?([^0-9. ].*)?\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)

_MS_PER = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ns": 1e-6, "min": 6e4}
_BYTES_PER = {
    "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB,
}  # fmt: skip
_RATE_UNITS = ("", "/s", "samples/s", "it/s", "tokens/s", "tok/s", "batches/s", "batch/s")
_BATCH_UNITS = {"batches/s", "batch/s"}
_TOKEN_UNITS = {"tokens/s", "tok/s"}


def parse_duration_ms(field: str, text: str) -> float:
    """Return `text` in milliseconds; a bare number is in milliseconds already.

    Raises InvalidInputError naming `field` unless it is a finite number above 0 with a known unit.
    """
    number, unit = _split(field, text)
    return _positive(field, number * _factor(field, unit or "ms", _MS_PER), text)


def parse_bytes(field: str, text: str) -> float:
    """Return `text` in bytes; a bare number is in MiB (2^20), MB is 10^6. Zero is allowed.

    Raises InvalidInputError naming `field` unless it is a finite number of at least 0.
    """
    number, unit = _split(field, text)
    size = number * _factor(field, unit or "MiB", _BYTES_PER)
    return size if size == 0 and number == 0 else _positive(field, size, text)


def parse_rate(
    field: str, text: str, *, work_per_batch: float | None = None
) -> tuple[float, ThroughputUnit | None]:
    """Return `text` per second, and the unit it names (None where bare).

    `batches/s` is turned into samples (or tokens) by `work_per_batch`, and refused without it.
    Raises InvalidInputError naming `field` unless it is a finite number above 0.
    """
    number, unit = _split(field, text)
    if unit not in _RATE_UNITS:
        raise _unknown_unit(field, unit, _RATE_UNITS[1:])
    rate = _positive(field, number, text)
    if unit in _BATCH_UNITS:
        if work_per_batch is None:
            raise InvalidInputError(f"{field}: batches/s needs the batch size (got '{text}')")
        return rate * work_per_batch, None
    if unit in _TOKEN_UNITS:
        return rate, ThroughputUnit.TOKENS
    return rate, ThroughputUnit.SAMPLES if unit == "samples/s" else None


def parse_number(field: str, text: str) -> float:
    """Return the finite number that `text` writes.

    Raises InvalidInputError naming `field` for anything else, such as `nan`, `1,5` or `0x10`.
    """
    if not _NUMBER.match(text.strip(" ")):
        raise InvalidInputError(f"{field}: not a number (got '{text}')", hint=_number_hint(text))
    number = float(text)
    if not math.isfinite(number):
        raise InvalidInputError(f"{field}: too large (got '{text}')")
    if 0 < abs(number) < 1e-300:  # ratios of subnormal numbers overflow
        raise InvalidInputError(f"{field}: too small (got '{text}')")
    return number


def parse_positive(field: str, text: str) -> float:
    """Return the finite number above 0 that `text` writes, else raise InvalidInputError."""
    return _positive(field, parse_number(field, text), text)


def _split(field: str, text: str) -> tuple[float, str]:
    found = _QUANTITY.match(text.strip(" "))
    if found is None or not _NUMBER.match(found[1]):
        raise InvalidInputError(f"{field}: not a number (got '{text}')", hint=_number_hint(text))
    unit = (found[2] or "").strip(" ")
    if unit[:1] in {",", "_"} or unit[:1].isdecimal() or unit.lower().startswith("x"):
        raise InvalidInputError(f"{field}: not a number (got '{text}')", hint=_number_hint(text))
    return parse_number(field, found[1]), unit


def _number_hint(text: str) -> str | None:
    return "write a decimal point, not a comma" if "," in text else None


def _positive(field: str, value: float, text: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InvalidInputError(f"{field}: must be a number above 0 (got '{text}')")
    return value


def _factor(field: str, unit: str, factors: Mapping[str, float]) -> float:
    if unit not in factors:
        raise _unknown_unit(field, unit, tuple(factors))
    return factors[unit]


def _unknown_unit(field: str, unit: str, known: tuple[str, ...]) -> InvalidInputError:
    return InvalidInputError(f"{field}: unknown unit '{unit}'", hint=f"units: {', '.join(known)}")
