"""A device's roofline in the terminal, with the classes of operations of a workload on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from perfpredict.domain.device import Device
from perfpredict.domain.explanation import Bound, Explanation, StepKind
from perfpredict.domain.rates import arithmetic_rate, convolution_rate
from perfpredict.reports.canvas import Canvas, Scale, si_text
from perfpredict.reports.part_names import part_name
from perfpredict.reports.report import Style
from perfpredict.reports.text import percent, visible
from perfpredict.reports.tones import Tone, tone_of, toned

_HEIGHT = 16
_MARGIN = 15
"""Columns left for the labels of the axis of y, and around the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """One class of operations: what it does for each byte, and the rate that is predicted."""

    name: str
    arithmetic_intensity: float
    flops_per_s: float
    share: float
    """Of the predicted time."""
    bound: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineFigure:
    """min(peak, intensity × bandwidth) for each peak, and points below it."""

    title: str
    bandwidth_bytes_per_s: float
    peaks: tuple[tuple[str, float], ...]
    """Label and FLOP/s."""
    points: tuple[RooflinePoint, ...] = ()
    note: str = ""

    def draw(self, style: Style) -> str:
        """Return the plot and its legend as lines of text."""
        roofs = [(f"{label} {si_text(peak, 'FLOP/s')}", peak) for label, peak in self.peaks]
        widest = max(len(text) for text, _ in roofs)
        canvas = Canvas(*self._scales(max(style.width - _MARGIN - widest, 20)), style)
        for text, peak in sorted(roofs, key=lambda one: one[1]):
            self._draw_roof(canvas, peak, style)
            canvas.label(peak, text, Tone.COMPUTE)
        legend = []
        for letter, point in zip(_LETTERS, self.points, strict=False):
            tone = tone_of("bound", point.bound.value)
            canvas.put(point.arithmetic_intensity, point.flops_per_s, letter, tone)
            legend.append(_legend(letter, point, style, tone))
        plot = canvas.draw(x_title="FLOP per byte moved", y_title=self.title, y_label="FLOP/s")
        notes = [self.note] if self.note else []
        return plot + "".join(f"{line}\n" for line in [*legend, *notes])

    def _scales(self, cells: int) -> tuple[Scale, Scale]:
        peaks = [peak for _, peak in self.peaks]
        ridges = [peak / self.bandwidth_bytes_per_s for peak in peaks]
        shown = [*ridges, *(one.arithmetic_intensity for one in self.points)]
        left, right = min([*shown, min(ridges) / 20.0]) / 2.0, max(shown) * 2.0
        rates = [one.flops_per_s for one in self.points]
        low = min([*rates, left * self.bandwidth_bytes_per_s]) / 1.5
        return Scale(left, right, cells), Scale(low, max([*peaks, *rates]) * 1.6, _HEIGHT)

    def _draw_roof(self, canvas: Canvas, peak: float, style: Style) -> None:
        ridge = peak / self.bandwidth_bytes_per_s
        slope, flat = style.sign("╱", "/"), style.sign("─", "-")
        for cell in range(canvas.x.cells):
            intensity = canvas.x.value(cell)
            if intensity < ridge:
                canvas.put(intensity, intensity * self.bandwidth_bytes_per_s, slope, Tone.MEMORY)
            else:
                canvas.put(intensity, peak, flat, Tone.COMPUTE)


_LETTERS = "abcdefghijklm"


def _legend(letter: str, point: RooflinePoint, style: Style, tone: Tone) -> str:
    name = f"{part_name(point.name):<24}"
    rate = f"{si_text(point.flops_per_s, 'FLOP/s'):>14}"
    bound = toned(style, point.bound.value, tone)
    return f"  {toned(style, letter, tone)} {name} {rate} {percent(point.share):>8} {bound}"


def device_figure(device: Device) -> RooflineFigure:
    """Return the roofline of a device, a roof for each precision that differs in its peak."""
    by_peak: dict[float, list[str]] = {}
    for precision, peak in device.peak_flops_per_s.items():
        by_peak.setdefault(peak, []).append(precision.value)
    return RooflineFigure(
        title=_title(device, "rates of the data sheet" if not device.is_probed else "probed rates"),
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        peaks=tuple((" ".join(names), peak) for peak, names in by_peak.items()),
    )


def workload_figure(explanation: Explanation) -> RooflineFigure:
    """Return the roofline that a prediction meets, with its classes of operations on it."""
    prediction = explanation.prediction
    work, device = prediction.workload, prediction.hardware.device
    rate = arithmetic_rate(device, work.precision, quantization=work.quantization)
    peaks = {"products": rate.flops_per_s}
    if any(one.op_class.value.startswith("conv") for one in explanation.work):
        convolution = convolution_rate(device, work.precision, rate).flops_per_s
        if convolution != rate.flops_per_s:
            peaks["convolutions"] = convolution
    points = _points(explanation)
    idle = [one.op_class.value for one in explanation.work if one.flops <= 0]
    note = f"not on it, for they compute nothing: {', '.join(map(part_name, idle))}" if idle else ""
    what = f"{work.model}, batch {work.batch_size}, {work.precision}"
    return RooflineFigure(
        title=_title(device, what),
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        peaks=tuple(peaks.items()),
        points=points,
        note=note,
    )


def _points(explanation: Explanation) -> tuple[RooflinePoint, ...]:
    latency_ms = _latency_of_one_wave_ms(explanation)
    shares = explanation.prediction.time_shares
    share_of = {one.op_class: one.share for one in shares}
    bound_of = {one.op_class: Bound(one.bound) for one in shares}
    found = [
        RooflinePoint(
            name=one.op_class.value,
            arithmetic_intensity=one.flops / one.moved_bytes,
            flops_per_s=one.flops / (share_of[one.op_class] * latency_ms / 1e3),
            share=share_of[one.op_class],
            bound=bound_of[one.op_class],
        )
        for one in explanation.work
        if one.flops > 0 and one.moved_bytes > 0 and share_of.get(one.op_class, 0.0) > 0
    ]
    return tuple(sorted(found, key=lambda one: -one.share))


def _latency_of_one_wave_ms(explanation: Explanation) -> float:
    steps = [step for step in explanation.steps if step.kind is not StepKind.WAVES]
    return steps[-1].latency_ms if steps else 0.0


def _title(device: Device, what: str) -> str:
    bandwidth = si_text(device.bandwidth_bytes_per_s, "B/s")
    return f"roofline of {visible(device.name)} ({bandwidth}): {what}"


def figures_of(explanations: Sequence[Explanation]) -> tuple[RooflineFigure, ...]:
    """Return a figure for each prediction that fits its device."""
    return tuple(workload_figure(one) for one in explanations if one.prediction.fits)
