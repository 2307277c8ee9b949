"""The page of the benchmarks: one table, how tasks grow, and what was changed to get there."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import log

from timing import Row

HEAD = """\
# Performance

What perfpredict costs beside the least that the task could cost, measured in one run.
Written by

    python benchmarks/run.py

which takes about five minutes on two free cores; `--full` takes the large sizes, and hours.
`--only NAME` measures a part anew and keeps the rest.

Every task is paired with its floor: what the engines below (DuckDB, LightGBM, Typer) need for the
same work without us.
Both run in turn, and the least of several runs counts.
What is compared is processor time of all threads, since other programs used the machine meanwhile:
elapsed times stand beside it, and are longer than on a free machine.
"""


def page(rows: Sequence[Row], machine: Sequence[str], changes: str) -> str:
    """Return the whole page as Markdown."""
    parts = [HEAD, "Measured on:\n", *(f"- {one}" for one in machine), "", "## Marks", ""]
    parts += _marks([row for row in rows if row.mark is not None])
    parts += [
        "",
        "## Recording",
        "",
        *_rates(rows),
        "",
        "## Growth",
        "",
        *_growth(rows),
        "",
        changes,
    ]
    return "\n".join(parts).rstrip() + "\n"


def _marks(rows: Iterable[Row]) -> list[str]:
    lines = [
        "| what | size | floor | ours | floor's | ratio | mark | | elapsed, ours / floor's |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for row in rows:
        assert row.mark is not None
        size = f"{row.size:,}" if row.size else ""
        mark = f"{row.mark:g}" if row.mark >= 1 else f"1/{1 / row.mark:.0f}"
        ratio, verdict = _verdict(row, row.mark)
        elapsed = ""
        if row.unit == "s":
            elapsed = f"{row.ours_elapsed_s:.3g} / {row.floor_elapsed_s:.3g} s"
        lines.append(
            f"| {row.name} | {size} | {row.floor} | {row.ours:.3g} {row.unit} "
            f"| {row.floor_cost:.3g} {row.unit} | {ratio} | {mark} | {verdict} | {elapsed} |"
        )
    return lines


def _verdict(row: Row, mark: float) -> tuple[str, str]:
    if row.ratio <= 0:  # less memory than the small run of which it is taken off
        return "0", "too little to tell"
    shown = f"{row.ratio:.2f}" if row.ratio >= 0.1 else f"1/{1 / row.ratio:.0f}"
    return shown, "met" if row.ratio <= mark else "**missed**"


def _rates(rows: Iterable[Row]) -> list[str]:
    lines = [
        "Measurements a second from one library process, by processor time and by elapsed time:",
        "",
        "| what | measurements | by processor time | by elapsed time | mark | by elapsed time |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        if row.name.startswith("`store_measurement") and row.size:
            mark = 1000 if "batch" in row.name else 200
            lines.append(
                f"| {row.name} | {row.size:,} | {row.size / row.ours:,.0f}/s "
                f"| {row.size / row.ours_elapsed_s:,.0f}/s | {mark:,}/s "
                f"| {'met' if row.size / row.ours_elapsed_s >= mark else '**missed**'} |"
            )
    return lines


def _growth(rows: Sequence[Row]) -> list[str]:
    """Return the growth of every task that was measured at several sizes."""
    series = grown(rows)
    lines = [
        "![Processor time against size, both logarithmic](performance.svg)",
        "",
        "The exponent is that between the two sizes: 1 is linear, and n log n is 1.1 to 1.2 here.",
        "",
        "| what | from | to | time | exponent | of the floor |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, steps in series.items():
        for before, after in pairwise(steps):
            assert before.size and after.size
            ours = _exponent(before.size, after.size, before.ours, after.ours)
            floor = _exponent(before.size, after.size, before.floor_cost, after.floor_cost)
            lines.append(
                f"| {name} | {before.size:,} | {after.size:,} | {before.ours:.3g} to "
                f"{after.ours:.3g} s | {ours:.2f} | {floor:.2f} |"
            )
    return lines


def grown(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    """Return the tasks of several sizes, each by size."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if row.size and row.unit == "s":
            by_name.setdefault(row.name, []).append(row)
    return {
        name: sorted(steps, key=lambda row: row.size or 0)
        for name, steps in by_name.items()
        if len(steps) > 1
    }


def _exponent(few: int, many: int, before: float, after: float) -> float:
    return log(after / before) / log(many / few)
