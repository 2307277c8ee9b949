"""Writes and reads what the user said about hardware: own devices, aliases and prices.

`now` is when it was said, by default the moment of the transaction.
"""

from collections.abc import Mapping
from datetime import datetime

from perfpredict.domain.device import Price
from perfpredict.errors import UnknownIdError
from perfpredict.store.gateway import Store


def save_user_device(store: Store, name: str, toml: str, *, now: datetime | None = None) -> None:
    """Store the text of a device file under its canonical name, replacing an earlier one."""
    with store.transaction():
        store.execute(
            """
            insert or replace into user_devices (device, updated_at, toml)
            values ($device, coalesce($updated_at::timestamptz, current_timestamp), $toml)
            """,
            {"device": name, "updated_at": now, "toml": toml},
        )


def user_devices(store: Store) -> Mapping[str, str]:
    """Return the text of every stored device file by device name."""
    found = store.rows("select device, toml from user_devices order by device")
    return {str(device): str(toml) for device, toml in found}


def remove_user_device(store: Store, name: str) -> None:
    """Delete one stored device; raises UnknownIdError where there is none."""
    with store.transaction():
        if name not in user_devices(store):
            raise UnknownIdError(
                f"no device named '{name}' was added here",
                hint="'perfpredict hardware list --origin user' shows those that were",
            )
        store.execute("delete from user_devices where device = $device", {"device": name})


def set_alias(store: Store, platform: str, device: str, *, now: datetime | None = None) -> None:
    """Let `platform` stand for `device` in this database from now on."""
    with store.transaction():
        store.execute(
            """
            insert or replace into platform_aliases (platform, updated_at, device)
            values ($platform, coalesce($updated_at::timestamptz, current_timestamp), $device)
            """,
            {"platform": platform, "updated_at": now, "device": device},
        )


def remove_alias(store: Store, platform: str) -> None:
    """Forget what `platform` stood for; raises UnknownIdError where it stood for nothing."""
    with store.transaction():
        if platform not in aliases(store):
            raise UnknownIdError(f"'{platform}' is no alias here")
        store.execute(
            "delete from platform_aliases where platform = $platform", {"platform": platform}
        )


def aliases(store: Store) -> Mapping[str, str]:
    """Return the device that each aliased platform stands for."""
    found = store.rows("select platform, device from platform_aliases order by platform")
    return {str(platform): str(device) for platform, device in found}


def set_price(store: Store, device: str, price: Price, *, now: datetime | None = None) -> None:
    """Store what `device` costs per hour, replacing an earlier price."""
    set_prices(store, {device: price}, now=now)


def set_prices(
    store: Store, price_by_device: Mapping[str, Price], *, now: datetime | None = None
) -> None:
    """Store all prices or none."""
    with store.transaction():
        for device, price in price_by_device.items():
            store.execute(
                """
                insert or replace into device_prices (
                    device, updated_at, amount_per_hour, currency, valid_on, source
                ) values (
                    $device, coalesce($updated_at::timestamptz, current_timestamp),
                    $amount, $currency, $valid_on, $source
                )
                """,
                {
                    "device": device,
                    "updated_at": now,
                    "amount": price.amount_per_hour,
                    "currency": price.currency,
                    "valid_on": price.date,
                    "source": price.source,
                },
            )


def prices(store: Store) -> Mapping[str, Price]:
    """Return the stored price of each device that has one."""
    found = store.rows(
        "select device, amount_per_hour, currency, valid_on, source "
        "from device_prices order by device"
    )
    return {
        str(device): Price(
            amount_per_hour=float(str(amount)),
            currency=str(currency),
            date=str(valid_on),
            source=str(source),
        )
        for device, amount, currency, valid_on, source in found
    }
