"""The section of the accuracy page on real runs of a local CPU."""

import csv
from pathlib import Path


def local_table(path: Path) -> str:
    """Return the section on one local CPU: measured and predicted latency of real runs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "\n## A local CPU\n",
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
