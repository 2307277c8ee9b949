"""One device as TOML: a strict reader that names the file and key it refuses, and its writer."""

import datetime
import difflib
import json
from collections.abc import Mapping
from typing import TypeVar

from perfpredict.catalog.device_names import normalise_name
from perfpredict.domain.device import Device, DeviceKind, Origin, Platform, Price
from perfpredict.domain.precision import Precision
from perfpredict.domain.toml_text import at_line, parse_toml
from perfpredict.errors import InvalidInputError

_TEXT_KEYS = ("name", "vendor", "kind", "platform", "architecture", "source", "note")
_NUMBER_KEYS = (
    "year",
    "memory_mib",
    "bandwidth_gb_per_s",
    "tdp_w",
    "compute_units",
    "boost_mhz",
    "cache_mib",
)
_KEYS = (*_TEXT_KEYS, *_NUMBER_KEYS, "aliases", "is_probed", "peak_tflops", "price")
_PRICE_KEYS = ("amount_per_hour", "currency", "date", "source")
_ARITHMETIC = tuple(p.value for p in Precision if p.arithmetic is p)

_MIB = 2**20
_GB_PER_S = 1e9
_TFLOPS = 1e12
_BEYOND_ANY_HARDWARE = 1e18

Choice = TypeVar("Choice", DeviceKind, Platform)


def parse_device(text: str, origin: Origin, where: str) -> Device:
    """Return the device that the TOML `text` describes; `where` names the file in messages.

    Raises InvalidInputError for broken TOML, an unknown or missing key, and a value of the
    wrong type; a close match is suggested.
    """
    device = _read_device(_Table(parse_toml(where, text), where, text), origin)
    _refuse_unusable_names(device, where)
    return device


def _read_device(table: "_Table", origin: Origin) -> Device:
    table.refuse_unknown(_KEYS)
    cache_mib = table.number("cache_mib")
    return Device(
        name=table.text("name", required=True),
        vendor=table.text("vendor", required=True),
        kind=table.choice("kind", DeviceKind),
        platform=table.choice("platform", Platform),
        memory_bytes=round(table.required_number("memory_mib") * _MIB),
        bandwidth_bytes_per_s=table.required_number("bandwidth_gb_per_s") * _GB_PER_S,
        peak_flops_per_s=_read_peaks(table.table("peak_tflops", required=True)),
        architecture=table.text("architecture"),
        year=table.whole_number("year"),
        aliases=table.texts("aliases"),
        compute_units=table.whole_number("compute_units"),
        boost_mhz=table.number("boost_mhz"),
        cache_bytes=None if cache_mib is None else round(cache_mib * _MIB),
        tdp_w=table.number("tdp_w"),
        source=table.text("source"),
        note=table.text("note"),
        origin=origin,
        is_probed=table.flag("is_probed"),
        price=_read_price(table.table("price")) if table.has("price") else None,
    )


def _read_peaks(table: "_Table") -> dict[Precision, float]:
    table.refuse_unknown(_ARITHMETIC)
    return {Precision(p): table.required_number(p) * _TFLOPS for p in _ARITHMETIC if table.has(p)}


def _read_price(table: "_Table") -> Price:
    table.refuse_unknown(_PRICE_KEYS)
    return Price(
        amount_per_hour=table.required_number("amount_per_hour"),
        currency=table.text("currency", required=True),
        date=table.date("date"),
        source=table.text("source"),
    )


def device_to_toml(device: Device) -> str:
    """Return the TOML that `parse_device` reads back; the origin is not part of it."""
    pairs: dict[str, str | float | bool | None] = {
        "name": device.name,
        "vendor": device.vendor,
        "kind": device.kind.value,
        "platform": device.platform.value,
        "architecture": device.architecture or None,
        "year": device.year,
        "memory_mib": device.memory_bytes / _MIB,
        "bandwidth_gb_per_s": device.bandwidth_bytes_per_s / _GB_PER_S,
        "tdp_w": device.tdp_w,
        "compute_units": device.compute_units,
        "boost_mhz": device.boost_mhz,
        "cache_mib": None if device.cache_bytes is None else device.cache_bytes / _MIB,
        "source": device.source or None,
        "note": device.note or None,
        "is_probed": device.is_probed or None,
    }
    lines = [f"{key} = {_toml(value)}" for key, value in pairs.items() if value is not None]
    if device.aliases:
        lines += ["aliases = [", *(f"    {_toml(alias)}," for alias in device.aliases), "]"]
    lines += ["", "[peak_tflops]"]
    lines += [f"{p} = {_toml(rate / _TFLOPS)}" for p, rate in device.peak_flops_per_s.items()]
    if device.price is not None:
        price = {key: getattr(device.price, key) for key in _PRICE_KEYS}
        lines += ["", "[price]", *(f"{key} = {_toml(value)}" for key, value in price.items())]
    return "\n".join(lines) + "\n"


def _toml(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # a JSON string is a TOML basic string, but for the one control character JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(int(value)) if value == int(value) else repr(float(value))


def _refuse_unusable_names(device: Device, where: str) -> None:
    taken = {platform.value for platform in Platform}
    for name in (device.name, *device.aliases):
        if not normalise_name(name):
            raise InvalidInputError(f"{where}: the name '{name}' has no letter or digit")
        if name.strip().casefold() in taken:
            raise InvalidInputError(
                f"{where}: '{name}' names a platform and cannot name a device",
                hint="'perfpredict hardware alias' says which device a platform stands for",
            )


class _Table:
    """Typed reads of one TOML table; every refusal names the file and the key."""

    def __init__(
        self, content: Mapping[str, object], where: str, text: str, name: str = ""
    ) -> None:
        self._content = content
        self._where = where
        self._text = text
        self._name = name

    def _error(self, key: str, what: str, hint: str | None = None) -> InvalidInputError:
        full = f"{self._name}.{key}" if self._name else key
        line = at_line(self._text, key, self._name)
        return InvalidInputError(f"{self._where}: '{full}' {what}{line}", hint=hint)

    def refuse_unknown(self, allowed: tuple[str, ...]) -> None:
        for key in self._content:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                known = f"the keys are {', '.join(allowed)}"
                raise self._error(
                    key, "is not a known key", f"did you mean '{near[0]}'?" if near else known
                )

    def has(self, key: str) -> bool:
        return key in self._content

    def text(self, key: str, *, required: bool = False) -> str:
        value = self._content.get(key, "")
        if not isinstance(value, str):
            raise self._error(key, f"must be text, got {value!r}")
        if required and not value.strip():
            raise self._error(key, "is missing")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            raise self._error(key, f"must be a list of text, got {value!r}")
        return tuple(value)

    def number(self, key: str) -> float | None:
        value = self._content.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(key, f"must be a number, got {value!r}")
        if not 0 < value < _BEYOND_ANY_HARDWARE:
            raise self._error(key, f"must be above 0 and below {_BEYOND_ANY_HARDWARE:g}")
        return value

    def required_number(self, key: str) -> float:
        value = self.number(key)
        if value is None:
            raise self._error(key, "is missing")
        return value

    def whole_number(self, key: str) -> int | None:
        value = self.number(key)
        if value is None:
            return None
        if value != int(value):
            raise self._error(key, f"must be a whole number, got {value}")
        return int(value)

    def flag(self, key: str) -> bool:
        value = self._content.get(key, False)
        if not isinstance(value, bool):
            raise self._error(key, f"must be true or false, got {value!r}")
        return value

    def date(self, key: str) -> str:
        value = self._content.get(key)
        if isinstance(value, datetime.date):
            return value.isoformat()
        text = self.text(key, required=True)
        try:
            return datetime.date.fromisoformat(text).isoformat()
        except ValueError as exc:
            raise self._error(key, f"must be a date such as 2026-11-01, got '{text}'") from exc

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        text = self.text(key, required=True)
        values = [choice.value for choice in choices]
        if text not in values:
            near = difflib.get_close_matches(text, values, n=1)
            known = f"one of {', '.join(values)}"
            raise self._error(
                key, f"cannot be '{text}'", f"did you mean '{near[0]}'?" if near else known
            )
        return choices(text)

    def table(self, key: str, *, required: bool = False) -> "_Table":
        value = self._content.get(key)
        if value is None and not required:
            return _Table({}, self._where, self._text, key)
        if value is None:
            raise self._error(key, "is missing")
        if not isinstance(value, dict):
            raise self._error(key, f"must be a table, got {value!r}")
        return _Table(value, self._where, self._text, key)
