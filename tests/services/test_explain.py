"""Explanations: the parts add up to the prediction, and each step is a predictor's own answer."""

from dataclasses import replace

import pytest

from perfpredict.domain.explanation import Bound, StepKind
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.models.generation_terms import TERMS
from perfpredict.models.reference import load_reference
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.term_bounds import bound_of_term
from perfpredict.reports.explanation import memory_rows, part_rows, step_rows
from perfpredict.reports.part_names import PART_NAMES
from perfpredict.services.engine import Engine
from perfpredict.services.explain import explain
from perfpredict.services.opening import load_engine

LLAMA = Workload(model="llama-3.1-8b", precision=Precision.FP16, framework="vllm")
WORKLOADS = {
    "image": Workload(model="resnet50", batch_size=32),
    "text": Workload(model="bert-base-uncased", batch_size=8, precision=Precision.FP16),
    "training": Workload(model="resnet18", batch_size=8, mode=Mode.TRAINING),
    "decode": replace(LLAMA, phase=Phase.DECODE, batch_size=4),
    "prefill": replace(LLAMA, phase=Phase.PREFILL, input_tokens=512),
    "generate": replace(LLAMA, phase=Phase.GENERATE, input_tokens=512, output_tokens=64),
    "in waves": replace(
        LLAMA, phase=Phase.GENERATE, batch_size=256, input_tokens=4096, output_tokens=64
    ),
    "split": replace(LLAMA, phase=Phase.DECODE, device_count=4),
}
DEVICE = "nvidia-a100-sxm-40gb"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(None)


@pytest.fixture(scope="module")
def calibrated(engine) -> Engine:
    (device,) = engine.resolve_devices([DEVICE])
    rows = [(WORKLOADS[name], device, latency_ms(engine, WORKLOADS[name]) * 1.3)
            for name in ("image", "decode")]  # fmt: skip
    return engine.calibrated(rows)


def predicted(engine, workload, device=DEVICE):
    return engine.predict(workload, engine.resolve_devices([device]))


def latency_ms(engine, workload):
    (found,) = predicted(engine, workload)
    return found.latency_ms.value


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("which", ["engine", "calibrated"])
def test_parts_and_steps_add_up_to_the_predicted_latency(name, which, request):
    asked = request.getfixturevalue(which)
    (prediction,) = predicted(asked, WORKLOADS[name])
    (found,) = explain(asked, [prediction])

    expected = prediction.latency_ms.value
    assert sum(row["latency_ms"] for row in part_rows(found)) == pytest.approx(expected, rel=1e-9)
    assert found.steps[-1].latency_ms == pytest.approx(expected, rel=1e-9)
    product = found.steps[0].latency_ms
    for row in step_rows(found.steps)[1:]:
        product *= row["factor"]
    assert product == pytest.approx(expected, rel=1e-9)
    memory_mib = prediction.memory_bytes.value / 2**20
    assert sum(row["memory_mib"] for row in memory_rows(found)) == pytest.approx(memory_mib)


@pytest.mark.parametrize("name", ["image", "training"])
def test_each_step_is_the_answer_of_a_predictor_alone(name, calibrated, engine):
    (prediction,) = predicted(calibrated, WORKLOADS[name])
    (found,) = explain(calibrated, [prediction])
    step = {one.kind: one.latency_ms for one in found.steps}

    alone = {
        StepKind.ROOFLINE: replace(engine, predictor=RooflinePredictor()),
        StepKind.LEARNING: replace(engine, predictor=load_reference()),
        StepKind.CALIBRATION: calibrated,
    }
    for kind, by in alone.items():
        assert step[kind] == pytest.approx(latency_ms(by, WORKLOADS[name]), rel=1e-9), kind


def test_own_rows_are_counted_and_move_the_answer(calibrated):
    (image,) = explain(calibrated, predicted(calibrated, WORKLOADS["image"]))
    (training,) = explain(calibrated, predicted(calibrated, WORKLOADS["training"]))

    assert (image.neighbours.own_of_device, training.neighbours.own_of_device) == (1, 0)
    factors = {row["step"]: row["factor"] for row in step_rows(image.steps)}
    assert 1.0 < factors["calibration"] <= 1.3
    factors = {row["step"]: row["factor"] for row in step_rows(training.steps)}
    assert factors["calibration"] == pytest.approx(1.0)


def test_full_rates_follow_from_amounts_and_the_data_sheet(engine):
    (found,) = explain(engine, predicted(engine, WORKLOADS["decode"]))
    (device,) = engine.resolve_devices([DEVICE])

    for one in found.work:
        seconds = one.moved_bytes / device.device.bandwidth_bytes_per_s
        assert one.memory_ms == pytest.approx(seconds * 1e3)
        assert one.full_rate_ms >= max(one.compute_ms, one.memory_ms) - 1e-12
    linear = next(one for one in found.work if one.op_class == "linear")
    # two FLOPs a weight and sequence; all layers but the embedding, 7.5 of 8 billion
    assert linear.flops == pytest.approx(2 * 7.5e9 * 4, rel=0.01)
    assert linear.bound is Bound.MEMORY


def test_a_cut_batch_says_in_how_many_waves_it_runs(engine):
    (found,) = explain(engine, predicted(engine, WORKLOADS["in waves"]))

    assert found.steps[-1].kind is StepKind.WAVES
    assert "waves" in found.steps[-1].detail
    assert any("prefix caching" in text for text in found.not_modelled)


def test_what_does_not_fit_has_memory_and_no_times(engine):
    big = replace(LLAMA, model="llama-2-70b", phase=Phase.DECODE)
    (found,) = explain(engine, predicted(engine, big))

    assert (found.parts, found.steps) == ((), ())
    assert found.memory[0].name == "weights"
    assert part_rows(found) == []


def test_every_term_waits_for_something_and_has_a_name():
    assert {term.value for term in TERMS} <= set(PART_NAMES)
    assert {bound_of_term(term) for term in TERMS} == set(Bound)
