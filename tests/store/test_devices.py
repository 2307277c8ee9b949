import pytest

from perfpredict.domain.device import Price
from perfpredict.errors import InvalidInputError, UnknownIdError
from perfpredict.store.devices import (
    aliases,
    prices,
    remove_alias,
    remove_user_device,
    save_user_device,
    set_alias,
    set_price,
    set_prices,
    user_devices,
)


def a_price(amount=1.5):
    return Price(amount_per_hour=amount, currency="EUR", date="2026-11-01", source="a list")


def test_a_device_is_replaced_by_its_name_and_can_be_removed(store):
    save_user_device(store, "mine", "first")
    save_user_device(store, "mine", "second")
    assert user_devices(store) == {"mine": "second"}

    remove_user_device(store, "mine")
    assert user_devices(store) == {}
    with pytest.raises(UnknownIdError, match="'mine'"):
        remove_user_device(store, "mine")


def test_an_alias_is_the_last_one_set(store):
    set_alias(store, "cuda", "nvidia-l4")
    set_alias(store, "cuda", "nvidia-a10")
    assert aliases(store) == {"cuda": "nvidia-a10"}

    remove_alias(store, "cuda")
    with pytest.raises(UnknownIdError):
        remove_alias(store, "cuda")


def test_prices_are_set_all_or_none(store):
    set_price(store, "nvidia-l4", a_price())

    with pytest.raises(InvalidInputError):
        set_prices(store, {"nvidia-l4": a_price(2.0), "nvidia-a10": a_price(float("inf"))})
    assert prices(store) == {"nvidia-l4": a_price()}
