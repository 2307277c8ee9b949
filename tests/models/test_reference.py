from dataclasses import replace

import numpy as np
import pytest

from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Basis
from perfpredict.domain.workload import Mode
from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.reference import (
    ReferencePredictor,
    calibrated_by,
    load_reference,
    part_path,
    uncalibrated,
)
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.work_kinds import FORWARD, WORK_KINDS

from .synthetic import make_cases

LARGEST_BYTES = 3e6
CASES = make_cases(("resnet18", "vit_small_patch16_224"), batch_sizes=(1, 64), sequence_length=None)


def trained(case):
    return replace(case, workload=replace(case.workload, mode=Mode.TRAINING))


def test_a_learner_of_each_kind_of_work_ships_and_all_are_small():
    sizes = [part_path(kind).stat().st_size for kind in WORK_KINDS]

    assert sum(sizes) < LARGEST_BYTES


def test_answers_keep_the_order_of_mixed_kinds_of_work():
    mixed = [CASES[0], trained(CASES[1]), CASES[2], trained(CASES[3])]
    reference = load_reference()

    together = reference.predict(mixed, 0.9)

    assert together == [reference.predict([case], 0.9)[0] for case in mixed]
    assert reference.latencies_ms(mixed) == pytest.approx(
        [one.latency_ms.value for one in together]
    )
    assert {one.basis for one in together} == {Basis.LEARNED}


def test_a_kind_of_work_without_a_learner_is_left_to_the_roofline():
    roofline = RooflinePredictor()
    without = ReferencePredictor(
        roofline, {k: v for k, v in load_reference().parts.items() if k != FORWARD}
    )

    assert without.predict(CASES, 0.9) == roofline.predict(CASES, 0.9)
    assert without.version != load_reference().version


def test_what_ships_knows_a_device_of_its_training_better_than_the_roofline_claims_to():
    known = replace(CASES[1].workload, framework="pytorch", precision=Precision.AMP_FP16)
    measured, strange = (
        replace(CASES[1], workload=replace(known, precision=precision))
        for precision in (Precision.AMP_FP16, Precision.FP32)
    )
    learned, prior, unmeasured = (
        one.predict([case], 0.9)[0]
        for one, case in (
            (load_reference(), measured),
            (RooflinePredictor(), measured),
            (load_reference(), strange),
        )
    )

    assert learned.similar_rows > 1000
    assert learned.latency_ms.interval.ratio < prior.latency_ms.interval.ratio
    assert unmeasured.latency_ms.interval.ratio > 2 * learned.latency_ms.interval.ratio


def test_rows_of_a_device_move_it_and_can_be_taken_back():
    (unseen,) = make_cases(("resnet50",), ("nvidia-l4",), (16,), sequence_length=None)
    reference = load_reference()
    before = reference.predict([unseen], 0.9)[0].latency_ms.value
    rows = [MeasuredCase(case=unseen, latency_ms=1.3 * before)] * 3

    moved = calibrated_by(reference, rows)

    after = moved.predict([unseen], 0.9)[0].latency_ms.value
    assert np.log(after / before) / np.log(1.3) > 0.5
    assert moved.version != reference.version
    assert uncalibrated(moved) is reference
