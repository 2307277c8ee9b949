"""The report of `perf sweep`: growing sizes, the knee, and the largest that fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perfpredict.domain.sweep import Over, Sweep, SweepPoint
from perfpredict.reports.canvas import Canvas, Scale, wide_range
from perfpredict.reports.perf import caution_notes, prediction_row
from perfpredict.reports.report import Column, ColumnKind, Drawing, JsonValue, Report, Row, Style
from perfpredict.reports.text import TABLE_DIGITS, significant
from perfpredict.reports.tones import Tone, toned

SWEEP_COLUMNS = (
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("batch_size", "batch", ColumnKind.COUNT, 0),
    Column("seq_length", "tokens", ColumnKind.COUNT, 3),
    Column("throughput_per_s", "per s", ColumnKind.RATE, 0),
    Column("throughput_lo", "from", ColumnKind.RATE, 5),
    Column("throughput_hi", "to", ColumnKind.RATE, 5),
    Column("latency_ms", "latency ms", ColumnKind.MS, 0),
    Column("latency_lo", "from", ColumnKind.MS, 4),
    Column("latency_hi", "to", ColumnKind.MS, 4),
    Column("memory_mib", "MiB", ColumnKind.MIB, 1),
    Column("fits", "fits", ColumnKind.FLAG, 1),
    Column("relative_power", "per s/ms", ColumnKind.PERCENT, 2),
    Column("mark", "", ColumnKind.ID, 0),
)
HEAD_COLUMNS = (
    Column("model", kind=ColumnKind.ID),
    Column("over", kind=ColumnKind.ID),
    Column("sweeps"),
)
"""What JSON says once, above the points."""
_LENGTH_COLUMNS = tuple(
    replace(column, priority={"seq_length": 0, "batch_size": 3}.get(column.key, column.priority))
    for column in SWEEP_COLUMNS
)
_DRAWING = Drawing("", "throughput_per_s", "throughput_per_s", priority=1)


def sweep_report(sweeps: Sequence[Sweep], *, is_plotted: bool = False) -> Report:
    """Return one row a device and size; JSON adds the knee and the largest size of each device."""
    rows = [row for one in sweeps for row in _rows(one)]
    first = sweeps[0].points[0].prediction
    work = first.workload
    named = [
        point.prediction
        for one in sweeps
        for point in one.points
        if point.is_knee or point is one.points[0]
    ]
    figures = tuple(SweepFigure(sweep=one, unit=first.throughput_unit.value) for one in sweeps)
    return Report(
        "perf-sweep",
        SWEEP_COLUMNS if sweeps[0].over is Over.BATCH_SIZE else _LENGTH_COLUMNS,
        rows,
        title=f"{work.model}, {work.precision}, {work.mode}, in {first.throughput_unit}",
        notes=(*(_told(one) for one in sweeps), *caution_notes(named)),
        extra={"model": work.model, "over": sweeps[0].over.value, "sweeps": _found(sweeps)},
        rows_key="points",
        drawings=(_DRAWING,),
        figures=figures if is_plotted else (),
    )


def _rows(sweep: Sweep) -> list[Row]:
    powers = [point.power or 0.0 for point in sweep.points]
    highest = max(powers)
    return [
        {
            **prediction_row(point.prediction),
            "relative_power": power / highest if power else None,
            "mark": _mark(point),
        }
        for point, power in zip(sweep.points, powers, strict=True)
    ]


def _mark(point: SweepPoint) -> str | None:
    marks = (["knee"] if point.is_knee else []) + (["largest"] if point.is_largest else [])
    return ", ".join(marks) or None


def _found(sweeps: Sequence[Sweep]) -> list[JsonValue]:
    return [
        {
            "hardware": one.hardware.device.name,
            "knee": one.knee.size if one.knee else None,
            "largest": one.largest,
            "surely_largest": one.surely_largest,
            "highest_tried": one.highest,
        }
        for one in sweeps
    ]


def _told(sweep: Sweep) -> str:
    device = sweep.hardware.device.name
    what = "batch" if sweep.over is Over.BATCH_SIZE else "sequence"
    if sweep.largest is None:
        return f"{device}: not even a {what} of 1 fits"
    fit = f"the largest {what} that fits is {sweep.largest} by the estimate"
    surely = "none" if sweep.surely_largest is None else str(sweep.surely_largest)
    if not sweep.is_bounded:
        limit = "all that the model accepts" if sweep.accepted else "the largest that was tried"
        fit = f"{what}s up to {sweep.largest} fit, {limit}"
    if sweep.surely_largest != sweep.largest:
        fit += f", {surely} at the upper end of its interval"
    return f"{device}: {fit}" + (f"; {_knee(sweep)}" if sweep.knee else "")


def _knee(sweep: Sweep) -> str:
    knee = sweep.knee
    assert knee is not None and knee.prediction.latency_ms and knee.prediction.throughput_per_s
    rate = significant(knee.prediction.throughput_per_s.value, TABLE_DIGITS)
    latency = significant(knee.prediction.latency_ms.value, TABLE_DIGITS)
    told = f"the knee is at batch {knee.size}, {rate}/s in {latency} ms"
    if knee is sweep.points[-1]:
        return f"{told}: throughput pays for latency up to there"
    return f"{told}: a larger batch costs more latency than it brings throughput"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFigure:
    """Throughput over latency as the size grows, the knee marked."""

    sweep: Sweep
    unit: str

    def draw(self, style: Style) -> str:
        """Return the plot and its legend as lines of text."""
        points = [
            (latency.value, throughput.value, point.is_knee)
            for point in self.sweep.points
            if (latency := point.prediction.latency_ms)
            and (throughput := point.prediction.throughput_per_s)
        ]
        title = f"{self.sweep.hardware.device.name}: throughput, {self.unit}"
        if not points:
            return f"{title}: nothing fits\n"
        x = Scale(*wide_range([one[0] for one in points]), max(style.width - 10, 20))
        canvas = Canvas(x, Scale(*wide_range([one[1] for one in points]), 12), style)
        for latency_ms, per_s, is_knee in sorted(points, key=lambda one: one[2]):
            sign = "K" if is_knee else style.sign("•", "o")
            canvas.put(latency_ms, per_s, sign, Tone.GOOD if is_knee else Tone.PLAIN)
        legend = f"  {toned(style, 'K', Tone.GOOD)} the knee\n" if self.sweep.knee else ""
        return canvas.draw(x_title="latency, ms", y_title=title) + legend
