"""Axes of the report's charts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.reports.svg_scale import Scale, day_label, log_range, short

POSITIVE = st.floats(1e-9, 1e18)


@given(st.lists(POSITIVE, min_size=1, max_size=20))
def test_every_value_lies_within_its_range(values):
    low, high = log_range(values)
    scale = Scale(low=low, high=high, start=50.0, end=450.0, is_log=True)

    assert all(50.0 < scale.at(value) < 450.0 for value in values)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 7
    assert ticks == sorted(ticks)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_straight_ticks_are_round_and_few(low, span):
    ticks = Scale(low=low, high=low + span, start=0.0, end=1.0).ticks()

    assert 2 <= len(ticks) <= 8
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in ticks)


def test_what_lies_beyond_the_axis_is_drawn_at_its_end():
    scale = Scale(low=0.0, high=1.0, start=100.0, end=0.0)

    assert [scale.at(value) for value in (-1.0, 0.25, 7.0)] == [100.0, 75.0, 0.0]


@pytest.mark.parametrize(
    ("value", "label"), [(20, "20"), (1500, "1.5 k"), (0.01, "0.01"), (3e14, "300 T"), (1e6, "1 M")]
)
def test_labels_are_short(value, label):
    assert short(value) == label


def test_a_day_is_named_as_finely_as_needed():
    assert day_label(0, 3600) == "01 Jan 00:00"
    assert day_label(0, 30 * 86_400) == "01 Jan"
    assert day_label(0, 900 * 86_400) == "Jan 1970"
