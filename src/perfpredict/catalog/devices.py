"""The device catalog: shipped entries, the user's own and this machine's, found by any usual name.

A platform name (`cuda`) is never a device; `resolve` says which device it stands for and why.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

from perfpredict.catalog.device_names import normalise_name
from perfpredict.catalog.device_toml import device_to_toml, parse_device
from perfpredict.domain.device import Device, Origin, Platform, ResolvedDevice
from perfpredict.errors import InvalidInputError, UnknownDeviceError, UnknownPlatformError

__all__ = [
    "DeviceCatalog",
    "Reference",
    "device_to_toml",
    "load_builtin",
    "normalise_name",
    "parse_device",
    "parse_platform",
    "references",
]

_FILES = Path(__file__).parent / "device_files"
_PLATFORMS = Path(__file__).parent / "platforms.toml"
_PLATFORMS_BY_NAME = {platform.value: platform for platform in Platform}
_NEAR_MATCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The device that a platform name stands for where nothing else says so."""

    platform: Platform
    device: str
    reason: str
    runs_on: tuple[Platform, ...]
    """Platforms of detected devices that can serve this one, the preferred first."""
    vendors: tuple[str, ...] = ()
    """Vendors whose devices can serve it; empty for any."""

    def serves(self, device: Device) -> bool:
        """Return whether `device` can run what this platform runs."""
        by_vendor = not self.vendors or device.vendor in self.vendors
        return device.platform in self.runs_on and by_vendor


@cache
def load_builtin() -> Mapping[str, Device]:
    """Return the shipped devices by name, sorted; the files are read once per process."""
    paths = sorted(_FILES.glob("*.toml"))
    return MappingProxyType({path.stem: _read(path.stem) for path in paths})


@cache
def references() -> Mapping[Platform, Reference]:
    """Return the documented reference device of every platform that has one."""
    tables = tomllib.loads(_PLATFORMS.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            Platform(name): Reference(
                platform=Platform(name),
                device=table["reference"],
                reason=table["reason"],
                runs_on=tuple(Platform(other) for other in table["runs_on"]),
                vendors=tuple(table.get("vendors", ())),
            )
            for name, table in tables.items()
        }
    )


def parse_platform(text: str) -> Platform | None:
    """Return the platform that `text` names, or None where it names none."""
    return _PLATFORMS_BY_NAME.get(text.strip().casefold())


@cache
def _read(name: str) -> Device:
    path = _FILES / f"{name}.toml"
    return parse_device(path.read_text(encoding="utf-8"), Origin.BUILTIN, path.name)


@cache
def _builtin_names() -> frozenset[str]:
    return frozenset(path.stem for path in _FILES.glob("*.toml"))


@cache
def _builtin_names_by_key() -> Mapping[str, str]:
    return MappingProxyType(_index(load_builtin().values(), "the catalog"))


def _index(devices: Iterable[Device], whose: str) -> dict[str, str]:
    """Return device names by normalised name and alias; two devices never share one."""
    names_by_key: dict[str, str] = {}
    for device in devices:
        for name in (device.name, *device.aliases):
            other = names_by_key.setdefault(normalise_name(name), device.name)
            if other != device.name:
                raise InvalidInputError(
                    f"two devices of {whose} are called '{name}': '{other}' and '{device.name}'"
                )
    return names_by_key


class DeviceCatalog:
    """All devices known here; the user's entries hide detected ones, and those the shipped ones."""

    def __init__(
        self,
        *,
        user_devices: Iterable[Device] = (),
        user_aliases: Mapping[str, str] | None = None,
        detected: Iterable[Device] = (),
    ) -> None:
        self._detected = tuple(detected)
        """In order of preference: an accelerator before the CPU."""
        self._user = {device.name: device for device in user_devices}
        self._own = {device.name: device for device in self._detected} | self._user
        self._own_names_by_key = _index(self._detected, "this machine") | _index(
            self._user.values(), "the user"
        )
        self._user_aliases = {
            alias.strip().casefold(): target for alias, target in (user_aliases or {}).items()
        }

    def find(self, name: str) -> Device:
        """Return the device with this name or alias.

        Raises UnknownDeviceError, with up to three near matches, where there is none.
        """
        device = self._look_up(name)
        if device is None:
            raise self._unknown(name)
        return device

    def resolve(self, name: str) -> ResolvedDevice:
        """Return the device that `name` stands for and the rule that said so.

        In this order: a device's name or alias, the user's alias, and for a platform the
        device detected on this machine, then the platform's documented reference device.
        Raises UnknownDeviceError or UnknownPlatformError.
        """
        device = self._look_up(name)
        if device is not None:
            is_name = normalise_name(name) == normalise_name(device.name)
            return ResolvedDevice(requested=name, device=device, how="name" if is_name else "alias")
        target = self._user_aliases.get(name.strip().casefold())
        if target is not None:
            return ResolvedDevice(requested=name, device=self.find(target), how="user alias")
        platform = parse_platform(name)
        if platform is None:
            raise self._unknown(name)
        return self._resolve_platform(name, platform)

    def list(
        self,
        *,
        platform: Platform | None = None,
        vendor: str | None = None,
        origin: Origin | None = None,
    ) -> tuple[Device, ...]:
        """Return the devices that fit all given filters, sorted by name."""
        every = dict(load_builtin()) | self._own
        return tuple(
            device
            for _, device in sorted(every.items())
            if (platform is None or device.platform is platform)
            and (vendor is None or device.vendor.casefold() == vendor.strip().casefold())
            and (origin is None or device.origin is origin)
        )

    def _look_up(self, name: str) -> Device | None:
        if parse_platform(name) is not None:
            return None
        if name in self._own:
            return self._own[name]
        key = normalise_name(name)
        if key in self._own_names_by_key:
            return self._own[self._own_names_by_key[key]]
        if name in _builtin_names():
            return _read(name)
        builtin = _builtin_names_by_key().get(key)
        return None if builtin is None else _read(builtin)

    def _resolve_platform(self, name: str, platform: Platform) -> ResolvedDevice:
        reference = references().get(platform)
        if reference is None:
            raise UnknownPlatformError(f"the platform '{platform}' stands for no device here")
        serving = [device for device in self._detected if reference.serves(device)]
        if serving:
            best = min(serving, key=lambda device: reference.runs_on.index(device.platform))
            # a probe of this machine is kept as the user's entry of the same name
            return ResolvedDevice(requested=name, device=self._own[best.name], how="detected")
        device = self.find(reference.device)
        return ResolvedDevice(requested=name, device=device, how="reference")

    def _unknown(self, name: str) -> UnknownDeviceError:
        if parse_platform(name) is not None:
            return UnknownDeviceError(
                f"'{name}' is a platform and not a device",
                hint=f"'perfpredict hardware list --platform {name}' shows its devices",
            )
        near = self.near_matches(name)
        shown = "'perfpredict hardware list' shows all devices"
        guess = f"did you mean {_or_list(near)}? " if near else ""
        return UnknownDeviceError(f"no device named '{name}'", hint=guess + shown)

    def near_matches(self, name: str) -> tuple[str, ...]:
        """Return up to three names of devices, aliases or platforms that look like `name`."""
        names_by_key = dict(_builtin_names_by_key()) | self._own_names_by_key
        names_by_key |= {alias: alias for alias in self._user_aliases}
        names_by_key |= {platform.value: platform.value for platform in references()}
        key = normalise_name(name)
        near = difflib.get_close_matches(key, names_by_key, n=10)
        near.sort(key=lambda other: _likeness(key, other), reverse=True)
        return tuple(dict.fromkeys(names_by_key[other] for other in near))[:_NEAR_MATCHES]


def _likeness(one: str, other: str) -> tuple[float, int]:
    """Return how alike two keys are; of equally alike ones the longer common beginning wins."""
    ratio = difflib.SequenceMatcher(a=one, b=other).ratio()
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return ratio, len(list(alike))


def _or_list(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
