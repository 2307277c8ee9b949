import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.models.calibration import MeasuredCase, calibrate
from perfpredict.models.roofline import RooflinePredictor

from .synthetic import MODELS, make_cases

ROOFLINE = RooflinePredictor()
CASES = make_cases()
TRUTH = ROOFLINE.latencies_ms(CASES)


def measured(places, factor):
    return [
        MeasuredCase(case=CASES[place], latency_ms=float(TRUTH[place]) * factor) for place in places
    ]


def offset(predictor, case):
    before, after = (one.predict([case], 0.9)[0] for one in (ROOFLINE, predictor))
    return math.log(after.latency_ms.value / before.latency_ms.value)


@pytest.mark.parametrize(("rows", "reached"), [(1, 0.45), (3, 0.75), (10, 0.9), (30, 0.95)])
def test_more_rows_bring_the_level_of_a_device_closer(rows, reached):
    places = np.random.default_rng(0).permutation(len(CASES))[:rows]

    predictor = calibrate(ROOFLINE, measured(places, 1.7))

    unseen = [case for case in CASES if case.workload.model == MODELS[5]]
    moved = [offset(predictor, case) / math.log(1.7) for case in unseen]
    assert np.median(moved) > reached
    assert max(moved) < 1.1


def test_one_odd_row_among_ten_moves_the_level_little():
    rows = measured(range(0, 50, 5), 1.2) + measured([3], 1.2 * 30)

    moved = offset(calibrate(ROOFLINE, rows), CASES[40])

    assert moved == pytest.approx(math.log(1.2), abs=0.08)


def test_another_device_and_another_kind_of_work_are_not_moved():
    predictor = calibrate(ROOFLINE, measured(range(10), 2.0))
    other = make_cases(MODELS[:1], ("nvidia-l4",), (4,))

    assert predictor.predict(other, 0.9) == ROOFLINE.predict(other, 0.9)


def test_rows_narrow_the_interval_unless_they_disagree():
    agreeing = calibrate(ROOFLINE, measured(range(20), 1.3))
    generator = np.random.default_rng(1)
    scattered = calibrate(
        ROOFLINE,
        [row for place in range(20) for row in measured([place], generator.lognormal(0, 0.5))],
    )

    widths = [
        one.predict([CASES[30]], 0.9)[0].latency_ms.interval.ratio
        for one in (agreeing, scattered, ROOFLINE)
    ]

    assert widths[0] < widths[1] < widths[2]


@given(
    factors=st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12),
    levels=st.tuples(st.floats(0.05, 0.98), st.floats(0.05, 0.98)),
)
def test_intervals_stay_nested_positive_and_around_the_value(factors, levels):
    rows = [row for place, f in enumerate(factors) for row in measured([place], f)]
    predictor = calibrate(ROOFLINE, rows)

    narrow, wide = (predictor.predict([CASES[33]], level)[0].latency_ms for level in sorted(levels))

    assert 0 < wide.interval.lower <= narrow.interval.lower <= narrow.value * (1 + 1e-12)
    assert narrow.value * (1 - 1e-12) <= narrow.interval.upper <= wide.interval.upper


def test_the_order_of_rows_does_not_matter_and_repeats_of_a_run_agree():
    rows = measured(range(12), 1.4)

    first, second = (calibrate(ROOFLINE, own) for own in (rows, rows[::-1]))

    assert offset(first, CASES[44]) == pytest.approx(offset(second, CASES[44]), rel=1e-9)
