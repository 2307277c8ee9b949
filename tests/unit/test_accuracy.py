"""Accuracy measures against formulas written with NumPy, SciPy and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perfpredict.domain.accuracy import (
    Pair,
    bias_factor,
    geo_error_factor,
    mape,
    measure_accuracy,
    median_ape,
    median_interval_ratio,
    share_within,
    spearman,
    wilson_interval,
)
from perfpredict.errors import InvalidInputError, TooFewRowsError

positive = st.floats(min_value=1e-6, max_value=1e6)


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    low, width = draw(positive), draw(st.floats(min_value=1.0, max_value=100.0))
    return Pair(predicted=draw(positive), actual=draw(positive), lower=low, upper=low * width)


many = st.lists(pairs(), min_size=1, max_size=40)


def _arrays(rows: list[Pair]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row.predicted for row in rows]), np.array([row.actual for row in rows])


@given(many)
def test_every_measure_agrees_with_numpy(rows: list[Pair]) -> None:
    predicted, actual = _arrays(rows)
    ape = np.abs(predicted - actual) / actual
    logs = np.log(predicted) - np.log(actual)

    assert median_ape(rows) == pytest.approx(np.median(ape))
    assert mape(rows) == pytest.approx(np.mean(ape))
    assert share_within(rows, 0.2) == pytest.approx(np.mean(ape <= 0.2))
    assert geo_error_factor(rows) == pytest.approx(np.exp(np.mean(np.abs(logs))))
    assert bias_factor(rows) == pytest.approx(np.exp(np.mean(logs)))
    ratios = [row.upper / row.lower for row in rows]
    assert median_interval_ratio(rows) == pytest.approx(np.median(ratios))


@given(many)
def test_swapping_prediction_and_measurement_keeps_the_error_factor(rows: list[Pair]) -> None:
    swapped = [
        Pair(predicted=row.actual, actual=row.predicted, lower=row.lower, upper=row.upper)
        for row in rows
    ]

    assert geo_error_factor(swapped) == pytest.approx(geo_error_factor(rows))
    assert bias_factor(swapped) == pytest.approx(1 / bias_factor(rows))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=30))
def test_spearman_agrees_with_scipy_ties_included(values: list[tuple[int, int]]) -> None:
    left, right = [float(a) for a, _ in values], [float(b) for _, b in values]
    if len(set(left)) == 1 or len(set(right)) == 1:
        assert spearman(left, right) is None
        return

    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-9)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_agrees_with_scipy(counts: tuple[int, int]) -> None:
    hits, total = counts
    expected = stats.binomtest(hits, total).proportion_ci(method="wilson")

    assert wilson_interval(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nine_of_ten_inside_means_60_to_98_percent() -> None:
    low, high = wilson_interval(9, 10)

    assert (round(low, 2), round(high, 2)) == (0.60, 0.98)


def test_coverage_counts_the_bounds_as_inside() -> None:
    rows = [
        Pair(predicted=2, actual=1, lower=1, upper=3),
        Pair(predicted=2, actual=3, lower=1, upper=3),
        Pair(predicted=2, actual=3.01, lower=1, upper=3),
    ]

    assert measure_accuracy(rows).coverage == pytest.approx(2 / 3)


def test_twice_too_high_and_twice_too_low_cancel_in_the_bias_only() -> None:
    rows = [
        Pair(predicted=2, actual=1, lower=1, upper=4),
        Pair(predicted=1, actual=2, lower=1, upper=4),
    ]

    accuracy = measure_accuracy(rows)

    assert accuracy.bias_factor == pytest.approx(1)
    assert accuracy.geo_error_factor == pytest.approx(2)
    assert accuracy.mape == pytest.approx(0.75)


def test_no_pair_is_an_error_and_not_a_perfect_score() -> None:
    with pytest.raises(TooFewRowsError):
        measure_accuracy([])


def test_one_pair_has_no_rank_correlation() -> None:
    accuracy = measure_accuracy([Pair(predicted=1, actual=1, lower=1, upper=1)])

    assert accuracy.spearman is None
    assert accuracy.geo_error_factor == 1.0


def test_more_hits_than_rows_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        wilson_interval(3, 2)
    with pytest.raises(InvalidInputError):
        wilson_interval(0, 0)
    with pytest.raises(InvalidInputError):
        spearman([1.0], [1.0, 2.0])


def test_logarithms_are_natural() -> None:
    assert Pair(predicted=math.e, actual=1, lower=1, upper=1).log_ratio == pytest.approx(1)
