"""The report of `hardware recommend`: the ranking, and why each device stands where it does."""

from collections.abc import Callable

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.recommendation import Candidate, Recommendation
from perfpredict.domain.workload import Workload
from perfpredict.reports.measure_lines import record_line
from perfpredict.reports.perf import MIB, caution_notes, prediction_row
from perfpredict.reports.report import (
    Column,
    ColumnKind,
    Drawing,
    JsonValue,
    Report,
    Row,
)

COLUMNS = (
    Column("rank", "rank", ColumnKind.COUNT, 0),
    Column("hardware", "device", ColumnKind.ID, 0),
    Column("platform", "asked as", ColumnKind.TEXT, 6),
    Column("meets", "meets", ColumnKind.ID, 1),
    Column("throughput_per_s", "per s", ColumnKind.RATE, 3),
    Column("throughput_lo", "from", ColumnKind.RATE, 5),
    Column("throughput_hi", "to", ColumnKind.RATE, 5),
    Column("latency_ms", "latency ms", ColumnKind.MS, 0),
    Column("latency_lo", "from", ColumnKind.MS, 2),
    Column("latency_hi", "to", ColumnKind.MS, 2),
    Column("memory_mib", "MiB", ColumnKind.MIB, 5),
    Column("memory_capacity_mib", "of MiB", ColumnKind.MIB, 6),
    Column("price_per_h", "price/h", ColumnKind.NUMBER, 6),
    Column("cost_per_1m", "cost/1M", ColumnKind.NUMBER, 6),
    Column("score", "score", ColumnKind.NUMBER, 7),
    Column("basis", "basis", ColumnKind.TEXT, 5),
    Column("reason", "why", ColumnKind.TEXT, 4),
)
HEAD_COLUMNS = (
    Column("recommendation_id", kind=ColumnKind.ID),
    Column("model", kind=ColumnKind.ID),
    *map(Column, ("family", "objective", "primary", "fallbacks", "compatible", "rejected")),
    *map(Column, ("explanation", "assumptions", "cautions")),
)
"""What JSON says once, above the candidates."""
_DRAWINGS = (
    Drawing("interval", "latency_ms", "latency_ms", "latency_lo", "latency_hi", colored_as="meets"),
)


MeasuringLine = Callable[[Workload, str], str]
"""Gives the line that measures a workload on a device."""


def recommendation_report(
    recommendation: Recommendation, *, top: int, line: MeasuringLine = record_line
) -> Report:
    """Return the `top` candidates; JSON adds the primary device, fallbacks and the excluded.

    `line` says how the best one is measured.
    """
    rows = [_row(candidate) for candidate in recommendation.candidates]
    work = recommendation.workload
    return Report(
        "hardware-recommend",
        COLUMNS,
        rows[:top],
        title=f"{work.model}, batch {work.batch_size}, {work.precision}, {work.mode}",
        notes=_notes(recommendation, top, line),
        drawings=_DRAWINGS,
        extra=_extra(recommendation, rows),
        rows_key="candidates",
    )


def _row(candidate: Candidate) -> dict[str, JsonValue]:
    predicted = prediction_row(candidate.prediction)
    return {
        **predicted,
        "rank": candidate.rank,
        "platform": _asked(candidate.hardware),
        "meets": candidate.meets.value,
        "memory_capacity_mib": candidate.prediction.memory_capacity_bytes / MIB,
        "price_per_h": candidate.price_per_hour,
        "currency": candidate.currency,
        "cost_per_1m": candidate.cost_per_million,
        "score": candidate.score,
        "rejections": candidate.rejections,
        "reason": candidate.reason,
    }


def _asked(hardware: ResolvedDevice) -> str:
    return hardware.requested if hardware.is_platform_alias else hardware.device.platform.value


def _extra(recommendation: Recommendation, rows: list[dict[str, JsonValue]]) -> Row:
    primary = recommendation.primary
    return {
        "recommendation_id": recommendation.recommendation_id,
        "model": recommendation.workload.model,
        "family": recommendation.workload.family,
        "objective": recommendation.objective.value,
        "primary": rows[primary.rank - 1] if primary else None,
        "fallbacks": [c.hardware.device.name for c in recommendation.fallbacks],
        "compatible": [c.hardware.device.name for c in recommendation.candidates],
        "rejected": [
            {"hardware": one.hardware, "reason": one.reason} for one in recommendation.excluded
        ],
        "explanation": recommendation.explanation,
        "assumptions": list(recommendation.assumptions),
        "cautions": list(recommendation.cautions),
    }


def _notes(recommendation: Recommendation, top: int, line: MeasuringLine) -> tuple[str, ...]:
    hidden = len(recommendation.candidates) - top
    # where none keeps the limits, the command fails with the explanation
    notes = [recommendation.explanation] if recommendation.primary else []
    if recommendation.assumptions:
        notes.append(f"assumed: {', '.join(recommendation.assumptions)}")
    notes += caution_notes([one.prediction for one in recommendation.candidates[:top]])
    notes += [f"{one.hardware}: {one.reason}" for one in recommendation.excluded[:5]]
    if len(recommendation.excluded) > 5:
        notes.append(f"{len(recommendation.excluded) - 5} more devices do not fit")
    if hidden > 0:
        notes.append(f"{hidden} more candidates: use --top 0 for all")
    notes += _way_to_be_surer(recommendation, line)
    if recommendation.recommendation_id:
        notes.append(
            f"say what you took: perfpredict feedback record {recommendation.recommendation_id} "
            "--accepted yes"
        )
    return tuple(notes)


def _way_to_be_surer(recommendation: Recommendation, line: MeasuringLine) -> list[str]:
    if not recommendation.candidates:
        return []
    best, *others = recommendation.candidates
    notes = []
    rivals = [one for one in others if one.meets is best.meets and _may_be_as_fast(one, best)]
    if rivals:
        devices = "device" if len(rivals) == 1 else "devices"
        names = ",".join(one.hardware.device.name for one in [best, *rivals[:2]])
        notes.append(
            f"{len(rivals)} other {devices} may be as fast: the intervals overlap; 'perfpredict "
            f"measure suggest {recommendation.workload.model} --hardware {names}' says what decides"
        )
    if not best.prediction.similar_rows:
        device = best.hardware.device.name
        told = line(best.prediction.workload, device)
        notes.append(
            f"basis: {best.prediction.basis}, no measurements of {device} yet, so the interval is "
            f"wide; on that device '{told}' narrows it"
        )
    return notes


def _may_be_as_fast(one: Candidate, best: Candidate) -> bool:
    own, other = one.prediction.latency_ms, best.prediction.latency_ms
    assert own is not None and other is not None, "only what fits is a candidate"
    return own.interval.lower < other.interval.upper
