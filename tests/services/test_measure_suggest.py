"""What to measure next: greedy, within the budget, and never for nothing."""

import math
from itertools import pairwise

import numpy as np
import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.models.calibration import calibrate
from perfpredict.models.expected_widths import expected_widths
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.measure_suggest import MAX_WORKLOADS, suggest

KNOWN, UNKNOWN = "nvidia-l4", "nvidia-a10"
MODELS = ("bert-base-uncased", "resnet50", "gpt2")
WORKLOADS = [Workload(model=name, batch_size=size) for name in MODELS for size in (1, 8)]


@pytest.fixture(scope="module")
def engine():
    roofline = RooflinePredictor()
    return Engine(devices=DeviceCatalog(), predictor=roofline, fallback=roofline)


def suggested(engine, known=(), *, devices=(KNOWN, UNKNOWN), budget=4, workloads=WORKLOADS):
    hardware = engine.resolve_devices(devices)
    return suggest(engine, workloads, hardware, known=known, budget=budget, level=0.9)


def rows_of(engine, name, factor=1.3):
    hardware = engine.devices.resolve(name)
    answers = engine.predict_many([(workload, hardware) for workload in WORKLOADS])
    return [
        (workload, hardware, answer.latency_ms.value * factor)
        for workload, answer in zip(WORKLOADS, answers, strict=True)
    ]


def mean_width(engine):
    pairs = [(workload, one) for one in engine.resolve_devices([KNOWN, UNKNOWN])
             for workload in WORKLOADS]  # fmt: skip
    intervals = [answer.latency_ms.interval for answer in engine.predict_many(pairs)]
    return math.exp(np.mean([math.log(one.upper / one.lower) for one in intervals]))


def test_the_device_without_rows_is_measured_first(engine):
    known = rows_of(engine, KNOWN)

    chosen = suggested(engine.calibrated(known), known, budget=1).chosen

    assert [one.hardware.device.name for one in chosen] == [UNKNOWN]


def test_two_unknown_devices_are_both_measured(engine):
    chosen = suggested(engine, budget=2).chosen

    assert {one.hardware.device.name for one in chosen} == {KNOWN, UNKNOWN}


def test_widths_shrink_from_one_to_the_next_and_most_at_first(engine):
    chosen = suggested(engine, budget=len(WORKLOADS) * 2).chosen

    gains = [math.log(one.width_before / one.width_after) for one in chosen]
    assert min(gains) > 0
    assert all(one.width_after >= 1 for one in chosen)
    ends = [(a.width_after, b.width_before) for a, b in pairwise(chosen)]
    assert all(after == before for after, before in ends)
    assert gains[0] == max(gains)


def test_the_budget_is_kept_and_nothing_is_suggested_twice(engine):
    assert len(suggested(engine, budget=3).chosen) == 3
    every = suggested(engine, budget=1000).chosen

    assert len({(one.workload, one.hardware.device.name) for one in every}) == len(every) == 12


def test_the_same_question_has_the_same_answer(engine):
    assert suggested(engine) == suggested(engine)


def test_the_width_before_is_the_one_that_predictions_have(engine):
    known = rows_of(engine, KNOWN)
    calibrated = engine.calibrated(known)

    (first,) = suggested(calibrated, known, budget=1).chosen

    assert first.width_before == pytest.approx(mean_width(calibrated))


def test_the_width_after_is_near_what_the_rows_then_bring(engine):
    chosen = suggested(engine, budget=4).chosen
    rows = [
        (one.workload, one.hardware,
         engine.predict(one.workload, [one.hardware])[0].latency_ms.value * 1.1)
        for one in chosen
    ]  # fmt: skip

    reached = mean_width(engine.calibrated(rows))

    assert math.log(chosen[-1].width_after) == pytest.approx(math.log(reached), rel=0.15)


def test_one_row_after_another_is_as_wide_as_all_rows_at_once():
    from perfpredict.catalog.models import find_model, profile
    from perfpredict.models.predictor import Case

    device = DeviceCatalog().find(KNOWN)
    cases = [
        Case(workload=one, device=device, profile=profile(find_model(one.model), one))
        for one in (Workload(model="bert-base-uncased", batch_size=size, sequence_length=128)
                    for size in (1, 2, 4, 8))
    ]  # fmt: skip
    roofline = RooflinePredictor()

    (at_once,) = expected_widths(roofline, cases[:2], cases)
    (none,) = expected_widths(roofline, [], cases)
    step = none.with_row(0)

    assert none.ratios() == pytest.approx(np.ones(4))
    assert step.ratios_after_each()[1] == pytest.approx(at_once.ratios())
    assert step.with_row(1).ratios() == pytest.approx(at_once.ratios())
    assert calibrate(roofline, []).predict(cases, 0.9) == roofline.predict(cases, 0.9)


def test_what_does_not_fit_is_left_out_and_counted(engine):
    huge = Workload(model="bert-base-uncased", batch_size=100_000)
    found = suggested(engine, workloads=[*WORKLOADS, huge], devices=(KNOWN,))

    assert (len(found.asked), found.unfitting) == (6, 1)
    with pytest.raises(CannotAnswerError, match="none of the workloads fits"):
        suggested(engine, workloads=[huge])


def test_too_many_workloads_are_refused(engine):
    sizes = range(1, MAX_WORKLOADS + 2)
    many = [Workload(model="resnet50", batch_size=size) for size in sizes]
    with pytest.raises(InvalidInputError, match="more than 500"):
        suggested(engine, workloads=many)


@pytest.mark.parametrize(("phase", "is_runnable"), [(None, False), (Phase.DECODE, True)])
def test_a_suggestion_says_whether_measure_run_measures_it(engine, phase, is_runnable):
    workload = Workload(model="gpt2", phase=phase)

    (one,) = suggested(engine, workloads=[workload], devices=(KNOWN,), budget=1).chosen

    assert one.is_runnable is is_runnable
