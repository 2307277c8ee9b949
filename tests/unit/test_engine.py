"""The engine, the ranking and the gate: what a prediction must keep whatever the numbers are."""

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import Limits, Meets, Objective
from perfpredict.domain.workload import Mode, Phase, Workload, parse_memory_format
from perfpredict.errors import InvalidInputError, UnknownDeviceError, UnknownModelError
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.gate import is_refuted
from perfpredict.services.recommend import RankingInputs, recommend


@pytest.fixture(scope="module")
def engine() -> Engine:
    roofline = RooflinePredictor()
    return Engine(devices=DeviceCatalog(), predictor=roofline, fallback=roofline)


def latency_ms(engine: Engine, device: str = "nvidia-l4", **shape: object) -> float:
    workload = Workload(**({"model": "resnet50"} | shape))
    (found,) = engine.predict(workload, engine.resolve_devices([device]))
    assert found.latency_ms is not None
    return found.latency_ms.value


def test_bigger_work_takes_longer(engine):
    assert latency_ms(engine, model="resnet152") > 1.5 * latency_ms(engine, model="resnet18")
    assert latency_ms(engine, batch_size=64) > latency_ms(engine, batch_size=1)
    text = {"model": "bert-base-uncased", "batch_size": 8}
    assert latency_ms(engine, **text, sequence_length=512) > latency_ms(engine, **text)
    assert latency_ms(engine, mode=Mode.TRAINING) > 2 * latency_ms(engine)


def test_half_precision_without_the_arithmetic_is_no_faster(engine):
    device = "intel-i9-10940x"
    half = latency_ms(engine, device, precision=Precision.FP16, batch_size=4)
    assert half >= latency_ms(engine, device, batch_size=4)


def test_throughput_follows_from_latency_and_bounds_are_nested(engine):
    devices = engine.resolve_devices(["nvidia-l4", "intel-i9-10940x"])
    workload = Workload(model="bert-base-uncased", batch_size=8)
    for level, narrower in ((0.9, 0.8), (0.8, 0.5)):
        wide = engine.predict(workload, devices, level=level)
        narrow = engine.predict(workload, devices, level=narrower)
        for outer, inner in zip(wide, narrow, strict=True):
            assert outer.latency_ms and outer.throughput_per_s and inner.latency_ms
            product = outer.throughput_per_s.value * outer.latency_ms.value / 8e3
            assert product == pytest.approx(1.0, abs=1e-9)
            assert 0 < outer.latency_ms.interval.lower <= inner.latency_ms.interval.lower
            assert inner.latency_ms.interval.upper <= outer.latency_ms.interval.upper


def test_what_does_not_fit_has_no_numbers(engine):
    workload = Workload(model="llama-2-70b", precision=Precision.FP16)
    (found,) = engine.predict(workload, engine.resolve_devices(["nvidia-rtx-4090"]))
    assert not found.fits
    assert found.latency_ms is None and found.throughput_per_s is None
    assert found.memory_bytes.value > found.memory_capacity_bytes


def test_a_serving_batch_that_does_not_fit_runs_in_waves(engine):
    workload = Workload(
        model="llama-2-7b", precision=Precision.FP16, framework="vllm", phase=Phase.GENERATE,
        batch_size=64, input_tokens=2048, output_tokens=2048,
    )  # fmt: skip
    (found,) = engine.predict(workload, engine.resolve_devices(["nvidia-a100-sxm-40gb"]))
    assert found.fits
    assert any("waves" in caution for caution in found.cautions)


def test_the_default_length_is_the_same_workload_as_that_length_named(engine):
    device = engine.resolve_devices(["nvidia-l4"])
    (open_,) = engine.predict(Workload(model="bert-base-uncased"), device)
    (named,) = engine.predict(Workload(model="bert-base-uncased", sequence_length=128), device)
    assert open_.workload.key == named.workload.key
    assert "sequence_length=128 (default)" in open_.assumptions


def test_an_unknown_name_is_an_error_and_not_a_guess(engine):
    with pytest.raises(UnknownDeviceError):
        engine.resolve_devices(["banana"])
    with pytest.raises(UnknownModelError):
        latency_ms(engine, model="no-such-net")


def test_rows_of_a_device_correct_its_level_and_no_other(engine):
    slow, other = engine.resolve_devices(["nvidia-l4", "nvidia-a10"])
    workload = Workload(model="resnet50", batch_size=8)
    before = latency_ms(engine, batch_size=8)
    rows = [(workload, slow, 2.0 * before)] * 10
    calibrated = engine.calibrated(rows)
    assert 1.8 * before < latency_ms(calibrated, batch_size=8) <= 2.0 * before
    assert latency_ms(calibrated, other.device.name) == latency_ms(engine, other.device.name)


def ranked(engine: Engine, limits: Limits, rejections: dict[str, int] | None = None):
    return recommend(
        engine,
        Workload(model="resnet50", batch_size=8),
        engine.resolve_devices(["nvidia-h100-sxm", "nvidia-l4", "nvidia-t4"]),
        objective=Objective.THROUGHPUT,
        limits=limits,
        inputs=RankingInputs(prices={}, rejections=rejections or {}),
    )


def test_a_recommendation_ranks_by_prediction_and_a_rejection_lowers(engine):
    found = ranked(engine, Limits())
    speeds = [c.prediction.throughput_per_s.value for c in found.candidates]
    assert speeds == sorted(speeds, reverse=True)
    best = found.primary.hardware.device.name
    again = ranked(engine, Limits(), {best: 1})
    assert again.primary.hardware.device.name != best
    assert "rejected once" in again.candidates[-1].reason


def test_limits_hold_against_the_worse_end_of_the_interval(engine):
    found = ranked(engine, Limits(max_latency_ms=1e-6))
    assert found.primary is None
    assert all(c.meets is Meets.NO and "latency may reach" in c.reason for c in found.candidates)
    unpriced = ranked(engine, Limits(max_price_per_hour=1.0))
    assert {c.meets for c in unpriced.candidates} == {Meets.UNKNOWN}
    with pytest.raises(InvalidInputError):
        ranked(engine, Limits(confidence=0.2))


def test_coverage_is_refuted_only_where_chance_does_not_explain_it():
    assert is_refuted(81, 100, 0.9) and not is_refuted(85, 100, 0.9)
    assert is_refuted(5, 10, 0.9) and not is_refuted(7, 10, 0.9)


def test_a_grid_answers_every_pair_or_says_why(engine):
    devices = engine.resolve_devices(["nvidia-l4"])
    good, bad = Workload(model="resnet50"), Workload(model="no-such-net")
    answers = engine.predict_many([(good, devices[0]), (bad, devices[0])])
    assert isinstance(answers[0], Prediction)
    assert isinstance(answers[1], UnknownModelError)


def cautions(engine: Engine, **shape: object) -> str:
    workload = Workload(**({"model": "resnet50"} | shape))
    (found,) = engine.predict(workload, engine.resolve_devices(["nvidia-l4"]))
    return " ".join(found.cautions)


def test_what_the_constants_do_not_know_is_said(engine):
    assert "'no-such-server'" in cautions(engine, framework="no-such-server")
    assert "'no-such-scheme'" in cautions(
        engine, precision=Precision.INT4, quantization="no-such-scheme"
    )
    assert "'diagonal'" in cautions(engine, memory_format="diagonal")
    assert cautions(engine, framework="vllm", memory_format="nhwc") == ""


def test_compiling_does_not_turn_one_framework_into_another(engine):
    assert latency_ms(engine, framework="vllm", is_compiled=True) == latency_ms(
        engine, framework="vllm"
    )


def test_a_memory_format_has_one_name():
    assert parse_memory_format("channels_last") == parse_memory_format("NHWC") == "nhwc"
    assert parse_memory_format("contiguous") == "nchw"
