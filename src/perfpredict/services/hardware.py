"""Questions about devices: which there are, what a name stands for, what the user added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from perfpredict.catalog.devices import (
    DeviceCatalog,
    device_to_toml,
    load_builtin,
    parse_device,
    parse_platform,
)
from perfpredict.domain.device import Device, Origin, Platform, Price, ResolvedDevice
from perfpredict.domain.names import clean_name
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError, InvalidInputError, UnknownDeviceError
from perfpredict.services.machine import detected_devices
from perfpredict.store import devices as device_rows
from perfpredict.store.gateway import Store
from perfpredict.store.mappings import list_mappings
from perfpredict.store.measurements import list_measurements


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDevice:
    """A device, the name that was asked for, and how often it was measured."""

    resolved: ResolvedDevice
    measurements: int
    """Rows in the database, made-up ones included; 0 without a database."""


def device_catalog(store: Store | None, detected: Sequence[Device] = ()) -> DeviceCatalog:
    """Return the catalog with the devices and aliases that this user's store holds."""
    if store is None:
        return DeviceCatalog(detected=detected)
    return DeviceCatalog(
        user_devices=_user_devices(store),
        user_aliases=device_rows.aliases(store),
        detected=detected,
    )


def device_names_and_platforms(
    store: Store | None, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the canonical names of the devices in `names`, and the platforms in it.

    Raises UnknownDeviceError, with near matches, for a name that is neither.
    """
    platforms = [platform.value for name in names if (platform := parse_platform(name))]
    others = [name for name in names if parse_platform(name) is None]
    catalog = device_catalog(store) if others else DeviceCatalog()
    devices = [catalog.resolve(name).device.name for name in others]
    return tuple(dict.fromkeys(devices)), tuple(dict.fromkeys(platforms))


def list_devices(
    store: Store | None,
    *,
    platform: Platform | None = None,
    vendor: str | None = None,
    origin: Origin | None = None,
) -> tuple[Device, ...]:
    """Return the devices that fit all given filters, priced; this machine's only where asked."""
    detected = detected_devices() if origin is Origin.DETECTED else ()
    catalog = device_catalog(store, detected)
    found = catalog.list(platform=platform, vendor=vendor, origin=origin)
    return tuple(with_prices(found, store))


def with_prices(devices: Sequence[Device], store: Store | None) -> list[Device]:
    """Return `devices` with the prices that the user gave; others keep their own."""
    prices: Mapping[str, Price] = {} if store is None else device_rows.prices(store)
    return [replace(device, price=prices.get(device.name, device.price)) for device in devices]


def show_device(store: Store | None, name: str) -> ShownDevice:
    """Return the device that `name` stands for here.

    Raises CannotAnswerError, with near matches, where it stands for none.
    """
    is_platform = parse_platform(name) is not None
    catalog = device_catalog(store, detected_devices() if is_platform else ())
    try:
        resolved = catalog.resolve(name)
    except UnknownDeviceError as exc:
        raise CannotAnswerError(exc.message, hint=exc.hint) from exc
    (device,) = with_prices([resolved.device], store)
    return ShownDevice(
        resolved=replace(resolved, device=device), measurements=_measurements(store, device.name)
    )


def _measurements(store: Store | None, device: str) -> int:
    if store is None:
        return 0
    return list_measurements(store, RowFilter(devices=(device,), include_sample=True)).height


def checked_user_device(device: Device | str, where: str) -> Device:
    """Return the device, given as such or as TOML text, if it may be stored as the user's own.

    Raises InvalidInputError naming `where` for an unknown key, an unusable value or name.
    """
    text = device if isinstance(device, str) else device_to_toml(device)
    parsed = parse_device(text, Origin.USER, where)
    for alias in parsed.aliases:
        clean_name("alias", alias)
    if clean_name("name", parsed.name) != parsed.name:
        raise InvalidInputError(f"{where}: name: has blanks around it or is not composed (NFC)")
    return parsed


def check_addable(store: Store | None, device: Device, *, may_replace: bool) -> bool:
    """Return whether `device` would take the place of another.

    Raises InvalidInputError where the name is taken and must not be, or an alias is taken.
    """
    own = [] if store is None else _user_devices(store)
    is_own = any(other.name == device.name for other in own)
    is_taken = is_own or device.name in load_builtin()
    if is_taken and not may_replace:
        whose = "yours" if is_own else "in the catalog"
        raise InvalidInputError(
            f"a device named '{device.name}' is {whose} already", hint="--replace overrides it"
        )
    DeviceCatalog(user_devices=[*(other for other in own if other.name != device.name), device])
    return is_taken


def add_device(store: Store, device: Device, *, may_replace: bool, now: datetime) -> bool:
    """Store `device` as the user's own; returns and raises what `check_addable` does."""
    with store.transaction():
        is_taken = check_addable(store, device, may_replace=may_replace)
        device_rows.save_user_device(store, device.name, device_to_toml(device), now=now)
    return is_taken


def check_removable(store: Store, name: str) -> None:
    """Raise CannotAnswerError unless `name` is a device of the user's own."""
    own = device_rows.user_devices(store)
    if name in own:
        return
    if name in load_builtin():
        raise CannotAnswerError(f"'{name}' is in the catalog and not yours to remove")
    names = ", ".join(sorted(own)) or "none yet"
    raise CannotAnswerError(f"no device of yours is named '{name}'", hint=f"yours: {names}")


def remove_device(store: Store, name: str) -> None:
    """Remove the user's own device `name`; CannotAnswerError where there is none."""
    check_removable(store, name)
    device_rows.remove_user_device(store, name)


def resolve_alias(store: Store | None, platform_name: str, device_name: str) -> ResolvedDevice:
    """Return what `platform_name` would stand for as an alias of the user.

    Raises InvalidInputError for what is no platform, UnknownDeviceError for no device.
    """
    platform = _platform(platform_name)
    device = device_catalog(store).find(device_name)
    return ResolvedDevice(requested=platform.value, device=device, how="user alias")


def set_alias(store: Store, alias: ResolvedDevice, *, now: datetime) -> None:
    """Let a platform stand for a device in this database from now on."""
    device_rows.set_alias(store, alias.requested, alias.device.name, now=now)


def remove_alias(store: Store, platform_name: str) -> str:
    """Let `platform_name` stand for what it did before; return the device it stood for."""
    platform = _platform(platform_name)
    device = device_rows.aliases(store).get(platform.value)
    if device is None:
        raise CannotAnswerError(f"'{platform.value}' has no alias of yours")
    device_rows.remove_alias(store, platform.value)
    return device


def list_platforms(store: Store | None) -> list[ResolvedDevice]:
    """Return what each platform name stands for here, and why."""
    catalog = device_catalog(store, detected_devices())
    return [catalog.resolve(platform.value) for platform in Platform]


def compatibility(store: Store, model: str | None) -> pl.DataFrame:
    """Return how a model, or every model, last stood on devices."""
    return list_mappings(store, model)


def _platform(name: str) -> Platform:
    platform = parse_platform(name)
    if platform is None:
        names = ", ".join(one.value for one in Platform)
        raise InvalidInputError(f"no platform named '{name}'", hint=f"platforms: {names}")
    return platform


def _user_devices(store: Store) -> list[Device]:
    texts = device_rows.user_devices(store)
    return [
        parse_device(text, Origin.USER, f"your device '{name}'") for name, text in texts.items()
    ]
