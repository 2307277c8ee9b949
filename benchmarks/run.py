"""Measures what perfpredict costs beside its floors, and writes docs/performance.md.

    python benchmarks/run.py                     about five minutes on two free cores
    python benchmarks/run.py --only shell,import anew, and the rest as it was measured before
    python benchmarks/run.py --full              up to 10^6 rows and predictions, 10^7 errors

Run it where perfpredict is installed without its extras, as users have it: DuckDB imports pandas
where it is there, which makes every command longer.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import imports
import machine
import page
import plot
import predictions
import recording
import shell
import training
from timing import ROOT, Row

RESULTS = ROOT / "benchmarks" / "results.json"
CHANGES = ROOT / "benchmarks" / "changes.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    imported: tuple[int, ...]
    errors: tuple[int, ...]
    predicted: tuple[int, ...]
    predicted_for_memory: int
    trained: int
    recorded: int
    runs: int


USUAL = Sizes(
    imported=(1_000, 10_000, 100_000), errors=(1_000, 10_000, 100_000, 1_000_000),
    predicted=(1_000, 10_000), predicted_for_memory=50_000, trained=500, recorded=2_000, runs=3,
)  # fmt: skip
QUICK = Sizes(
    imported=(1_000, 10_000), errors=(1_000, 10_000, 100_000), predicted=(500, 4_000),
    predicted_for_memory=0, trained=300, recorded=300, runs=2,
)  # fmt: skip
FULL = Sizes(
    imported=(1_000, 10_000, 100_000, 1_000_000),
    errors=(1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    predicted=(1_000, 10_000, 100_000, 1_000_000), predicted_for_memory=1_000_000,
    trained=100_000, recorded=10_000, runs=3,
)  # fmt: skip


def parts(folder: Path, sizes: Sizes) -> dict[str, Callable[[], list[Row]]]:
    """Return what can be measured, by name."""
    return {
        "shell": lambda: shell.rows(folder, sizes.runs),
        "record": lambda: recording.rows(folder, sizes.recorded, sizes.runs),
        "import": lambda: imports.import_rows(folder, sizes.imported, sizes.runs),
        "statistics": lambda: imports.statistics_rows(folder, sizes.errors, sizes.runs),
        "predict": lambda: predictions.rows(
            sizes.predicted, sizes.predicted_for_memory, sizes.runs
        ),
        "train": lambda: training.rows(sizes.trained),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, for a busy machine")
    parser.add_argument("--full", action="store_true", help="the large sizes: hours")
    parser.add_argument("--only", default="", help="parts to measure, by commas")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([*_search_path(), str(Path(__file__).parent)])
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        sizes = FULL if arguments.full else QUICK if arguments.quick else USUAL
        known = parts(Path(folder), sizes)
        chosen = [name for name in arguments.only.split(",") if name] or list(known)
        if unknown := set(chosen) - set(known):
            sys.exit(f"no part named {', '.join(sorted(unknown))}: {', '.join(known)}")
        for name in chosen:
            before = machine.load()
            rows = [row.to_json() for row in known[name]()]
            said = f"{name}, {datetime.now(UTC):%Y-%m-%d}: {machine.described()}; load {before:.0f}"
            kept[name] = {"machine": f"{said} to {machine.load():.0f}", "rows": rows}
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    _write(arguments.output, {name: kept[name] for name in known if name in kept})


def _write(output: Path, kept: dict[str, dict[str, object]]) -> None:
    rows = [Row(**row) for part in kept.values() for row in part["rows"]]  # type: ignore[attr-defined]
    machines = [str(part["machine"]) for part in kept.values()]
    output.write_text(page.page(rows, machines, CHANGES.read_text("utf-8")), "utf-8")
    if series := page.grown(rows):
        output.with_suffix(".svg").write_text(plot.plot(series), "utf-8")
    print(f"{output} written", file=sys.stderr)


def _search_path() -> list[str]:
    given = os.environ.get("PYTHONPATH", "")
    return [given] if given else []


if __name__ == "__main__":
    main()
