"""The filters that every `get_…` method takes, and the rows they mean."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from perfpredict.adapters.workloads import Machine, check_keys, choice, whole
from perfpredict.catalog.devices import parse_platform
from perfpredict.catalog.models import find_model
from perfpredict.domain.names import clean_name
from perfpredict.domain.precision import Precision
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Mode
from perfpredict.errors import InvalidInputError, UnknownDeviceError, UnknownModelError
from perfpredict.services.hardware import device_catalog
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements
from perfpredict.store.predictions import list_predictions


class Filters(TypedDict, total=False):
    """All given conditions hold together; every key may be left out."""

    model_name: str | None
    """A name, or a glob such as `bert*`."""
    model_family: str | None
    hardware_platform: str | Sequence[str] | None
    """Platforms, devices or aliases; any of them."""
    device: str | Sequence[str] | None
    batch_size: int | None
    precision: str | None
    mode: str | None
    start_time: datetime | str | None
    """Inclusive; without an offset it is in this process's time zone."""
    end_time: datetime | str | None
    """Exclusive."""
    days: float | None
    """The same as a start_time of so many times 24 hours ago."""
    source: str | None
    user_id: str | None
    include_sample: bool
    limit: int | None


def row_filter(store: Store, filters: Filters, machine: Machine, *, now: datetime) -> RowFilter:
    """Return the rows that `filters` mean.

    Raises InvalidInputError naming the argument, UnknownDeviceError with near matches.
    """
    check_keys(filters, Filters)
    platforms, devices = _hardware(store, filters, machine)
    family, precision = filters.get("model_family"), filters.get("precision")
    batch_size, mode = filters.get("batch_size"), filters.get("mode")
    start = _start(filters, now)
    end = moment("end_time", filters.get("end_time"))
    return RowFilter(
        models=_models(filters.get("model_name")),
        family=None if family is None else clean_name("model_family", family),
        devices=devices,
        platforms=platforms,
        precision=None if precision is None else Precision.parse(precision),
        mode=None if mode is None else choice("mode", mode, Mode),
        batch_size=None if batch_size is None else whole(batch_size),
        since=start,
        until=end,
        source=filters.get("source"),
        user=filters.get("user_id"),
        include_sample=bool(filters.get("include_sample", False)),
        limit=_limit(filters.get("limit")),
    )


def moment(field: str, given: datetime | str | None) -> datetime | None:
    """Return a time in UTC; without an offset it is in this process's time zone."""
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else given
        return time.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError, OSError):
        raise InvalidInputError(f"{field}: not a time (got {given!r})") from None


def _start(filters: Filters, now: datetime) -> datetime | None:
    days = filters.get("days")
    if days is None:
        return moment("start_time", filters.get("start_time"))
    if filters.get("start_time") is not None:
        raise InvalidInputError("days and start_time exclude each other")
    if not 0 < days < 1e5:
        raise InvalidInputError(f"days must be above 0 and below 100000, got {days}")
    return now - timedelta(days=days)


def _limit(limit: int | None) -> int | None:
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise InvalidInputError(f"limit must be a whole number of at least 0, got {limit!r}")
    return limit


def _models(name: str | None) -> tuple[str, ...]:
    if name is None:
        return ()
    if any(character in name for character in "*?["):
        return (name,)
    try:
        return (find_model(name).name,)
    except UnknownModelError:
        # recorded under a name that the catalog does not know
        return (clean_name("model_name", name),)


def _hardware(
    store: Store, filters: Filters, machine: Machine
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the platforms and the canonical devices that are meant."""
    names = [*_listed(filters.get("hardware_platform")), *_listed(filters.get("device"))]
    platforms = [one.value for name in names if (one := parse_platform(name))]
    devices = [_device(store, name, machine) for name in names if parse_platform(name) is None]
    return tuple(dict.fromkeys(platforms)), tuple(dict.fromkeys(devices))


def _listed(names: str | Sequence[str] | None) -> list[str]:
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def _device(store: Store, name: str, machine: Machine) -> str:
    try:
        return device_catalog(store).resolve(name).device.name
    except UnknownDeviceError:
        if _is_recorded(store, name):
            return name
        # raises again, unless it is a device of this machine
        return device_catalog(store, machine.devices).resolve(name).device.name


def _is_recorded(store: Store, device: str) -> bool:
    anywhere = RowFilter(devices=(device,), include_sample=True, limit=1)
    return any(find(store, anywhere).height for find in (list_measurements, list_predictions))
