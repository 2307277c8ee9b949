"""Scores every variant on a file of published measurements and writes docs/accuracy.md.

    python scripts/write_accuracy.py MEASUREMENTS.parquet [--results DIR] [--local local.csv]

Protocols train many predictors and take minutes to hours. With `--results` each run leaves its
JSON there and a run whose JSON is there already is not repeated; results of other variants that
lie there are listed too; so are runs on some of the rows, as `perf evaluate --protocol … -o
subset.NAME.json` writes them, with the command in `subset.NAME.txt`. `--no-runs` writes what lies
there. `--local` is the file that `scripts/measure_local.py --csv` writes.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from accuracy_tables import (
    FEWEST_COVERAGE_ROWS,
    TITLES,
    Json,
    Results,
    device_table,
    few_shot_table,
    group_table,
    marks_table,
    protocol_table,
)
from local_runs import local_table

from perfpredict.domain.workload import Mode
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import MeasurementRows, read_measurements
from perfpredict.services.engine import Engine
from perfpredict.services.evaluate import EvaluatedGroup, EvaluationOptions, GroupKey, evaluate
from perfpredict.services.evaluate_rows import ScoredFilter
from perfpredict.services.opening import load_engine
from perfpredict.services.progress import Progress
from perfpredict.services.protocols import ProtocolName, SplitOptions
from perfpredict.services.protocols_rows import GatheredRows, rows_of_file
from perfpredict.services.protocols_runs import FORMAT, ProtocolPlan, run_plan
from perfpredict.services.protocols_variants import VariantName

OUTPUT = Path(__file__).parent.parent / "docs" / "accuracy.md"
READ_AT = datetime(2100, 1, 1, tzinfo=UTC)
"""Time of rows without one, the same in every run; it decides nothing here."""
SUBSET = "subset."
VARIANTS = (
    VariantName.LEARNED, VariantName.ROOFLINE_SUM, VariantName.LIGHTGBM_TOTALS,
    VariantName.ROOFLINE_CONSTANT,
)  # fmt: skip
RUNS = (
    (ProtocolName.UNSEEN_MODEL,),
    (ProtocolName.UNSEEN_ARCHITECTURE,),
    (ProtocolName.BY_DATE,),
    (ProtocolName.RANDOM,),
    (ProtocolName.BOTH,),
    # these share what they train
    (ProtocolName.UNSEEN_DEVICE, ProtocolName.FEW_SHOT),
)
GROUPINGS = {
    "By source": (GroupKey.SOURCE, 0, None),
    "By family of models": (GroupKey.FAMILY, 0, Mode.INFERENCE),
    "By device": (GroupKey.DEVICE, 0, Mode.INFERENCE),
    "By device, after ten of its rows": (GroupKey.DEVICE, 10, Mode.INFERENCE),
}
"""Title → what is grouped by, how many rows of each device are given first, and of which mode."""
HEAD = """# How far off it is

This page is written by `python scripts/write_accuracy.py measurements.parquet`. Errors are
relative errors of latency; the error factor is exp(mean |ln(predicted / measured)|), the bias
factor exp(mean ln(predicted / measured)); coverage is of intervals that are meant to hold 90 %,
and upper/lower is how wide their median one is.

The first part asks how far off a predictor is for what it has never seen: it is trained anew
without the models, families or devices that are then scored, and no figure is of a row that it
was trained on or given. "Median of groups" is the median, over the held-out groups with five rows
or more, of each group's median error, so that no group outvotes another. Models of equally many
weights are one network under several names and are held out together. Four variants are scored
on the same rows, and every one of them is shown:

- `learned`: the roofline sum corrected by what was learned from the other rows.
- `roofline-sum`: the roofline sum as it ships. Its constants were fitted to published rows whose
  licence is stated (`scripts/fit_roofline.py`), so it has seen most of what is scored here and its
  figures are not those of an unseen device; the others have not.
- `lightgbm-totals`: a baseline, LightGBM on the totals of a model, the workload and the device.
- `roofline-constant`: a baseline, max(compute, memory) of a model's totals times one constant for
  each kind of work (forward pass, generation, training).

"""
DEFINITIONS = """
Figures in bold reach their mark; – was not run or has no rows. The rank correlation is the mean
over workloads measured on three devices of one class or more; the time lost is the mean over
workloads measured on two or more, for one who takes the device that is predicted to be the
fastest. Devices are compared by latency per sample where each ran its own batch size. All
predictions in it are of devices that were left out.
"""
AS_IT_SHIPS = """
# As it ships

What a new user gets, without any measurement of their own, on the same file. These tables mix rows
that the predictor has seen with rows that it has not. Of the sources, `lambda`,
`llm-perf-leaderboard` and `mlc-llm-perf-bench` state no licence: none of their rows took part in
training. Of the rows that state no batch size, forward passes of `mlperf` alone did.
"""
TAIL = """
## What is known to be off

- Unseen architectures of image models: the operations are the same, their kernels are not. The
  intervals say so; the median does not reach its mark.
- A CPU when none of its kind was in training is answered by the roofline sum; its own rows move
  the level, and hardly what differs from operation to operation.
- A quarter of the mean error of generation for unseen models is of Intel Max 1550, whose rows
  contradict each other ([generation](generation.md)).
- Eager `transformers` has no row whose licence is stated: what ships answers it by physics alone,
  decoding within a tenth; prompts are off by a third where four-bit weights of `bitsandbytes` are
  multiplied.
- Training was learned from image models on one GPU; that of other families is answered by the sum,
  which is 1.3 times too fast for BERT on GPUs of data centres.
- Intel Max 1550 differs by a factor of several between frameworks, and its multi-device
  llama.cpp runs are slower still; SambaNova SN40L is as far off without rows of its own.
- Rows that state a throughput and no batch size are read at an assumed batch; errors on them are
  errors of that assumption too.
- Of the runs on all rows, `learned` on models and devices left out is today's; that on
  architectures and dates, and the baselines, are older: they know nothing of how far matrix units
  outrun what feeds them, learned from no row of an assumed batch, and read such rows at slightly
  other batches.
- Convolutions of 8 bits under TensorRT: the sum moves what a large cache keeps through memory, and
  is 1.7 times too slow where no row of the device's kind corrects it.
- `scripts/fit_roofline.py` no longer arrives at the constants that ship: since rows of many small
  devices were added it draws too few image models. What ships is its earlier fit, with the host's
  time of a launch set by hand.
"""


class Runner:
    """Runs what `perfpredict perf evaluate` runs, on rows read once, and keeps the answers."""

    def __init__(self, measurements: Path, results: Path) -> None:
        self._measurements = measurements
        self._results = results
        self._read: tuple[Engine, MeasurementRows] | None = None
        self._gathered: GatheredRows | None = None

    def protocols(self, variant: VariantName, protocols: tuple[ProtocolName, ...]) -> None:
        """Leave the results of one variant in the folder, unless they are there."""
        path = self._results / f"{variant}.{protocols[0]}.json"
        if path.exists():
            return
        plan = ProtocolPlan(protocols=protocols, variants=(variant,), splits=SplitOptions())
        if self._gathered is None:
            self._gathered = rows_of_file(*self._rows(), ScoredFilter())
        document = run_plan(self._gathered, plan, on_progress=_tell).document()
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def groups(self, key: GroupKey, calibration_rows: int, mode: Mode | None) -> list[Json]:
        """Return the groups of one evaluation of what ships."""
        path = self._results / f"evaluate.{key}.{calibration_rows}.json"
        if not path.exists():
            engine, rows = self._rows()
            options = EvaluationOptions(
                by=(key,), calibration_rows=calibration_rows,
                row_filter=ScoredFilter(mode=mode),
            )  # fmt: skip
            groups = evaluate(engine, rows, options).groups
            path.write_text(json.dumps([_plain(one) for one in groups]), encoding="utf-8")
        found: list[Json] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def documents(self) -> Iterator[Json]:
        """Yield all protocol results in the folder, the usual variants first."""
        found = [
            json.loads(path.read_text("utf-8"))
            for path in sorted(self._results.glob("*.json"))
            if not path.name.startswith(SUBSET)
        ]
        known = [one for one in found if isinstance(one, dict) and one.get("format") == FORMAT]
        yield from sorted(known, key=_variant_place)

    def subsets(self) -> Iterator[tuple[str, Results]]:
        """Yield the command and the results of each run on some of the rows."""
        for path in sorted(self._results.glob(f"{SUBSET}*.json")):
            command = path.with_suffix(".txt").read_text("utf-8").strip()
            yield command, Results.of([json.loads(path.read_text("utf-8"))])

    def _rows(self) -> tuple[Engine, MeasurementRows]:
        if self._read is None:
            # no store: neither this user's predictors nor their devices
            engine = load_engine(None)
            options = ReadOptions(resolve_device=engine.devices.resolve, now=READ_AT)
            self._read = engine, read_measurements([str(self._measurements)], options)
        return self._read


def _check_same_rows(documents: Mapping[str, Json]) -> None:
    """Stop where results are not all of the same rows, level and options: they do not compare."""
    by_rows: dict[str, list[str]] = {}
    for name, one in documents.items():
        of = json.dumps([one[key] for key in ("rows", "left_out", "level", "options")])
        by_rows.setdefault(of, []).append(name)
    if len(by_rows) > 1:
        told = "\n".join(f"{', '.join(names)}: {of}" for of, names in by_rows.items())
        sys.exit(f"results are not of the same rows or options; remove some and run again\n{told}")


def _plain(group: EvaluatedGroup) -> Json:
    measures = {} if group.accuracy is None else asdict(group.accuracy)
    return {"group": group.group, "rows": group.rows, "answered": group.answered, **measures}


def _tell(state: Progress) -> None:
    print(f"{state.label} ({state.done + 1} of {state.total})", file=sys.stderr, flush=True)


def _variant_place(document: Json) -> tuple[int, str]:
    name = document["results"][0]["variant"]
    names = [variant.value for variant in VARIANTS]
    return (names.index(name) if name in names else len(names), name)


def page(runner: Runner, local: Path | None) -> str:
    """Return the whole page."""
    results = Results.of(runner.documents())
    parts = [
        HEAD,
        "# What was never seen\n\n## Marks\n\n",
        marks_table(results, [own for _, own in runner.subsets()]),
        DEFINITIONS,
    ]
    parts += [section for protocol in TITLES for section in _protocol(results, protocol)]
    for command, of_some in runner.subsets():
        parts += [
            section
            for protocol in TITLES
            for section in _protocol(of_some, protocol, command=command, rows="some of the rows")
        ]
    parts.append(AS_IT_SHIPS)
    for title, (key, count, mode) in GROUPINGS.items():
        of_mode = f" --mode {mode}" if mode else ""
        given = f" --calibrate {count}" if count else ""
        command = f"perf evaluate measurements.parquet{of_mode} --by {key}{given}"
        parts += [_heading(title, command), group_table(runner.groups(key, count, mode))]
    if local:
        parts.append(local_table(local))
    parts.append(TAIL)
    return "".join(parts)


def _protocol(
    results: Results, protocol: str, *, command: str | None = None, rows: str | None = None
) -> Iterator[str]:
    if not results.shots(protocol):
        return
    title = TITLES[protocol] if rows is None else f"{TITLES[protocol]}, {rows}"
    yield _heading(title, command or f"perf evaluate measurements.parquet --protocol {protocol}")
    if protocol == "few-shot":
        yield "Median over devices of the median error, by how many random rows of it were given "
        yield "(means over three choices of them):\n\n"
        yield few_shot_table(results, "error")
        yield "\nCoverage, and in brackets upper/lower:\n\n"
        yield few_shot_table(results, "coverage")
        return
    yield protocol_table(results, protocol)
    if protocol == "unseen-device":
        yield f"\nEvery left-out device of {FEWEST_COVERAGE_ROWS} rows or more: median error; "
        yield "coverage, and in brackets upper/lower. Devices of fewer than 20 rows are left out "
        yield "together, in five folds; all others one by one.\n\n"
        yield device_table(results)


def _heading(title: str, command: str) -> str:
    return f"\n## {title}\n\n```sh\nperfpredict {command}\n```\n\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--results", type=Path, help="Folder of JSON results, kept.")
    parser.add_argument("--local", type=Path)
    parser.add_argument("--no-runs", action="store_true", help="Take what is in --results.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.results or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        runner = Runner(arguments.measurements, folder)
        for protocols in () if arguments.no_runs else RUNS:
            for variant in VARIANTS:
                runner.protocols(variant, protocols)
        OUTPUT.write_text(page(runner, arguments.local), encoding="utf-8")


if __name__ == "__main__":
    main()
