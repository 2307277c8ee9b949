"""Sweeps: the largest size that fits, found in few calls, and the knee."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.domain.precision import Precision
from perfpredict.domain.sweep import Over
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import InvalidInputError
from perfpredict.reports.report import Style
from perfpredict.reports.sweep import SweepFigure, sweep_report
from perfpredict.services.model_source import known_model
from perfpredict.services.opening import load_engine
from perfpredict.services.sweep import SweepRequest, largest_that, sized, sweep

LLAMA = Workload(model="llama-3.1-8b", precision=Precision.FP16, framework="vllm")


@pytest.fixture(scope="module")
def engine():
    return load_engine(None)


def swept(engine, workload, device="nvidia-l4", **options):
    request = SweepRequest(workload=workload, **({"over": Over.BATCH_SIZE} | options))
    hardware = engine.resolve_devices([device])
    (found,) = sweep(engine, request, hardware, model=known_model(workload.model))
    return found


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_the_largest_size_is_found_whatever_it_is(limit, highest):
    calls = []

    def holds(sizes):
        calls.append(sizes)
        return [size <= limit for size in sizes]

    assert largest_that(holds, highest) == (min(limit, highest) or None)
    assert len(calls) <= 5
    assert all(1 <= size <= highest for sizes in calls for size in sizes)


def test_one_more_sample_than_the_largest_does_not_fit(engine):
    found = swept(engine, Workload(model="resnet50"))
    request = Workload(model="resnet50")

    def memory_bytes(batch_size):
        asked = replace(request, batch_size=batch_size)
        (one,) = engine.predict(asked, engine.resolve_devices(["nvidia-l4"]))
        return one.memory_bytes, one.memory_capacity_bytes

    inside, capacity = memory_bytes(found.largest)
    beyond, _ = memory_bytes(found.largest + 1)
    assert inside.value <= capacity < beyond.value
    surely, _ = memory_bytes(found.surely_largest)
    assert surely.interval.upper <= capacity and found.surely_largest < found.largest
    assert found.points[-1].size == found.largest and found.points[-1].is_largest


def test_the_knee_is_where_throughput_over_latency_is_highest(engine):
    found = swept(engine, Workload(model="resnet50"))
    predictions = {point.size: point.prediction for point in found.points}
    powers = {
        size: one.throughput_per_s.value / one.latency_ms.value for size, one in predictions.items()
    }

    assert found.knee.size == max(powers, key=lambda size: powers[size])
    assert sum(point.is_knee for point in found.points) == 1


def test_a_device_that_computes_batches_one_by_one_has_its_knee_at_1(engine):
    assert swept(engine, Workload(model="resnet50"), "intel-i9-13900k").knee.size == 1


def test_a_served_batch_that_would_run_in_waves_does_not_fit_at_once(engine):
    asked = replace(LLAMA, phase=Phase.GENERATE, input_tokens=2048, output_tokens=256)
    found = swept(engine, asked, "nvidia-h100-sxm", highest_shown=16)
    assert found.is_bounded and 16 < found.largest < 1000
    waves = [
        engine.case_of(one)[1]
        for one in engine.predict(replace(asked, batch_size=found.largest * 2), [found.hardware])
    ]
    assert waves[0] > 1


def test_lengths_grow_to_what_the_model_accepts(engine):
    found = swept(engine, Workload(model="bert-base-uncased"), over=Over.SEQUENCE_LENGTH)

    assert [point.size for point in found.points] == [32, 64, 128, 256, 512]
    assert (found.largest, found.accepted, found.knee) == (512, 512, None)
    with pytest.raises(InvalidInputError, match="reads no sequences"):
        swept(engine, Workload(model="resnet50"), over=Over.SEQUENCE_LENGTH)


def test_input_grows_where_output_is_generated():
    asked = replace(LLAMA, phase=Phase.GENERATE, output_tokens=8)

    assert sized(asked, Over.SEQUENCE_LENGTH, 64).input_tokens == 64
    assert sized(LLAMA, Over.SEQUENCE_LENGTH, 64).sequence_length == 64


def test_what_does_not_fit_at_all_is_said(engine):
    found = swept(engine, replace(LLAMA, model="llama-2-70b", phase=Phase.DECODE))
    report = sweep_report([found], is_plotted=True)

    assert (found.largest, found.knee) == (None, None)
    assert "not even a batch of 1 fits" in report.notes[0]
    assert "nothing fits" in report.figures[0].draw(Style())


def test_the_plot_marks_the_knee(engine):
    drawn = SweepFigure(sweep=swept(engine, Workload(model="resnet50")), unit="samples/s").draw(
        Style(ascii_only=True)
    )

    assert drawn.isascii() and sum(line.count("K") for line in drawn.splitlines()) == 2
