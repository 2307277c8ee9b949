"""Questions about devices: which there are, what a name stands for, what the user added."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfpredict.catalog.devices import DeviceCatalog, parse_device, parse_platform
from perfpredict.domain.device import Origin

if TYPE_CHECKING:
    from perfpredict.store.gateway import Store


def device_catalog(store: "Store | None") -> DeviceCatalog:
    """Return the catalog with the devices and aliases that this user's store holds."""
    if store is None:
        return DeviceCatalog()
    from perfpredict.store import devices

    user_devices = [
        parse_device(text, Origin.USER, name) for name, text in devices.user_devices(store).items()
    ]
    return DeviceCatalog(user_devices=user_devices, user_aliases=devices.aliases(store))


def device_names_and_platforms(
    store: "Store | None", names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the canonical names of the devices in `names`, and the platforms in it.

    Raises UnknownDeviceError, with near matches, for a name that is neither.
    """
    platforms = [name for name in names if parse_platform(name) is not None]
    others = [name for name in names if name not in platforms]
    catalog = device_catalog(store) if others else DeviceCatalog()
    devices = [catalog.resolve(name).device.name for name in others]
    known = [platform.value for name in platforms if (platform := parse_platform(name))]
    return tuple(dict.fromkeys(devices)), tuple(dict.fromkeys(known))
