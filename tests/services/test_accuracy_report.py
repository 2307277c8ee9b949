"""What `perf report` says: counted over real rows, against plain Python."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from perfpredict.domain.median_interval import median_interval
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError
from perfpredict.reports.html_report import html_report
from perfpredict.services.accuracy_report import build_report
from perfpredict.services.pair_charts import MOST_SPOTS
from perfpredict.store.access import Access
from perfpredict.store.accuracy import PairChoice
from perfpredict.store.gateway import Store

from .made_pairs import make_pairs

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "x.duckdb"
    make_pairs(path)
    with Store.open(path, Access.READ) as store:
        return build_report(store, RowFilter(), PairChoice(), filters={}, now=NOW)


def test_an_empty_database_has_nothing_to_report(tmp_path):
    with Store.open(tmp_path / "x.duckdb", Access.WRITE):
        pass
    with (
        Store.open(tmp_path / "x.duckdb", Access.READ) as store,
        pytest.raises(CannotAnswerError, match="nothing to report"),
    ):
        build_report(store, RowFilter(), PairChoice(), filters={}, now=NOW)


def test_every_pair_is_counted_once(report):
    assert (report.measurements, report.linked, report.pair_count) == (48, 48, 96)
    assert report.over_time["n"].sum() == 96
    assert [sum(one.position_counts) for one in report.charts] == [48, 48]
    assert [one.spots["count"].sum() for one in report.charts] == [48, 48]
    assert {one.spots.height <= MOST_SPOTS for one in report.charts} == {True}
    for chart in report.charts:
        assert sum(group.n for group in chart.by_width) == 48
        (level,) = chart.by_level
        assert (level.level, level.n) == (0.9, 48)


def test_latency_comes_first(report):
    assert [one.metric for one in report.charts] == ["latency", "throughput"]
    assert report.overall.statistics["metric"].to_list() == ["latency", "throughput"]


def test_the_positions_tell_the_side_of_the_interval(report):
    """The made rows take 1.3 times as long as predicted, the upper bound is 1.5 times."""
    latency, throughput = report.charts

    slower = sum(latency.position_counts[len(latency.position_counts) // 2 :])
    less = sum(throughput.position_counts[: len(throughput.position_counts) // 2])

    assert slower == less == 48


def test_the_worst_pair_is_the_one_furthest_off(report):
    assert report.worst.height == 20
    ratios = [abs(ratio) for ratio in report.worst["ln_ratio"].to_list()]
    assert ratios == sorted(ratios, reverse=True)
    assert report.worst["measurement_id"].n_unique() == 20


def test_groups_are_those_of_the_rows(report):
    by_device = next(group for group in report.groups if group.by == "device")

    assert set(by_device.statistics["device"]) == {"nvidia-l4", "nvidia-a10"}
    assert by_device.group_count == 2
    assert by_device.statistics["n"].to_list() == [24] * 4


def test_every_device_has_its_roofline(report):
    rooflines = {one.device: one for one in report.rooflines}

    assert set(rooflines) == {"nvidia-l4", "nvidia-a10"}
    for one in rooflines.values():
        assert (len(one.points), one.workload_count, one.unplaced_count) == (24, 24, 0)
        assert one.bandwidth_bytes_per_s > 0
        for point in one.points:
            # nothing made here runs faster than the device
            peak = one.peak_flops_per_s[point.workload.precision.value]
            assert 0 < point.flops_per_s < peak


def test_the_period_follows_the_span(tmp_path):
    for number, (span, period) in enumerate(
        ((timedelta(hours=5), "hour"), (timedelta(days=20), "day"), (timedelta(days=900), "month"))
    ):
        path = tmp_path / f"{number}.duckdb"
        make_pairs(path, span=span, batch_sizes=(1, 2))
        with Store.open(path, Access.READ) as store:
            made = build_report(store, RowFilter(), PairChoice(), filters={}, now=NOW)
        assert made.period == period


def test_a_median_needs_six_values_for_an_interval():
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)
    # tabulated ranks of the sign test's interval: 10 values, 2nd and 9th; 100 values, 40th and 61st
    assert median_interval([float(n) for n in range(1, 11)]) == (2.0, 9.0)
    assert median_interval([float(n) for n in range(1, 101)]) == (40.0, 61.0)
    assert median_interval([float(n) for n in range(1, 10_001)]) == (4902.0, 5099.0)


@pytest.mark.slow
def test_twenty_thousand_measurements_take_under_five_seconds_and_three_megabytes(tmp_path):
    """Processor seconds; on a machine that is slow or shared, as many as its slowness explains."""
    make_pairs(tmp_path / "x.duckdb", batch_sizes=tuple(range(1, 5501)))
    start = time.process_time()
    sum(range(20_000_000))
    usual_s = 0.25
    slowness = max((time.process_time() - start) / usual_s, 1.0)

    start = time.process_time()
    with Store.open(tmp_path / "x.duckdb", Access.READ) as store:
        built = build_report(store, RowFilter(), PairChoice(), filters={}, now=NOW)
    page = html_report(built)
    took_s = time.process_time() - start

    assert built.measurements > 20_000
    assert len(page.encode()) < 3_000_000
    assert took_s < 5.0 * slowness
