"""Trains the predictor that ships, on licensed published rows, and writes its files.

    python scripts/train_reference.py MEASUREMENTS.parquet [--only forward training] [--output DIR]

Each kind of work has a learner of its own. Rows whose batch size had to be assumed teach forward
passes alone.
The same file, versions and machine give the same bytes: one thread, fixed seeds.
"""

import argparse
import gzip
import io
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from published_rows import READ_AT, expressible_rows, licensed_rows

from perfpredict.importers.options import ReadOptions
from perfpredict.importers.parquet import read_parquet
from perfpredict.importers.sources import SourceFile
from perfpredict.importers.table import understand
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.reference import FOLDER, part_path
from perfpredict.models.residual import ResidualPredictor
from perfpredict.models.work_kinds import WORK_KINDS, kind_of_work
from perfpredict.services.evaluate_rows import ScoredFilter
from perfpredict.services.learned_variant import can_teach, fit_part
from perfpredict.services.opening import load_engine
from perfpredict.services.protocols_rows import ScoredRow, rows_of_file


def usable_rows(measurements: Path) -> list[ScoredRow]:
    """Return the licensed rows that a workload can say all of and that can teach."""
    data = io.BytesIO()
    expressible_rows(licensed_rows(measurements)).write_parquet(data)
    table = read_parquet("published", data.getvalue())
    engine = load_engine(None, predictor="roofline", is_calibrated=False)
    options = ReadOptions(resolve_device=engine.devices.resolve, now=READ_AT)
    read = understand([SourceFile(name="published", sha256="", table=table)], options)
    gathered = rows_of_file(engine, read, ScoredFilter())
    return [row for row in gathered.rows if can_teach(row)]


def trained(kind: str, rows: Sequence[ScoredRow]) -> dict[str, object]:
    """Return the JSON form of the learner of a kind of work."""
    part = fit_part(kind, rows)
    assert isinstance(part, ResidualPredictor | GenerationPredictor)
    return part.to_json() | {"trained_on": {"kind_of_work": kind, "rows": len(rows)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--only", nargs="+", default=list(WORK_KINDS))
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    rows = usable_rows(arguments.measurements)
    for kind in arguments.only:
        started = time.monotonic()
        own = [row for row in rows if kind_of_work(row.case.workload) == kind]
        text = json.dumps(trained(kind, own), allow_nan=False)
        path = arguments.output / part_path(kind).name
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        print(
            f"{kind}: {len(own)} rows, {path.stat().st_size / 1e6:.2f} MB, "
            f"{time.monotonic() - started:.0f} s",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
