"""Reports of the `hardware` group: devices, what this machine has, aliases and prices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perfpredict.domain.device import Device, Origin, Price, ResolvedDevice
from perfpredict.domain.precision import Precision
from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, Row

if TYPE_CHECKING:
    from perfpredict.catalog.detect import DetectedDevice, Survey
    from perfpredict.catalog.probe import ProbeResult

MIB = 2**20
_GB, _TERA = 1e9, 1e12
_ARITHMETIC = tuple(p for p in Precision if p.arithmetic is p)

LIST_COLUMNS = (
    Column("name", "device", ColumnKind.ID, 0),
    Column("aliases", "aliases", ColumnKind.TEXT, 9),
    Column("platform", "platform", ColumnKind.ID, 2),
    Column("vendor", "vendor", ColumnKind.ID, 6),
    Column("memory_mib", "memory MiB", ColumnKind.MIB, 1),
    Column("bandwidth_gb_s", "GB/s", ColumnKind.NUMBER, 2),
    Column("tflops_fp32", "TFLOP/s fp32", ColumnKind.NUMBER, 3),
    Column("tflops_fp16", "fp16", ColumnKind.NUMBER, 3),
    Column("precisions", "precisions", ColumnKind.TEXT, 8),
    Column("tdp_w", "W", ColumnKind.NUMBER, 5),
    Column("price_per_h", "price/h", ColumnKind.NUMBER, 4),
    Column("currency", "", ColumnKind.ID, 4),
    Column("price_date", "price of", ColumnKind.ID, 8),
    Column("origin", "origin", ColumnKind.ID, 7),
)


def device_list(devices: Sequence[Device]) -> Report:
    """Return one row for each device; rates are dense peaks in decimal units."""
    return Report("hardware-list", LIST_COLUMNS, [_list_row(device) for device in devices])


def _list_row(device: Device) -> dict[str, JsonValue]:
    return {
        **_common(device),
        "tflops_fp32": _tflops(device, Precision.FP32),
        "tflops_fp16": _tflops(device, Precision.FP16),
        "precisions": [precision.value for precision in device.peak_flops_per_s],
    }


def _common(device: Device) -> dict[str, JsonValue]:
    return {
        "name": device.name,
        "aliases": list(device.aliases),
        "platform": device.platform.value,
        "vendor": device.vendor,
        "memory_mib": device.memory_bytes / MIB,
        "bandwidth_gb_s": device.bandwidth_bytes_per_s / _GB,
        "tdp_w": device.tdp_w,
        **_price(device.price),
        "origin": device.origin.value,
    }


def _price(price: Price | None) -> dict[str, JsonValue]:
    return {
        "price_per_h": price.amount_per_hour if price else None,
        "currency": price.currency if price else None,
        "price_date": price.date if price else None,
    }


def _tflops(device: Device, precision: Precision) -> float | None:
    rate = device.peak_flops_per_s.get(precision)
    return None if rate is None else rate / _TERA


SHOW_COLUMNS = (
    Column("requested", kind=ColumnKind.ID),
    Column("name", kind=ColumnKind.ID),
    Column("how"),
    Column("vendor", kind=ColumnKind.ID),
    Column("kind", kind=ColumnKind.ID),
    Column("platform", kind=ColumnKind.ID),
    Column("architecture"),
    Column("year", kind=ColumnKind.COUNT),
    Column("aliases"),
    Column("memory_mib", kind=ColumnKind.MIB),
    Column("bandwidth_gb_s", kind=ColumnKind.NUMBER),
    *(Column(f"tflops_{p.value}", kind=ColumnKind.NUMBER) for p in _ARITHMETIC),
    Column("ridge_point_flop_per_byte", kind=ColumnKind.NUMBER),
    Column("compute_units", kind=ColumnKind.COUNT),
    Column("boost_mhz", kind=ColumnKind.NUMBER),
    Column("cache_mib", kind=ColumnKind.MIB),
    Column("tdp_w", kind=ColumnKind.NUMBER),
    Column("price_per_h", kind=ColumnKind.NUMBER),
    Column("currency", kind=ColumnKind.ID),
    Column("price_date", kind=ColumnKind.ID),
    Column("origin", kind=ColumnKind.ID),
    Column("is_probed", kind=ColumnKind.FLAG),
    Column("measurements", kind=ColumnKind.COUNT),
    Column("source"),
    Column("note"),
)


def shown_device(resolved: ResolvedDevice, measurements: int) -> Report:
    """Return everything known of one device, and how the name led to it."""
    device = resolved.device
    row: dict[str, JsonValue] = {
        **_common(device),
        **{f"tflops_{p.value}": _tflops(device, p) for p in _ARITHMETIC},
        "requested": resolved.requested,
        "how": resolved.how,
        "kind": device.kind.value,
        "architecture": device.architecture or None,
        "year": device.year,
        "ridge_point_flop_per_byte": device.ridge_point,
        "compute_units": device.compute_units,
        "boost_mhz": device.boost_mhz,
        "cache_mib": None if device.cache_bytes is None else device.cache_bytes / MIB,
        "is_probed": device.is_probed,
        "measurements": measurements,
        "source": device.source or None,
        "note": device.note or None,
    }
    return Report("hardware-show", SHOW_COLUMNS, [row], is_single=True)


DETECT_COLUMNS = (
    Column("name", "device", ColumnKind.ID, 0),
    Column("platform", "platform", ColumnKind.ID, 1),
    Column("count", "count", ColumnKind.COUNT, 2),
    Column("memory_mib", "memory MiB", ColumnKind.MIB, 1),
    Column("driver", "driver", ColumnKind.TEXT, 3),
    Column("how", "how", ColumnKind.TEXT, 4),
    Column("confidence", "confidence", ColumnKind.ID, 5),
    Column("note", "note", ColumnKind.TEXT, 6),
)


def detected(survey: "Survey") -> Report:
    """Return one row for each kind of device in this machine, the CPU last."""
    rows = [_detected_row(found) for found in survey.devices]
    return Report("hardware-detect", DETECT_COLUMNS, rows, notes=survey.notes)


def _detected_row(found: "DetectedDevice") -> dict[str, JsonValue]:
    return {
        "name": found.name,
        "platform": found.platform.value,
        "count": found.count,
        "memory_mib": None if found.memory_bytes is None else found.memory_bytes / MIB,
        "driver": found.driver or None,
        "how": found.how,
        "confidence": _confidence(found.device),
        "note": "; ".join(found.notes) or None,
    }


def _confidence(device: Device | None) -> str:
    """Return `high` for rates of the catalog, `medium` for derived ones, `low` for none."""
    if device is None:
        return "low"
    return "high" if device.origin is not Origin.DETECTED or device.is_probed else "medium"


RAW_COLUMNS = (
    Column("command", kind=ColumnKind.ID),
    Column("failure"),
    Column("text"),
)


def raw_outputs(survey: "Survey") -> Report:
    """Return what each tool of this machine printed, as it did."""
    rows = [
        {"command": output.command, "failure": output.failure, "text": output.text}
        for output in survey.outputs
    ]
    notes = () if rows else ("no vendor tool was found here; the CPU is read from the system",)
    return Report("hardware-detect-raw", RAW_COLUMNS, rows, notes=notes)


PROBE_COLUMNS = (
    Column("name", kind=ColumnKind.ID),
    Column("tflops_fp32", kind=ColumnKind.NUMBER),
    Column("bandwidth_gb_s", kind=ColumnKind.NUMBER),
    Column("copy_gb_s", kind=ColumnKind.NUMBER),
    Column("stream_gb_s", kind=ColumnKind.NUMBER),
    Column("threads"),
    Column("library"),
    Column("how"),
    Column("stored", kind=ColumnKind.FLAG),
)


def probed(device: Device, result: "ProbeResult", *, is_stored: bool) -> Report:
    """Return the rates that were measured."""
    row: dict[str, JsonValue] = {
        "name": device.name,
        "tflops_fp32": result.fp32_flops_per_s / _TERA,
        "bandwidth_gb_s": result.bandwidth_bytes_per_s / _GB,
        "copy_gb_s": result.copy_bytes_per_s / _GB,
        "stream_gb_s": result.stream_bytes_per_s / _GB,
        "threads": result.threads,
        "library": result.library,
        "how": result.how,
        "stored": is_stored,
    }
    return Report("hardware-probe", PROBE_COLUMNS, [row], is_single=True, notes=result.notes)


CHANGE_COLUMNS = (
    Column("name", kind=ColumnKind.ID),
    Column("action", kind=ColumnKind.ID),
    Column("dry_run", kind=ColumnKind.FLAG),
)


def changed(name: str, action: str, *, is_dry_run: bool = False) -> Report:
    """Return that a device was added, replaced or removed."""
    row: Row = {"name": name, "action": action, "dry_run": is_dry_run}
    return Report("hardware-change", CHANGE_COLUMNS, [row], is_single=True)


ALIAS_COLUMNS = (
    Column("platform", kind=ColumnKind.ID, priority=0),
    Column("hardware", "stands for", ColumnKind.ID, 0),
    Column("how", kind=ColumnKind.ID, priority=1),
)


def aliases(resolved: Sequence[ResolvedDevice]) -> Report:
    """Return which device each platform name stands for, and which rule says so."""
    rows = [
        {"platform": one.requested, "hardware": one.device.name, "how": one.how} for one in resolved
    ]
    return Report("hardware-alias", ALIAS_COLUMNS, rows)


PRICE_COLUMNS = (
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("price_per_h", "price/h", ColumnKind.NUMBER, 0),
    Column("currency", kind=ColumnKind.ID, priority=1),
    Column("price_date", "price of", ColumnKind.ID, 2),
    Column("source", priority=3),
)


def prices(price_by_device: Sequence[tuple[str, Price]]) -> Report:
    """Return what devices cost per hour."""
    rows: list[dict[str, JsonValue]] = [
        {"hardware": device, **_price(price), "source": price.source or None}
        for device, price in price_by_device
    ]
    return Report("hardware-price", PRICE_COLUMNS, rows)
