import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfpredict.errors import InvalidInputError, TooFewRowsError
from perfpredict.models.conformal import Calibration, Residuals

residual_lists = st.lists(st.floats(-3, 3), min_size=2, max_size=60)


def one_group_each(values):
    return Residuals.of(values, [str(index) for index in range(len(values))])


def split_conformal_by_hand(values, level):
    """Textbook ranks: the ceil((n + 1) (1 - a/2))-th smallest and its mirror image."""
    ordered = sorted(values)
    tail = (1 - level) / 2
    rank = math.ceil((len(ordered) + 1) * (1 - tail) - 1e-9)
    assert rank <= len(ordered)
    return min(ordered[len(ordered) - rank], 0.0), max(ordered[rank - 1], 0.0)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("count", [19, 20, 57, 200])
def test_with_one_row_a_group_it_is_split_conformal(level, count):
    values = np.random.default_rng(count).normal(size=count).tolist()

    factors = one_group_each(values).factors(level)

    assert (factors.lower, factors.upper) == split_conformal_by_hand(values, level)


@given(residual_lists, st.floats(0.05, 0.98), st.floats(0.001, 0.019))
def test_a_higher_level_is_never_narrower(values, level, more):
    residuals = one_group_each(values)

    narrow, wide = residuals.factors(level), residuals.factors(level + more)

    assert wide.lower <= narrow.lower <= 0 <= narrow.upper <= wide.upper


@given(residual_lists)
def test_repeating_every_row_of_a_group_changes_nothing(values):
    groups = [str(index % 5) for index in range(len(values))]

    once = Residuals.of(values, groups).factors(0.9)
    thrice = Residuals.of(values * 3, groups * 3).factors(0.9)

    assert thrice.lower == pytest.approx(once.lower)
    assert thrice.upper == pytest.approx(once.upper)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6))
def test_new_groups_are_covered_at_the_nominal_level(seed):
    generator = np.random.default_rng(seed)
    covered = []
    for _ in range(150):
        # a group has its own offset, so its rows are not independent
        offsets = generator.normal(0, 0.3, 41)
        rows = offsets[:, None] + generator.normal(0, 0.1, (41, 8))
        groups = np.repeat([str(index) for index in range(40)], 8).tolist()
        factors = Residuals.of(rows[:40].reshape(-1), groups).factors(0.9)
        covered.append(np.mean((rows[40] >= factors.lower) & (rows[40] <= factors.upper)))

    assert 0.84 < np.mean(covered) < 0.99


def test_few_groups_give_a_wider_range_than_their_extremes():
    residuals = Residuals.of([-0.1, 0.2], ["a", "b"])

    factors = residuals.factors(0.9)

    assert factors.upper > 0.2
    assert factors.lower < -0.1


def test_a_situation_with_few_groups_uses_the_pooled_residuals():
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(0, 0.1, 40), generator.normal(0, 1.0, 4)])
    groups = [str(index) for index in range(44)]
    situations = [("common",)] * 40 + [("rare", "all")] * 4

    calibration = Calibration.of(values, groups, situations)

    assert calibration.factors(("rare",), 0.9) == calibration.pooled.factors(0.9)
    assert calibration.factors(("common",), 0.9).upper < calibration.pooled.factors(0.9).upper
    assert calibration.factors(("rare", "common"), 0.9) == calibration.factors(("common",), 0.9)


def test_a_saved_calibration_gives_the_same_factors():
    values = np.random.default_rng(1).normal(size=50)
    calibration = Calibration.of(values, [str(i) for i in range(50)], [("x",)] * 50)

    again = Calibration.from_json(calibration.to_json())

    assert again == calibration


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_outside_of_0_to_1_is_refused(level):
    with pytest.raises(InvalidInputError, match="level"):
        one_group_each([0.1, 0.2]).factors(level)


def test_no_residuals_and_infinite_ones_are_refused():
    with pytest.raises(TooFewRowsError):
        Residuals.of([], [])
    with pytest.raises(InvalidInputError, match="finite"):
        Residuals.of([math.inf], ["a"])


@pytest.mark.parametrize("content", [{}, {"by_situation": {}}, {"by_situation": {}, "pooled": 3}])
def test_a_damaged_calibration_is_refused(content):
    with pytest.raises(InvalidInputError, match="calibration"):
        Calibration.from_json(content)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_with_one_row_a_group_it_agrees_with_another_library(level, seed):
    crepes = pytest.importorskip("crepes", reason="crepes is the oracle and is not installed")
    residuals = np.random.default_rng(seed).standard_t(3, size=199 + seed)
    system = crepes.ConformalPredictiveSystem().fit(residuals=residuals)
    tail = 100 * (1 - level) / 2

    factors = one_group_each(residuals).factors(level)

    ((lower, upper),) = system.predict(
        np.array([0.0]), lower_percentiles=tail, higher_percentiles=100 - tail
    )
    ordered = np.sort(residuals)
    for ours, theirs in ((factors.lower, lower), (factors.upper, upper)):
        # crepes' lower percentile takes the rank below ours where (n + 1) * tail is not whole
        assert abs(np.searchsorted(ordered, ours) - np.searchsorted(ordered, theirs)) <= 1
