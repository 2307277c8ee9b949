"""Scores the shipped predictor on a file of published measurements and writes docs/accuracy.md.

    python scripts/write_accuracy.py MEASUREMENTS.parquet [--local local.csv]

`--local` is the file that `scripts/measure_local.py --csv` writes; its table is left out without.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parent.parent / "docs" / "accuracy.md"
FEWEST_ROWS = 10
HEAD = """# How far off it is

This page is written by `python scripts/write_accuracy.py measurements.parquet`. Errors are
relative errors of latency; the error factor is exp(mean |ln(predicted / measured)|); coverage is
of intervals that are meant to hold 90 %.

The predictor is the roofline sum as it ships, without any measurement of the user's. Its
constants were fitted to published rows whose licence is stated (`scripts/fit_roofline.py`), so
the tables below mix rows that it has seen with rows that it has not: the rows of
`llm-perf-leaderboard` (most of A100 80 GB and A10G) and all of `lambda` took no part. How it
does on a device that was left out of the fit is printed by that script.

"""
TAIL = """
## What is known to be off

- Eager `transformers` on A100 80 GB and A10G is predicted too fast by about two: the host's time
  per launch is an order of magnitude from the literature and not fitted, since those rows may
  only validate.
- Intel Max 1550 differs by a factor of several between frameworks, and its multi-device
  llama.cpp runs are slower still.
- The intervals of generation come from six devices of very unlike maturity; they are wide for
  the mature ones.
- Memory is validated by whether published training runs fit, not yet by its own errors.
"""


def scored(measurements: Path, *options: str) -> list[dict[str, Any]]:
    """Return the groups of one evaluation."""
    command = ["perf", "evaluate", str(measurements), "--mode", "inference", "--json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "perfpredict", *command], capture_output=True, text=True, check=True
    )
    groups: list[dict[str, Any]] = json.loads(done.stdout)
    return groups


def table(title: str, groups: list[dict[str, Any]], command: str) -> str:
    """Return a Markdown section with a row for each group of enough rows."""
    lines = [
        f"## {title}\n",
        f"```sh\n{command}\n```\n",
        "| group | rows | answered | median APE | MAPE | error factor | coverage | upper/lower |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {g['group']} | {g['rows']:,} | {g['answered']:,} | {g['median_ape']:.1%} "
        f"| {g['mape']:.1%} | {g['geo_error_factor']:.2f} | {g['coverage']:.1%} "
        f"| {g['median_interval_ratio']:.1f} |"
        for g in groups
        if g["answered"] >= FEWEST_ROWS
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--local", type=Path)
    arguments = parser.parse_args()
    base = "perfpredict perf evaluate measurements.parquet --mode inference"
    parts = [
        table(
            "By family of models",
            scored(arguments.measurements, "--by", "family"),
            f"{base} --by family",
        ),
        table("By device", scored(arguments.measurements, "--by", "device"), f"{base} --by device"),
        table(
            "By device, after ten of its rows",
            scored(arguments.measurements, "--by", "device", "--calibrate", "10"),
            f"{base} --by device --calibrate 10",
        ),
    ]
    if arguments.local:
        parts.append(local_table(arguments.local))
    OUTPUT.write_text(HEAD + "\n".join(parts) + TAIL, encoding="utf-8")


def local_table(path: Path) -> str:
    """Return the section on one local CPU: measured and predicted latency of real runs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "## A local CPU\n",
        "Real PyTorch runs in fp32 on a virtual machine with two cores of an Intel Xeon with "
        "AMX:\n",
        "```sh\npython scripts/measure_local.py --csv local.csv\n```\n",
        "| model | batch | measured ms | predicted ms | measured / predicted |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        measured, predicted = float(row["latency_ms"]), float(row["predicted_ms"])
        lines.append(
            f"| {row['model']} | {row['batch_size']} | {measured:.1f} | {predicted:.1f} "
            f"| {measured / predicted:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
