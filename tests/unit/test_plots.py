"""Plots in the terminal: what stands where, that they fit, and that ASCII is ASCII."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.operations import OpClass
from perfpredict.domain.workload import Workload
from perfpredict.reports.accuracy_plot import (
    CoverageFigure,
    GroupCoverage,
    HistogramFigure,
    Pair,
    ScatterFigure,
)
from perfpredict.reports.canvas import Canvas, Scale, si_text, wide_range
from perfpredict.reports.report import Style
from perfpredict.reports.roofline_plot import device_figure, workload_figure
from perfpredict.reports.text import display_width
from perfpredict.services.explain import explain
from perfpredict.services.opening import load_engine

PAIRS = [
    Pair(predicted=10.0, actual=10.0, is_inside=True),
    Pair(predicted=100.0, actual=50.0, is_inside=False),
    Pair(predicted=3.0, actual=4.0, is_inside=None),
]
GROUPS = [
    GroupCoverage(label="nvidia-l4 latency", n=40, coverage=0.9, lower=0.77, upper=0.96, level=0.9),
    GroupCoverage(label="cpu latency", n=40, coverage=0.5, lower=0.35, upper=0.65, level=0.9),
]
FIGURES = {
    "scatter": ScatterFigure(metric="latency", unit="ms", pairs=PAIRS),
    "histogram": HistogramFigure(metric="latency", pairs=PAIRS),
    "coverage": CoverageFigure(groups=GROUPS),
    "roofline": device_figure(DeviceCatalog().find("nvidia-l4")),
}


@pytest.mark.parametrize("width", [72, 80, 200])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_the_terminal_and_are_ascii_where_asked(name, width):
    drawn = FIGURES[name].draw(Style(width=width, ascii_only=True))

    assert drawn.isascii() and drawn.endswith("\n")
    assert max(map(len, drawn.splitlines())) <= width
    unicode = FIGURES[name].draw(Style(width=width))
    assert max(map(display_width, unicode.splitlines())) <= width
    assert "\x1b" not in unicode


@pytest.mark.parametrize("name", FIGURES)
def test_colour_changes_nothing_but_the_colour(name):
    colored = FIGURES[name].draw(Style(color=True))

    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[\d*m", "", colored) == FIGURES[name].draw(Style())


def test_predicted_against_measured_marks_what_no_interval_held():
    lines = FIGURES["scatter"].draw(Style(ascii_only=True)).splitlines()
    plot = [line for line in lines if "|" in line or "+" in line]

    assert sum(line.count("x") for line in plot) == 1
    assert sum(line.count("o") for line in plot) == 2
    assert "o within its interval: 2   x outside: 1" in lines[-1]


def test_the_histogram_counts_every_pair_once():
    lines = FIGURES["histogram"].draw(Style(ascii_only=True)).splitlines()[1:]

    assert sum(int(line.rsplit(maxsplit=1)[1]) for line in lines) == len(PAIRS)
    assert re.match(r" +-25% to -10% 0$|.*-50% to -25% #+ 1$", lines[0])
    assert re.match(r" +50% to 100% #+ 1$", lines[-1])


def test_coverage_below_its_level_is_seen():
    good, bad = FIGURES["coverage"].draw(Style(color=True, ascii_only=True)).splitlines()[1:]

    assert "\x1b[32m" in good and "90 % of 40" in good
    assert "\x1b[31m" in bad and "50 % of 40" in bad and ":" in bad


def test_every_peak_of_the_data_sheet_is_on_the_roofline():
    drawn = FIGURES["roofline"].draw(Style(width=100))

    for text in ("int4 485 TFLOP/s", "fp32 30.3 TFLOP/s", "300 GB/s"):
        assert text in drawn


def test_operations_stand_at_their_intensity_and_never_far_above_the_roof():
    engine = load_engine(None)
    asked = Workload(model="mobilenetv2_100", batch_size=32)
    (found,) = explain(engine, engine.predict(asked, engine.resolve_devices(["nvidia-l4"])))
    figure = workload_figure(found)
    work = {one.op_class.value: one for one in found.work}

    assert {point.name for point in figure.points} <= {one.value for one in OpClass}
    for point in figure.points:
        own = work[point.name]
        assert point.arithmetic_intensity == pytest.approx(own.flops / own.moved_bytes)
        seconds = point.share * found.prediction.latency_ms.value / 1e3
        assert point.flops_per_s * seconds == pytest.approx(own.flops)
    drawn = figure.draw(Style(ascii_only=True))
    assert re.search(r"^  a \S", drawn, re.MULTILINE)
    assert drawn.isascii()


@given(st.floats(1e-3, 1e15), st.integers(2, 300))
def test_cells_and_values_of_a_scale_agree(lower, cells):
    scale = Scale(lower, lower * 1e3, cells)

    assert [scale.cell(scale.value(cell)) for cell in (0, cells // 2, cells - 1)] == [
        0, cells // 2, cells - 1,
    ]  # fmt: skip
    assert scale.cell(lower / 1e2) is None and scale.cell(0.0) is None


def test_ticks_are_round_and_labels_do_not_touch():
    assert Scale(1.0, 100.0, 50).ticks() == [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
    text = Canvas(Scale(1.0, 1e6, 24), Scale(1.0, 10.0, 4), Style(ascii_only=True)).draw(
        x_title="x", y_title="y"
    )
    assert re.findall(r"\S+", text.splitlines()[-2]) == ["1", "10", "100", "1k", "10k", "100k"]


@pytest.mark.parametrize(("value", "text"), [(0.25, "0.25"), (30.0, "30"), (999.9, "1k"),
                                             (1500.0, "1.5k"), (3.03e13, "30.3T")])  # fmt: skip
def test_numbers_of_axes_have_si_prefixes(value, text):
    assert si_text(value, "") == text


def test_equal_values_still_make_a_range():
    lower, upper = wide_range([5.0, 5.0])

    assert lower < 5.0 < upper and upper / lower >= 1.5
