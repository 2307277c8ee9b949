"""Rows of a device move its generation, and nothing else."""

import numpy as np
import pytest

from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.generation import GenerationPredictor
from perfpredict.models.reference import ReferencePredictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.work_kinds import GENERATION

from .generation_cases import case_of, encoder_case, fitted, many_cases


@pytest.fixture(scope="module")
def predictor() -> GenerationPredictor:
    return fitted()[0]


def calibrated_ratio(
    predictor: GenerationPredictor, device: str, factor: float, odd: float = 1.0
) -> tuple[float, float]:
    """Return calibrated over uncalibrated latency and width, from ten rows of a device.

    Its rows are `factor` slower than predicted, and one of them `odd` times that.
    """
    cases = many_cases(device)
    truth = predictor.latencies_ms(cases) * factor
    truth[0] *= odd
    rows = [MeasuredCase(case=cases[n], latency_ms=float(truth[n])) for n in range(0, 50, 5)]
    rest = [case for n, case in enumerate(cases) if n % 5]
    before = predictor.predict(rest, 0.9)
    after = predictor.calibrated(rows).predict(rest, 0.9)
    moved = [b.latency_ms.value / a.latency_ms.value for a, b in zip(before, after, strict=True)]
    width = [
        np.log(b.latency_ms.interval.ratio) / np.log(a.latency_ms.interval.ratio)
        for a, b in zip(before, after, strict=True)
    ]
    return float(np.median(moved)), float(np.median(width))


def test_ten_rows_of_a_slower_device_move_it_there(predictor):
    moved, width = calibrated_ratio(predictor, "amd-mi250", 1.7)

    assert moved == pytest.approx(1.7, rel=0.05)
    assert width < 0.6


def test_ten_rows_of_a_slower_card_of_a_known_vendor_move_it_most_of_the_way(predictor):
    moved, width = calibrated_ratio(predictor, "nvidia-rtx-4090", 1.7)

    assert moved == pytest.approx(1.7, rel=0.15)
    assert width <= 1.0


@pytest.mark.parametrize("device", ["nvidia-a100-sxm-40gb", "amd-mi250"])
def test_one_odd_row_of_ten_moves_a_device_little(predictor, device):
    moved, _ = calibrated_ratio(predictor, device, 1.0, odd=10.0)

    assert moved == pytest.approx(1.0, abs=0.1)


def test_rows_of_one_device_leave_the_others_as_they_were(predictor):
    row = MeasuredCase(case=case_of(), latency_ms=1e6)
    calibrated = predictor.calibrated([row])
    other = [case_of(device="nvidia-h100-sxm")]

    assert calibrated.predict(other, 0.9) == predictor.predict(other, 0.9)
    assert calibrated.version == f"{predictor.version}+1"
    assert predictor.calibrated([]).predict(other, 0.9) == predictor.predict(other, 0.9)


def test_the_reference_calibrates_each_kind_of_work_by_its_own_rows(predictor):
    reference = ReferencePredictor(RooflinePredictor(), {GENERATION: predictor})
    cases = [case_of(device="amd-mi250"), encoder_case()]
    before = [one.latency_ms.value for one in reference.predict(cases, 0.9)]
    rows = [
        MeasuredCase(case=case, latency_ms=latency_ms * 2.0)
        for case, latency_ms in zip(cases, before, strict=True)
    ]

    calibrated = reference.calibrated(rows)
    after = [one.latency_ms.value for one in calibrated.predict(cases, 0.9)]
    of_generation = reference.calibrated(rows[:1]).predict(cases, 0.9)

    assert calibrated.version == f"{reference.version}+2"
    assert 1.5 < after[0] / before[0] < 2.05
    assert 1.1 < after[1] / before[1] < 2.05
    assert of_generation[0].latency_ms.value == pytest.approx(after[0])
    assert of_generation[1].latency_ms.value == pytest.approx(before[1])


def test_rows_of_what_was_learned_do_not_narrow_its_intervals(predictor):
    _, width = calibrated_ratio(predictor, "nvidia-a100-sxm-40gb", 1.0)

    assert width == pytest.approx(1.0)


def test_rows_that_scatter_widen_them(predictor):
    cases = many_cases()
    noise = np.exp(np.random.default_rng(0).normal(0.0, 1.0, len(cases)))
    truth = predictor.latencies_ms(cases) * noise
    rows = [MeasuredCase(case=cases[n], latency_ms=float(truth[n])) for n in range(0, 50, 5)]
    before = predictor.predict(cases[1:2], 0.9)[0].latency_ms.interval
    after = predictor.calibrated(rows).predict(cases[1:2], 0.9)[0].latency_ms.interval

    assert np.log(after.ratio) > 1.2 * np.log(before.ratio)


def test_few_rows_of_an_eager_framework_move_a_card_less_than_those_of_an_unknown_server(predictor):
    def moved(framework: str) -> float:
        cases = [case_of(framework=framework, batch_size=batch) for batch in (1, 2, 4, 8)]
        truth = predictor.latencies_ms(cases)
        rows = [MeasuredCase(case=cases[0], latency_ms=float(truth[0]) * 1.5)]
        after = predictor.calibrated(rows).predict(cases[1:], 0.9)
        return float(np.median([b.latency_ms.value for b in after] / truth[1:]))

    assert 1.0 < moved("transformers") < moved("a-server-to-come")
