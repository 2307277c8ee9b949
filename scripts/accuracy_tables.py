"""Markdown tables of docs/accuracy.md, from the JSON that `perf evaluate -o` and `--json` write."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FEWEST_ROWS = 10
"""Slices and groups of fewer answered rows are not shown."""
FEWEST_COVERAGE_ROWS = 50
TITLES = {
    "unseen-model": "Unseen model",
    "unseen-architecture": "Unseen architecture family",
    "unseen-device": "Unseen device",
    "few-shot": "Unseen device, a few of its rows known",
    "both": "Unseen device and unseen model",
    "by-date": "Older rows known, newer scored",
    "random": "Random rows (a sanity check: near copies of the scored rows are in training)",
}

Json = dict[str, Any]
"""A parsed JSON object; its shape is that of `ProtocolRun.document` or of a report's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One figure that the project promised, and what it has to be."""

    title: str
    protocol: str
    slice: str
    figure: str
    limit: float
    shots: int = 0
    is_floor: bool = False
    """Whether more is better."""


MARKS = (
    Mark(title="vision, unseen model", protocol="unseen-model", slice="vision inference",
         figure="group_median_ape", limit=0.03),
    Mark(title="vision, unseen architecture family", protocol="unseen-architecture",
         slice="vision inference", figure="group_median_ape", limit=0.05),
    Mark(title="vision, GPU left out", protocol="unseen-device", slice="vision inference, GPU",
         figure="group_median_ape", limit=0.08),
    Mark(title="vision, GPU left out, 10 rows", protocol="few-shot", shots=10,
         slice="vision inference, GPU", figure="group_median_ape", limit=0.06),
    Mark(title="vision, CPU left out, 10 rows", protocol="few-shot", shots=10,
         slice="vision inference, CPU", figure="group_median_ape", limit=0.10),
    Mark(title="vision, CPU left out, 50 rows", protocol="few-shot", shots=50,
         slice="vision inference, CPU", figure="group_median_ape", limit=0.06),
    Mark(title="generation, unseen model", protocol="unseen-model", slice="generation",
         figure="group_median_ape", limit=0.06),
    Mark(title="generation, unseen model, mean", protocol="unseen-model", slice="generation",
         figure="mape", limit=0.10),
    Mark(title="generation, NVIDIA device left out", protocol="unseen-device",
         slice="generation, NVIDIA", figure="group_median_ape", limit=0.15),
    Mark(title="generation, NVIDIA device left out, 10 rows", protocol="few-shot", shots=10,
         slice="generation, NVIDIA", figure="group_median_ape", limit=0.08),
    Mark(title="generation, other device left out", protocol="unseen-device",
         slice="generation, other vendors", figure="group_median_ape", limit=0.30),
    Mark(title="generation, other device left out, 10 rows", protocol="few-shot", shots=10,
         slice="generation, other vendors", figure="group_median_ape", limit=0.12),
    Mark(title="training, unseen model", protocol="unseen-model", slice="training",
         figure="group_median_ape", limit=0.10),
    Mark(title="training, unseen device", protocol="unseen-device", slice="training",
         figure="group_median_ape", limit=0.15),
    Mark(title="rank of devices for a model (Spearman)", protocol="unseen-device", slice="all",
         figure="rank_correlation", limit=0.95, is_floor=True),
    Mark(title="time lost by taking the device predicted fastest", protocol="unseen-device",
         slice="all", figure="top1_regret", limit=0.03),
    Mark(title="coverage of 90 % intervals, unseen model", protocol="unseen-model", slice="all",
         figure="coverage", limit=0.88, is_floor=True),
    Mark(title="coverage of 90 % intervals, unseen device", protocol="unseen-device",
         slice="all", figure="coverage", limit=0.85, is_floor=True),
    Mark(title="coverage on the worst device of 50 rows, unseen device",
         protocol="unseen-device", slice="all", figure="worst_device", limit=0.70, is_floor=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of all runs, by protocol, count of given rows and variant."""

    by_key: Mapping[tuple[str, int, str], Json]

    @classmethod
    def of(cls, documents: Iterable[Json]) -> "Results":
        """Return what the documents hold; the last of equal keys counts."""
        return cls(
            by_key={
                (result["protocol"], result["shots"], result["variant"]): result
                for document in documents
                for result in document["results"]
            }
        )

    @property
    def variants(self) -> list[str]:
        return list(dict.fromkeys(variant for _, _, variant in self.by_key))

    def shots(self, protocol: str) -> list[int]:
        """Return the counts of given rows that were run."""
        return sorted({shots for name, shots, _ in self.by_key if name == protocol})

    def slice(self, protocol: str, shots: int, variant: str, name: str) -> Json | None:
        """Return one slice's figures, None where it was not run or has no rows."""
        result = self.by_key.get((protocol, shots, variant))
        found = (one for one in (result or {"slices": []})["slices"] if one["slice"] == name)
        return next(found, None)

    def slices(self, protocol: str, shots: int = 0) -> list[str]:
        """Return the slices of enough rows, in the order of the runs."""
        return list(
            dict.fromkeys(
                one["slice"]
                for (name, count, _), result in self.by_key.items()
                if (name, count) == (protocol, shots)
                for one in result["slices"]
                if one["rows"] >= FEWEST_ROWS
            )
        )


ALL = "all"
"""The slice of every row: runs on some of the rows say nothing of it."""


def marks_table(results: Results, of_some: Sequence[Results] = ()) -> str:
    """Return every mark beside what each variant reaches; bold where it does.

    A figure that no run on all rows has is taken from the first run on some of the rows that has
    it, and says so.
    """
    rows = []
    for mark in MARKS:
        cells = [_cell(mark, name, results, of_some) for name in results.variants]
        bound = "≥" if mark.is_floor else "≤"
        limit = _figure(mark.figure, mark.limit)
        rows.append([mark.title, f"{bound} {limit}", *cells])
    return table(["", "mark", *results.variants], rows)


def _cell(mark: Mark, variant: str, results: Results, of_some: Sequence[Results]) -> str:
    reached = _reached(mark, results, variant)
    if reached is not None or mark.slice == ALL:
        return _mark_cell(mark, reached)
    found = (_reached(mark, one, variant) for one in of_some)
    reached = next((value for value in found if value is not None), None)
    return _mark_cell(mark, reached) + ("" if reached is None else " (some rows)")


def _reached(mark: Mark, results: Results, variant: str) -> float | None:
    found = results.slice(mark.protocol, mark.shots, variant, mark.slice)
    value = None if found is None else found[mark.figure]
    if isinstance(value, dict):
        value = value["coverage"]
    return None if value is None else float(value)


def _mark_cell(mark: Mark, value: float | None) -> str:
    if value is None:
        return "–"
    is_reached = value >= mark.limit if mark.is_floor else value <= mark.limit
    text = _figure(mark.figure, value)
    return f"**{text}**" if is_reached else text


def _figure(name: str, value: float) -> str:
    return f"{value:.3f}" if name == "rank_correlation" else percent(value)


def protocol_table(results: Results, protocol: str) -> str:
    """Return one row a slice and variant."""
    head = [
        "rows", "variant", "scored", "groups", "median of groups", "median APE", "MAPE",
        "error factor", "bias factor", "coverage", "upper/lower", "worst device",
    ]  # fmt: skip
    rows = [
        [name, variant, *_slice_cells(found)]
        for name in results.slices(protocol)
        for variant in results.variants
        if (found := results.slice(protocol, 0, variant, name)) is not None
    ]
    return table(head, rows)


def _slice_cells(found: Json) -> list[str]:
    worst = found["worst_device"]
    return [
        f"{found['rows']:,}",
        f"{found['groups']:,}",
        "–" if found["group_median_ape"] is None else percent(found["group_median_ape"]),
        percent(found["median_ape"]),
        percent(found["mape"]),
        f"{found['geo_error_factor']:.2f}",
        f"{found['bias_factor']:.2f}",
        percent(found["coverage"]),
        f"{found['median_interval_ratio']:.2f}",
        "–" if worst is None else f"{percent(worst['coverage'])} {worst['group']}",
    ]


def few_shot_table(results: Results, figure: str) -> str:
    """Return one row a slice and variant, and a column a count of given rows.

    `figure` is `error` (median over devices) or `coverage` (with upper/lower).
    """
    shots = results.shots("few-shot")
    names = list(
        dict.fromkeys(name for count in shots for name in results.slices("few-shot", count))
    )
    rows = []
    for name in names:
        for variant in results.variants:
            found = [results.slice("unseen-device", 0, variant, name)]
            found += [results.slice("few-shot", count, variant, name) for count in shots]
            if any(one is not None for one in found[1:]):
                rows.append([name, variant, *(_shot_cell(one, figure) for one in found)])
    return table(["rows", "variant", "0", *map(str, shots)], rows)


def _shot_cell(found: Json | None, figure: str) -> str:
    if found is None:
        return "–"
    if figure == "coverage":
        return f"{percent(found['coverage'])} ({found['median_interval_ratio']:.2f})"
    value = found["group_median_ape"]
    return "–" if value is None else percent(value)


def device_table(results: Results) -> str:
    """Return error, coverage and width of every left-out device of enough rows."""
    groups: dict[str, dict[str, Json]] = {}
    for variant in results.variants:
        result = results.by_key.get(("unseen-device", 0, variant), {"groups": []})
        for one in result["groups"]:
            if one["slice"] == "all" and one["rows"] >= FEWEST_COVERAGE_ROWS:
                groups.setdefault(one["group"], {})[variant] = one
    rows = []
    for name, own in groups.items():
        count = next(iter(own.values()))["rows"]
        rows.append([name, f"{count:,}", *(_device_cell(own.get(v)) for v in results.variants)])
    return table(["device", "rows", *results.variants], rows)


def _device_cell(found: Json | None) -> str:
    if found is None:
        return "–"
    return (
        f"{percent(found['median_ape'])}; {percent(found['coverage'])} "
        f"({found['median_interval_ratio']:.2f})"
    )


def group_table(groups: Sequence[Json]) -> str:
    """Return one row for each group of `perf evaluate --by` that has enough rows."""
    head = [
        "group", "rows", "answered", "median APE", "MAPE", "error factor", "coverage",
        "upper/lower",
    ]  # fmt: skip
    return table(head, _group_rows(groups))


def _group_rows(groups: Sequence[Json]) -> Iterator[list[str]]:
    for one in groups:
        if one["answered"] >= FEWEST_ROWS:
            yield [
                one["group"], f"{one['rows']:,}", f"{one['answered']:,}",
                percent(one["median_ape"]), percent(one["mape"]),
                f"{one['geo_error_factor']:.2f}", percent(one["coverage"]),
                f"{one['median_interval_ratio']:.1f}",
            ]  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def percent(value: float) -> str:
    """Return a fraction in percent with one decimal."""
    return f"{value:.1%}"
