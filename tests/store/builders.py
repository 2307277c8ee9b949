"""Small true-to-type predictions, measurements and recommendations for the store's tests."""

from datetime import UTC, datetime, timedelta

from perfpredict.domain.device import Device, DeviceKind, Platform, ResolvedDevice
from perfpredict.domain.measurement import Measurement
from perfpredict.domain.metrics import ThroughputUnit, throughput_per_s
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Basis, Estimate, Interval, Prediction
from perfpredict.domain.recommendation import (
    Candidate,
    Exclusion,
    Limits,
    Meets,
    Objective,
    Recommendation,
)
from perfpredict.domain.workload import Workload
from perfpredict.store.ids import IdKind, new_id

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BERT = Workload(model="bert-base-uncased", family="embedding", batch_size=8)


def a_device(name="nvidia-l4", platform=Platform.CUDA, requested="cuda"):
    device = Device(
        name=name,
        vendor="nvidia",
        kind=DeviceKind.GPU,
        platform=platform,
        memory_bytes=24 * 2**30,
        bandwidth_bytes_per_s=3e11,
        peak_flops_per_s={Precision.FP32: 3e13},
    )
    return ResolvedDevice(requested=requested, device=device, how="reference")


def estimate(value, factor=2.0, level=0.9):
    interval = Interval(lower=value / factor, upper=value * factor, coverage=level)
    return Estimate(value=value, interval=interval)


def a_prediction(at=NOON, *, workload=BERT, latency_ms=8.0, memory_bytes=2.0**30, **changes):
    latency = estimate(latency_ms)
    rate = throughput_per_s(workload, latency_ms)
    values = {
        "workload": workload,
        "hardware": a_device(),
        "latency_ms": latency,
        "throughput_per_s": estimate(rate),
        "throughput_unit": ThroughputUnit.SAMPLES,
        "memory_bytes": estimate(memory_bytes),
        "memory_capacity_bytes": 24.0 * 2**30,
        "fits": True,
        "basis": Basis.ROOFLINE,
        "predictor": "roofline",
        "predictor_version": "1",
        "prediction_id": new_id(IdKind.PREDICTION, at),
        "created_at": at,
    }
    return Prediction(**(values | changes))


def a_measurement(at=NOON, *, workload=BERT, **changes):
    values = {
        "workload": workload,
        "device": "nvidia-l4",
        "hardware_platform": "cuda",
        "measured_at": at,
        "latency_ms": 8.0,
    }
    return Measurement(**(values | changes))


def a_recommendation(at=NOON, *, device="nvidia-l4", limits=None, **changes):
    hardware = a_device(device)
    candidate = Candidate(
        rank=1,
        hardware=hardware,
        prediction=a_prediction(at, hardware=hardware),
        meets=Meets.YES,
        score=1.0,
        reason="fastest",
    )
    values = {
        "workload": BERT,
        "objective": Objective.BALANCED,
        "limits": limits or Limits(),
        "candidates": (candidate,),
        "excluded": (Exclusion(hardware="cpu", reason="too slow"),),
        "explanation": "fastest of one",
        "recommendation_id": new_id(IdKind.RECOMMENDATION, at),
        "created_at": at,
    }
    return Recommendation(**(values | changes))
