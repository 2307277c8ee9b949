"""The roofline of one device with the workloads that were measured on it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from perfpredict.reports.report_words import number, share, workload_fields, workload_words
from perfpredict.reports.svg_chart import Axis, Chart
from perfpredict.reports.svg_scale import log_range, short

if TYPE_CHECKING:
    from perfpredict.services.roofline_points import DeviceRoofline, RooflinePoint

_COLOURS = 4


def roofline_chart(roofline: "DeviceRoofline") -> Element | None:
    """Return measured FLOP/s over arithmetic intensity; None where nothing can be placed."""
    bandwidth = roofline.bandwidth_bytes_per_s
    if bandwidth is None or not roofline.points:
        return None
    peaks = sorted(roofline.peak_flops_per_s.items(), key=lambda item: item[1])
    ridges = [peak / bandwidth for _, peak in peaks]
    low, high = log_range([p.arithmetic_intensity for p in roofline.points] + ridges)
    rates = [p.flops_per_s for p in roofline.points] + [peak for _, peak in peaks]
    slowest, fastest = log_range(rates)
    chart = Chart(
        f"roofline of {roofline.device}",
        Axis(title="arithmetic intensity [FLOP/byte]", low=low, high=high, is_log=True),
        Axis(title="arithmetic [FLOP/s]", low=slowest, high=fastest, is_log=True),
    )
    kinds = {name: f"k{index % _COLOURS}" for index, (name, _) in enumerate(peaks)}
    _limits(chart, bandwidth, peaks, kinds)
    for point in roofline.points:
        kind = kinds[point.workload.precision.value]
        at = (point.arithmetic_intensity, point.flops_per_s)
        chart.dot(at, _name(point, bandwidth, roofline.peak_flops_per_s), kind)
    return chart.draw()


def _limits(
    chart: Chart, bandwidth: float, peaks: list[tuple[str, float]], kinds: dict[str, str]
) -> None:
    left, right = chart.x_axis.low, chart.x_axis.high
    for name, peak in peaks:
        ridge = peak / bandwidth
        start = max(left, chart.y_axis.low / bandwidth)
        chart.line(
            [(start, start * bandwidth), (ridge, peak), (right, peak)], f"roof {kinds[name]}"
        )
        chart.text((right, peak), f"{name}: {short(peak)}FLOP/s")


def _name(point: "RooflinePoint", bandwidth: float, peaks: Mapping[str, float]) -> str:
    peak = peaks[point.workload.precision.value]
    limit = min(peak, point.arithmetic_intensity * bandwidth)
    bound = "compute" if limit == peak else "memory"
    return (
        f"{workload_words(workload_fields(point.workload))}\n"
        f"{number(point.latency_ms, 'ms')}: {short(point.flops_per_s)}FLOP/s at "
        f"{number(point.arithmetic_intensity)} FLOP/byte\n"
        f"{share(point.flops_per_s / limit)} of the roofline there ({bound}-bound)"
    )
