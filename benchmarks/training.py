"""Training beside the time that LightGBM itself takes in the same fits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import predictions
from timing import Row

from perfpredict.models.learners import Algorithm
from perfpredict.models.observations import Observations, Target
from perfpredict.models.reference import load_reference
from perfpredict.models.residual_fit import fit_residual
from perfpredict.services.opening import load_engine


@dataclass
class Stopwatch:
    """Adds up the processor time, and the elapsed time, inside the calls that it is put around."""

    seconds: float = 0.0
    elapsed_s: float = 0.0
    calls: int = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            started, elapsed = time.process_time(), time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                self.seconds += time.process_time() - started
                self.elapsed_s += time.perf_counter() - elapsed
                self.calls += 1

        return timed


def rows(count: int) -> list[Row]:
    """Return what a training with all its folds takes, and LightGBM's part of it."""
    engine, reference = load_engine(None), load_reference()
    cases = predictions.cases_of(engine, count)
    generator = np.random.default_rng(7)
    measured = reference.latencies_ms(cases) * np.exp(generator.normal(0.1, 0.2, count))
    observed = Observations(
        target=Target.LATENCY, cases=tuple(cases), measured=measured,
        groups=tuple(case.workload.model for case in cases),
    )  # fmt: skip
    watch, original = Stopwatch(), lightgbm.train
    lightgbm.train = watch.around(original)
    started, elapsed = time.process_time(), time.perf_counter()
    try:
        fit_residual([observed], prior=reference, algorithm=Algorithm.LIGHTGBM)
    finally:
        lightgbm.train = original
    whole = time.process_time() - started
    return [
        Row(
            name="training with the folds of all protocols", size=count,
            floor=f"LightGBM's own time in its {watch.calls} fits of this training", mark=1.3,
            unit="s", ours=whole, floor_cost=watch.seconds,
            ours_elapsed_s=time.perf_counter() - elapsed, floor_elapsed_s=watch.elapsed_s, runs=1,
        )
    ]  # fmt: skip
