"""Reports of made-up answers, whose numbers no training changes."""

from dataclasses import replace

import polars as pl

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.explanation import (
    Bound,
    ClassWork,
    Explanation,
    MemoryPart,
    Neighbours,
    Step,
    StepKind,
    TimePart,
)
from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.domain.operations import OpClass
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction, TimeShare
from perfpredict.domain.recommendation import (
    Candidate,
    Exclusion,
    Limits,
    Meets,
    Objective,
    Recommendation,
)
from perfpredict.domain.sweep import Over, Sweep, SweepPoint
from perfpredict.domain.workload import Workload
from perfpredict.reports.accuracy import accuracy_report
from perfpredict.reports.accuracy_plot import accuracy_figures
from perfpredict.reports.explanation import explanation_report
from perfpredict.reports.recommendation import recommendation_report
from perfpredict.reports.report import Report
from perfpredict.reports.roofline_plot import workload_figure
from perfpredict.reports.sweep import sweep_report


def device(name: str) -> ResolvedDevice:
    return ResolvedDevice(requested=name, device=DeviceCatalog().find(name), how="name")


def around(value: float, factor: float) -> Estimate:
    bounds = Interval(lower=value / factor, upper=value * factor, coverage=0.9)
    return Estimate(value=value, interval=bounds)


def prediction(name: str, latency_ms: float, *, batch_size: int = 8) -> Prediction:
    return Prediction(
        workload=Workload(model="resnet50", batch_size=batch_size, precision=Precision.FP16),
        hardware=device(name),
        latency_ms=around(latency_ms, 1.5),
        throughput_per_s=around(batch_size / latency_ms * 1e3, 1.5),
        throughput_unit=ThroughputUnit.SAMPLES,
        memory_bytes=around((100 + 10 * batch_size) * 2.0**20, 1.2),
        memory_capacity_bytes=24 * 2.0**30,
        fits=True,
        basis=Basis.LEARNED,
        predictor="reference",
        predictor_version="abc",
        time_shares=(
            TimeShare(op_class=OpClass.CONV_DENSE, share=0.6, bound="compute"),
            TimeShare(op_class=OpClass.ELEMENTWISE, share=0.25, bound="memory"),
        ),
        launch_share=0.15,
    )


def explanation() -> Report:
    parts = [("conv_dense", 0.6, Bound.COMPUTE), ("elementwise", 0.25, Bound.MEMORY),
             ("launches", 0.144, Bound.HOST), ("linear", 0.004, Bound.MEMORY),
             ("reduction", 0.002, Bound.MEMORY)]  # fmt: skip
    found = Explanation(
        prediction=prediction("nvidia-l4", 10.0),
        parts=tuple(TimePart(name=n, share=s, bound=b) for n, s, b in parts),
        work=(
            ClassWork(op_class=OpClass.CONV_DENSE, launches=53, flops=6.5e10, moved_bytes=4e8,
                      compute_ms=1.07, memory_ms=0.9, full_rate_ms=1.6),
            ClassWork(op_class=OpClass.ELEMENTWISE, launches=65, flops=1.2e8, moved_bytes=6e8,
                      compute_ms=0.004, memory_ms=2.0, full_rate_ms=2.0),
        ),
        steps=(
            Step(kind=StepKind.FULL_RATES, latency_ms=4.0),
            Step(kind=StepKind.ROOFLINE, latency_ms=8.0, detail="fitted efficiencies"),
            Step(kind=StepKind.LEARNING, latency_ms=10.0, detail="reference: from 100 rows"),
        ),
        memory=(MemoryPart(name="weights", share=0.4), MemoryPart(name="activations", share=0.6)),
        neighbours=Neighbours(learned_from_device=0, learned_from_model=12, own_of_device=3),
        not_modelled=("the first runs", "other work on the device"),
        is_measured_by_run=True,
    )  # fmt: skip
    return replace(explanation_report([found]), figures=(workload_figure(found),))


def recommendation() -> Report:
    ranked = [("nvidia-h100-sxm", 4.0, Meets.YES, 4.5), ("nvidia-l4", 9.0, Meets.YES, 0.7),
              ("nvidia-t4", 30.0, Meets.NO, None)]  # fmt: skip
    candidates = tuple(
        Candidate(
            rank=rank, hardware=device(name), prediction=prediction(name, latency), meets=meets,
            score=100.0 / latency,
            reason="keeps all limits at 90%" if meets is Meets.YES else "latency may reach 45 ms",
            price_per_hour=price, currency="USD" if price else None,
            cost_per_million=price and price / 3.6 * latency / 8,
        )
        for rank, (name, latency, meets, price) in enumerate(ranked, start=1)
    )  # fmt: skip
    found = Recommendation(
        workload=candidates[0].prediction.workload,
        objective=Objective.BALANCED,
        limits=Limits(max_latency_ms=20.0),
        candidates=candidates,
        excluded=(Exclusion(hardware="nvidia-t400", reason="does not fit: needs 3 GiB of 2"),),
        explanation="nvidia-h100-sxm in 4 ms",
    )
    return recommendation_report(found, top=5)


def sweep() -> Report:
    points = tuple(
        SweepPoint(
            size=size, prediction=prediction("nvidia-l4", latency, batch_size=size),
            is_knee=size == 4, is_largest=size == 8,
        )
        for size, latency in ((1, 4.0), (2, 4.2), (4, 5.0), (8, 9.0))
    )  # fmt: skip
    found = Sweep(
        hardware=device("nvidia-l4"), over=Over.BATCH_SIZE, points=points, largest=8,
        surely_largest=6, highest=1024,
    )  # fmt: skip
    return sweep_report([found], is_plotted=True)


def accuracy() -> Report:
    pairs = pl.DataFrame({
        "unit": "ms",
        "predicted": [5.0, 9.0, 22.0, 41.0, 95.0],
        "actual": [5.2, 10.0, 20.0, 60.0, 96.0],
        "inside_interval": [True, True, True, False, True],
    })  # fmt: skip
    statistics = pl.DataFrame([
        {
            "device": name, "metric": "latency", "unit": "ms", "n": n, "n_configs": n,
            "n_excluded": 0, "median_abs_rel_error": error, "mean_abs_rel_error": error * 1.2,
            "geo_error_factor": 1 + error, "bias_factor": 0.98, "mean_error": -1.0, "mae": 2.0,
            "rmse": 3.0, "r2": None, "coverage": coverage, "coverage_lo": coverage - 0.2,
            "coverage_hi": min(coverage + 0.1, 1.0), "level": 0.9, "median_interval_ratio": 2.0,
        }
        for name, n, error, coverage in (("nvidia-l4", 40, 0.08, 0.92), ("cpu", 30, 0.31, 0.6))
    ])  # fmt: skip
    report = accuracy_report(statistics, ("device",), is_sample=False)
    return replace(report, figures=accuracy_figures(pairs, "latency", statistics, ("device",)))


REPORTS = {
    "accuracy": accuracy,
    "explanation": explanation,
    "recommendation": recommendation,
    "sweep": sweep,
}
