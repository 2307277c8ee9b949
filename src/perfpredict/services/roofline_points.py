"""Where measured workloads stand below the roofline of their device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import profile
from perfpredict.domain.device import Device
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import PerfpredictError
from perfpredict.models.op_arrays import pack
from perfpredict.models.predictor import Case
from perfpredict.services.hardware import device_catalog
from perfpredict.services.model_source import known_model
from perfpredict.store.gateway import Store
from perfpredict.store.measurement_lists import LatencyRow, measured_latencies

MOST_DEVICES = 6
"""Devices that are drawn, those with the most measured workloads."""
MOST_WORKLOADS = 150
"""Workloads of each device that are drawn, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """One workload as it was measured."""

    workload: Workload
    arithmetic_intensity: float
    """FLOP per byte that one pass moves."""
    flops_per_s: float
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRoofline:
    """The limits of one device, and what was measured below them."""

    device: str
    bandwidth_bytes_per_s: float | None
    """None for a device that the catalog does not know; then nothing can be placed."""
    peak_flops_per_s: Mapping[str, float]
    """By precision, of those that were measured."""
    points: tuple[RooflinePoint, ...]
    workload_count: int
    """Measured workloads that there are."""
    unplaced_count: int
    """Of those looked at, how many have no operations that are known."""


def device_rooflines(store: Store, row_filter: RowFilter) -> tuple[DeviceRoofline, ...]:
    """Return the rooflines of the devices with the most measured workloads, the most first."""
    rows, workloads_by_device = measured_latencies(store, row_filter, MOST_WORKLOADS)
    catalog = device_catalog(store)
    most = list(workloads_by_device)[:MOST_DEVICES]
    return tuple(
        _roofline(name, [row for row in rows if row.device == name], workloads_by_device[name],
                  catalog)
        for name in most
    )  # fmt: skip


def _roofline(
    name: str, rows: Sequence[LatencyRow], workload_count: int, catalog: DeviceCatalog
) -> DeviceRoofline:
    try:
        device = catalog.find(name)
    except PerfpredictError:
        return DeviceRoofline(
            device=name, bandwidth_bytes_per_s=None, peak_flops_per_s={}, points=(),
            workload_count=workload_count, unplaced_count=len(rows),
        )  # fmt: skip
    points = _points(device, rows)
    peaks = {
        point.workload.precision.value: arithmetic_rate(
            device, point.workload.precision, quantization=point.workload.quantization
        ).flops_per_s
        for point in points
    }
    return DeviceRoofline(
        device=name,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        peak_flops_per_s=peaks,
        points=points,
        workload_count=workload_count,
        unplaced_count=len(rows) - len(points),
    )


def _points(device: Device, rows: Sequence[LatencyRow]) -> tuple[RooflinePoint, ...]:
    """Return what can be placed; several devices that share a model have no roofline of one."""
    found = [
        (row, case)
        for row in rows
        if row.workload.device_count == 1 and (case := _case(row.workload, device)) is not None
    ]
    arrays = pack([case for _, case in found])
    case_of_op = arrays.case_index[arrays.pass_index]
    times = arrays.count * arrays.repeats[arrays.pass_index]
    flops = np.bincount(case_of_op, weights=times * arrays.amounts[:, 0], minlength=len(found))
    moved_bytes = np.bincount(case_of_op, weights=times * arrays.moved_bytes, minlength=len(found))
    return tuple(
        RooflinePoint(
            workload=row.workload,
            arithmetic_intensity=float(flops[i] / moved_bytes[i]),
            flops_per_s=float(flops[i]) * row.workload.concurrency / row.latency_ms * 1e3,
            latency_ms=row.latency_ms,
        )
        for i, (row, _) in enumerate(found)
        if flops[i] > 0 and moved_bytes[i] > 0
    )


def _case(workload: Workload, device: Device) -> Case | None:
    """Return the operations of the workload, None where the catalog does not know them."""
    try:
        model = known_model(workload.model)
        filled, _ = with_defaults(workload, model)
        return Case(workload=filled, device=device, profile=profile(model, filled))
    except PerfpredictError:
        return None
