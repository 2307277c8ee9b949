"""Times prediction in one process, each figure beside its floor in the same run.

    python benchmarks/predict.py [--cases 100000]

One warm prediction (calibrated, with intervals) through the engine, and many cases in one call
beside LightGBM alone on the features of those cases.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from perfpredict.domain.workload import Workload
from perfpredict.models.calibration import MeasuredCase, calibrate
from perfpredict.models.observations import describe
from perfpredict.models.predictor import Case
from perfpredict.models.reference import load_reference
from perfpredict.models.residual import ResidualPredictor
from perfpredict.services.engine import Engine
from perfpredict.services.opening import load_engine

MODELS = ("resnet18", "resnet50", "mobilenetv3_large_100", "vit_small_patch16_224", "convnext_tiny")
DEVICES = ("nvidia-rtx-4090", "nvidia-rtx-3090", "nvidia-l4", "nvidia-h100-sxm")
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median of `repeats` runs."""
    runs = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        runs.append(time.perf_counter() - started)
    return statistics.median(runs)


def made_cases(engine: Engine, count: int) -> list[Case]:
    """Return `count` cases: every model, device and batch size over and over."""
    recorder: list[Case] = []

    class Recording:
        name, version, basis = "recording", "0", engine.predictor.basis

        def predict(self, cases: list[Case], level: float) -> list[object]:
            recorder.extend(cases)
            return list(engine.predictor.predict(cases, level))

    asked = [
        (Workload(model=model, batch_size=batch_size), hardware)
        for model in MODELS
        for hardware in engine.resolve_devices(DEVICES)
        for batch_size in BATCH_SIZES
    ]
    replace(engine, predictor=Recording()).predict_many(asked)
    return [recorder[place % len(recorder)] for place in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=100_000)
    arguments = parser.parse_args()
    engine = load_engine(None)
    cases = made_cases(engine, arguments.cases)
    reference = load_reference()
    rows = [MeasuredCase(case=case, latency_ms=5.0) for case in cases[:10]]
    calibrated = replace(engine, predictor=calibrate(reference, rows))
    (hardware,) = engine.resolve_devices(DEVICES[:1])
    workload = Workload(model="resnet50", batch_size=8)
    calibrated.predict(workload, [hardware])
    one = seconds(lambda: calibrated.predict(workload, [hardware]), 200)
    print(f"one warm prediction, calibrated, with intervals: {one * 1e3:.2f} ms")

    forward = reference.parts["forward"].predictor()  # type: ignore[attr-defined]
    assert isinstance(forward, ResidualPredictor) and forward.corrector is not None
    corrector = forward.corrector
    matrix = describe(cases, reference.constants).matrix
    trees = seconds(lambda: corrector.learner.predict(matrix), 3)
    whole = seconds(lambda: reference.predict(cases, 0.9), 3)
    values = seconds(lambda: reference.latencies_ms(cases), 3)
    assert np.isfinite(matrix[:, :10]).all()
    print(f"{len(cases):,} cases, LightGBM alone: {trees:.2f} s")
    print(f"{len(cases):,} cases, latencies: {values:.2f} s, ratio {values / trees:.2f}")
    print(f"{len(cases):,} cases, with intervals: {whole:.2f} s, ratio {whole / trees:.2f}")


if __name__ == "__main__":
    main()
