"""Report of `perf evaluate --protocol`: every variant under every protocol, slice by slice."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from perfpredict.reports.report import Column, ColumnKind, JsonValue, Report, Row

if TYPE_CHECKING:
    from perfpredict.services.protocols import ProtocolResult
    from perfpredict.services.protocols_runs import ProtocolRun
    from perfpredict.services.protocols_scores import Coverage, SliceScore

_HEAD = (
    Column("protocol", kind=ColumnKind.ID, priority=0),
    Column("shots", kind=ColumnKind.COUNT, priority=0),
    Column("slice", kind=ColumnKind.ID, priority=0),
    Column("variant", kind=ColumnKind.ID, priority=0),
)
_TAIL = (
    Column("level", kind=ColumnKind.PERCENT, priority=8),
    Column("seeds", kind=ColumnKind.COUNT, priority=8),
    Column("fits", kind=ColumnKind.COUNT, priority=8),
)
PROTOCOL_COLUMNS = (
    *_HEAD,
    Column("rows", kind=ColumnKind.COUNT, priority=3),
    Column("groups", kind=ColumnKind.COUNT, priority=4),
    Column("group_median_ape", "group median", ColumnKind.PERCENT, 0),
    Column("median_ape", "median APE", ColumnKind.PERCENT, 2),
    Column("mape", "MAPE", ColumnKind.PERCENT, 4),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 4),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 5),
    Column("coverage", kind=ColumnKind.PERCENT, priority=1),
    Column("median_interval_ratio", "upper/lower", ColumnKind.NUMBER, 1),
    Column("worst_device_coverage", "worst device", ColumnKind.PERCENT, 5),
    Column("worst_device", "which", ColumnKind.ID, 5),
    Column("worst_device_rows", "its rows", ColumnKind.COUNT, 7),
    Column("worst_group_coverage", "worst group", ColumnKind.PERCENT, 6),
    Column("worst_group", "which", ColumnKind.ID, 6),
    Column("worst_group_rows", "its rows", ColumnKind.COUNT, 7),
    Column("rank_correlation", "rank corr.", ColumnKind.NUMBER, 6),
    Column("correlated_sets", "of", ColumnKind.COUNT, 7),
    Column("top1_regret", "regret", ColumnKind.PERCENT, 6),
    Column("ranked_sets", "of", ColumnKind.COUNT, 7),
    *_TAIL,
)
DETAIL_COLUMNS = (
    *_HEAD,
    Column("group", kind=ColumnKind.ID, priority=0),
    Column("rows", kind=ColumnKind.COUNT, priority=2),
    Column("median_ape", "median APE", ColumnKind.PERCENT, 0),
    Column("mape", "MAPE", ColumnKind.PERCENT, 3),
    Column("geo_error_factor", "error factor", ColumnKind.NUMBER, 4),
    Column("bias_factor", "bias factor", ColumnKind.NUMBER, 5),
    Column("coverage", kind=ColumnKind.PERCENT, priority=1),
    Column("median_interval_ratio", "upper/lower", ColumnKind.NUMBER, 1),
    *_TAIL,
)


def protocol_report(run: "ProtocolRun", *, has_details: bool, notes: tuple[str, ...]) -> Report:
    """Return one row a protocol, slice and variant, or with details one a held-out group too."""
    told = (*notes, *_notes(run))
    if has_details:
        rows = [row for result in run.results for row in _detail_rows(result)]
        return Report("perf-evaluate-groups", DETAIL_COLUMNS, rows, notes=told)
    rows = [row for result in run.results for row in _slice_rows(result)]
    # variants of one slice belong beside each other: that is what one compares
    places = {_place(row): place for place, row in reversed(list(enumerate(rows)))}
    rows.sort(key=lambda row: places[_place(row)])
    return Report("perf-evaluate-protocol", PROTOCOL_COLUMNS, rows, notes=told)


def _place(row: Row) -> tuple[JsonValue, JsonValue, JsonValue]:
    return row["protocol"], row["shots"], row["slice"]


def _slice_rows(result: "ProtocolResult") -> Iterator[Row]:
    for one in result.slices:
        yield {**_common(result), **_figures(one)}


def _figures(one: "SliceScore") -> Row:
    plain = asdict(one)
    return {
        **plain,
        **_coverage("worst_device", one.worst_device),
        **_coverage("worst_group", one.worst_group),
    }


def _coverage(name: str, found: "Coverage | None") -> Row:
    return {
        name: found.group if found else None,
        f"{name}_rows": found.rows if found else None,
        f"{name}_coverage": found.coverage if found else None,
    }


def _detail_rows(result: "ProtocolResult") -> Iterator[Row]:
    for one in result.groups:
        yield {**_common(result), **asdict(one)}


def _common(result: "ProtocolResult") -> Row:
    return {
        "protocol": result.protocol.value,
        "shots": result.shots,
        "variant": result.variant,
        "level": result.level,
        "seeds": result.seeds,
        "fits": result.fits,
    }


def _notes(run: "ProtocolRun") -> Iterator[str]:
    yield f"{run.rows:,} rows; no figure is of a row that its predictor was fitted to or given"
    if any(result.variant == "roofline-sum" for result in run.results):
        yield "roofline-sum is what ships: its constants may have seen published rows among these"
    if run.left_out:
        reasons = sorted(run.left_out.items(), key=lambda entry: -entry[1])
        told = "; ".join(f"{reason} {count:,}" for reason, count in reasons)
        yield f"not scored: {told}"
    for name, why in run.skipped.items():
        yield f"{name.value} is left out: {why}"
