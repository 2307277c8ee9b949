"""Writes docs/reliability.md from what the trials put on record: trial, what, count, result, date.

`python -m pytest -n 0 tests/trials -m "" --trials=full --trial-results results.jsonl` makes the
file; of several runs of one trial the last counts. Trials that no file tells of stay on the page as
they are, so that one of them can be run again alone; those whose test is gone do not.
"""

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "reliability.md"
_KIND_ORDER = "FIMU"
_KINDS = {
    "F": "Faults: kills, parallel processes, full disks, damaged files, signals",
    "I": "Bad input",
    "M": "Stored predictors",
    "U": "The command line",
}
_HEAD = """# Reliability: what was tried

This page is written by `python scripts/write_reliability.py FILE` from what the trials in
`tests/trials` put on record.
Each trial is one automated test that can fail; the normal run of the tests does all of them with
reduced counts.
The counts below are those that were run, which is a part where all of them take hours; each row
has the day of its last run.
Seconds are those of one run, on a machine whose two cores were shared with others.

All of them, with full counts (some take many minutes):

```sh
python -m pytest -n 0 tests/trials -m "" --trials=full --trial-results results.jsonl
python scripts/write_reliability.py results.jsonl
```
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run of one test, or of one case of it."""

    trial: str
    test: str
    what: str
    count: str
    result: str
    seconds: float
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trial as the page shows it."""

    trial: str
    what: str
    counts: tuple[str, ...]
    result: str
    seconds: float
    date: str
    test: str


def read_outcomes(lines: Iterable[str]) -> list[Outcome]:
    """Return the last outcome of each case of each test, in the order in which they first ran."""
    found: dict[tuple[str, str], Outcome] = {}
    for line in lines:
        if not line.strip():
            continue
        told = json.loads(line)
        outcome = Outcome(
            trial=told["trial"],
            test=told["test"],
            what=told["what"],
            count=told["count"],
            result=told["result"],
            seconds=float(told["seconds"]),
            date=told["date"],
        )
        found[told["test"], told.get("case", "")] = outcome
    return list(found.values())


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return one row per test, by kind and number of its trial."""
    by_test: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_test.setdefault(outcome.test, []).append(outcome)
    return sorted((_row(cases) for cases in by_test.values()), key=_place)


def read_page(text: str) -> list[Row]:
    """Return the rows of a page that `page` wrote."""
    found = []
    for line in re.findall(r"^\| (?=[FIMU]\d+ \|)(.*) \|$", text, re.MULTILINE):
        trial, what, counts, result, seconds, date, test = re.split(r" (?<!\\)\| ", line)
        found.append(
            Row(
                trial=trial,
                what=what.replace("\\|", "|"),
                counts=tuple(counts.split("; ")),
                result=result,
                seconds=float(seconds),
                date=date,
                test=test.strip("`"),
            )
        )
    return found


def is_there(test: str) -> bool:
    """Return whether there is a test of that name, such as `tests/trials/test_x.py::test_f01_y`."""
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and f"def {name}(" in path.read_text(encoding="utf-8")


def _row(cases: Sequence[Outcome]) -> Row:
    first = cases[0]
    return Row(
        trial=first.trial,
        what=first.what,
        counts=_counts(cases),
        result=_result([case.result for case in cases]),
        seconds=sum(case.seconds for case in cases),
        date=max(case.date for case in cases),
        test=first.test,
    )


def _counts(cases: Sequence[Outcome]) -> tuple[str, ...]:
    counts = [case.count for case in cases if case.count not in {"", "1 times"}]
    if len(cases) > 1 and len(set(counts)) <= 1:
        return (f"{len(cases)} cases", *({f"each {counts[0]}"} if counts else ()))
    return tuple(counts) or ("1",)


def _result(results: Sequence[str]) -> str:
    bad = [result for result in results if result.startswith(("failed", "error"))]
    skipped = [result for result in results if result.startswith("skipped")]
    if bad:
        return f"**failed** ({len(bad)} of {len(results)})"
    if skipped:
        return skipped[0] if len(skipped) == len(results) else f"held; {skipped[0]}"
    return "held"


def _place(row: Row) -> tuple[int, int, str]:
    match = re.fullmatch(r"([FIMU])(\d+)", row.trial)
    assert match is not None, row.trial
    return _KIND_ORDER.index(match[1]), int(match[2]), row.test


def page(rows: Sequence[Row]) -> str:
    """Return the page: one table per kind of trial."""
    parts = [_HEAD]
    for kind in _KIND_ORDER:
        own = [row for row in rows if row.trial.startswith(kind)]
        if own:
            lines = [_line(row) for row in own]
            parts.append("\n".join([f"## {_KINDS[kind]}", "", *_COLUMNS, *lines]) + "\n")
    return "\n".join(parts)


_COLUMNS = (
    "| trial | what | count | result | seconds | date | again with `python -m pytest` and |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def _line(row: Row) -> str:
    what = row.what.replace("|", "\\|")
    cells = (
        row.trial, what, "; ".join(row.counts), row.result, f"{row.seconds:.1f}", row.date,
        f"`{row.test}`",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the page from the files given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="What --trial-results wrote.")
    files: list[Path] = parser.parse_args().files
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    new = rows_of(read_outcomes(lines))
    told = {row.test for row in new}
    page_before = read_page(TARGET.read_text(encoding="utf-8"))
    kept = [row for row in page_before if row.test not in told and is_there(row.test)]
    TARGET.write_text(page(sorted([*kept, *new], key=_place)), encoding="utf-8")


if __name__ == "__main__":
    main()
