"""Measure training on many rows: time, memory and error, streamed, in one frame and on workers.

    python scripts/measure_streamed_training.py make ROWS FOLDER
    python scripts/measure_streamed_training.py train FOLDER [--dask ADDRESS]
    python scripts/measure_streamed_training.py whole FOLDER

`make` writes rows of image models on GPUs whose latency is known: the roofline's, times what their
batch size, model and device make of it. `train` learns from them as `models train --from` does,
`whole` as `models train` does with the same rows in one frame. Each is run in a process of its own,
so that the peak of memory is its own.
"""

import argparse
import resource
import time
from collections.abc import Set
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.catalog.vision import vision_model_names
from perfpredict.domain.device import DeviceKind
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Workload
from perfpredict.models.learners import Algorithm
from perfpredict.models.memory import fits
from perfpredict.models.observations import Target
from perfpredict.models.predictor import Case
from perfpredict.models.residual import ResidualPredictor
from perfpredict.models.residual_fit import lesson_of
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.streamed_rows import StreamedRows, open_rows
from perfpredict.services.train import Trained, TrainedMetric, TrainingPlan, train
from perfpredict.services.train_streamed import train_streamed
from perfpredict.services.training_material import Material
from perfpredict.services.training_rows import Split, gather, observations
from perfpredict.store.measurement_rows import MEASUREMENT_SCHEMA, complete_import

FILE_ROWS = 500_000
SAMPLE_ROWS = 3000
"""Fewer than by default: here the trees of all rows count."""
LARGEST_BATCH = 128
NOISE = 0.05
PLAN = TrainingPlan(metric=TrainedMetric.LATENCY, algorithm=Algorithm.LIGHTGBM)


def main() -> None:
    """Run one of the three steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    make = steps.add_parser("make")
    make.add_argument("rows", type=int)
    make.add_argument("folder", type=Path)
    streamed = steps.add_parser("train")
    streamed.add_argument("folder", type=Path)
    streamed.add_argument("--dask")
    whole = steps.add_parser("whole")
    whole.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.step == "make":
        make_rows(given.rows, given.folder)
        return
    begin = time.perf_counter()
    rows, material = open_rows(str(given.folder)), _material()
    if given.step == "train":
        trained = train_streamed(
            rows, PLAN, material, scheduler=given.dask, sample_rows=SAMPLE_ROWS
        )
    else:
        sample = gather(rows.sample(SAMPLE_ROWS, seed=0), material.catalog)
        trained = train(sample, PLAN, refit=partial(_fit_whole, rows))
    show(trained, time.perf_counter() - begin)


def _fit_whole(
    rows: StreamedRows, predictor: ResidualPredictor, held_out: Set[str]
) -> ResidualPredictor:
    """Return the predictor with trees fitted to all rows in one matrix."""
    frame = pl.concat(rows.pieces()).filter(~pl.col("model_name").is_in(sorted(held_out)))
    known = observations(gather(frame, DeviceCatalog()).configs, Target.LATENCY, Split.MODEL)
    print(f"{len(known)} rows in one matrix")
    learner = lesson_of(known, predictor.prior).fit(Algorithm.LIGHTGBM, 0)
    assert predictor.corrector is not None
    corrector = replace(predictor.corrector, learner=learner)
    return ResidualPredictor(prior=predictor.prior, corrector=corrector)


def show(trained: Trained, wall_s: float) -> None:
    """Print what training cost and how good it is."""
    (score,) = trained.scores
    own = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"rows {trained.training_rows}, {wall_s:.0f} s on the clock, "
        f"{own.ru_utime + own.ru_stime:.0f} s of CPU, peak {own.ru_maxrss / 2**20:.2f} GiB, "
        f"anonymous {_anonymous_gib():.2f} GiB at the end, "
        f"geo error factor {score.accuracy.geo_error_factor:.4f} "
        f"(roofline {score.roofline_geo_error_factor:.4f}), "
        f"coverage {score.accuracy.coverage:.1%} of held-out rows"
    )


def make_rows(count: int, folder: Path, *, models: int = 400, devices: int = 12) -> None:
    """Write `count` distinct configurations in Parquet files of FILE_ROWS rows."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = _pairs(models, devices)
    chance = np.random.default_rng(1)
    for number, begin in enumerate(range(0, count, FILE_ROWS)):
        size = min(FILE_ROWS, count - begin)
        frame = _some_rows(pairs, np.arange(begin, begin + size), chance)
        frame.write_parquet(folder / f"{number:04d}.parquet", row_group_size=100_000)


def _some_rows(
    pairs: pl.DataFrame, numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
    chance: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    drawn = pairs[chance.integers(0, pairs.height, len(numbers))]
    batch = chance.integers(1, LARGEST_BATCH + 1, len(numbers))
    smallest, largest = drawn["smallest_ms"].to_numpy(), drawn["largest_ms"].to_numpy()
    roofline_ms = smallest + (largest - smallest) * (batch - 1) / (LARGEST_BATCH - 1)
    shape = 0.25 * np.sin(np.log(batch)) + drawn["shift"].to_numpy()
    latency_ms = roofline_ms * np.exp(shape + chance.normal(0, NOISE, len(numbers)))
    rows = drawn.select("model_name", "device", "image_size", "precision", "model_family")
    imported = rows.with_columns(
        workload_key=pl.format("{}/{}/{}", "model_name", "precision", pl.Series(batch)),
        batch_size=pl.Series(batch), mode=pl.lit("inference"), framework=pl.lit("pytorch"),
        hardware_platform=pl.lit("cuda"), device_platform=pl.lit("cuda"),
        device_count=1, concurrency=1, throughput_unit=pl.lit("samples/s"),
        latency_ms=pl.Series(latency_ms), measured_at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)),
        source=pl.lit("made"), import_key=pl.format("made-{}", pl.Series(numbers)),
    )  # fmt: skip
    return complete_import(imported).with_columns(
        measurement_id=pl.format("meas-{}", pl.Series(numbers)),
        recorded_at=pl.col("measured_at"),
        import_id=pl.lit(None, dtype=pl.String), prediction_id=pl.lit(None, dtype=pl.String),
        is_forced_link=pl.lit(value=False),
    ).select(list(MEASUREMENT_SCHEMA))  # fmt: skip


def _pairs(models: int, devices: int) -> pl.DataFrame:
    """Return models, devices and precisions, with the roofline of the least and largest batch."""
    catalog = DeviceCatalog()
    gpus = [one for one in catalog.list() if one.kind is DeviceKind.GPU][::5][:devices]
    names = vision_model_names()
    rows, cases = [], []
    for place, name in enumerate(names[:: max(1, len(names) // models)][:models]):
        model = find_model(name)
        for precision in (Precision.FP16, Precision.FP32):
            for at, device in enumerate(gpus):
                both = []
                for batch_size in (1, LARGEST_BATCH):
                    asked = Workload(model=model.name, family=model.family, batch_size=batch_size,
                                     precision=precision, framework="pytorch")  # fmt: skip
                    workload, _ = with_defaults(asked, model)
                    both.append(
                        Case(workload=workload, device=device, profile=profile(model, workload))
                    )
                if not fits(both[1]):
                    continue
                cases += both
                rows.append({
                    "model_name": model.name, "device": device.name, "precision": str(precision),
                    "model_family": model.family, "image_size": both[0].workload.image_size,
                    # what a model is off by, no learner can know; what a device is, it can
                    "shift": 0.05 * np.sin(7 * place) + 0.2 * np.sin(3 * at),
                })  # fmt: skip
    found = RooflinePredictor().latencies_ms(cases)
    return pl.DataFrame(rows).with_columns(
        smallest_ms=pl.Series(found[::2]), largest_ms=pl.Series(found[1::2])
    )


def _material() -> Material:
    return Material(measurements=pl.DataFrame(schema=MEASUREMENT_SCHEMA), catalog=DeviceCatalog())


def _anonymous_gib() -> float:
    """Return the memory of this process that no file backs; mapped features can be dropped."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in text.splitlines() if line.startswith("RssAnon"))
    return int(kib) / 2**20


if __name__ == "__main__":
    main()
