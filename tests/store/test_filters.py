from datetime import timedelta

import pytest

from perfpredict.domain.precision import Precision
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Mode, Workload
from perfpredict.store.measurements import list_measurements, record_measurements
from perfpredict.store.predictions import insert_predictions, list_predictions

from .builders import MINUTE, NOON, a_measurement, a_prediction


@pytest.fixture
def filled(store):
    record_measurements(
        store,
        [
            a_measurement(NOON, workload=Workload(model="bert-base-uncased", family="embedding")),
            a_measurement(
                NOON + MINUTE, workload=Workload(model="Bert-Large", batch_size=4), source="cli"
            ),
            a_measurement(
                NOON + 2 * MINUTE,
                workload=Workload(model="resnet50", precision=Precision.FP16, mode=Mode.TRAINING),
                device="h100-sxm", hardware_platform="h100-sxm",
            ),
            a_measurement(NOON + 3 * MINUTE, workload=Workload(model="a'; drop table x; --"),
                          device="cpu-x", hardware_platform="cpu"),
        ],
        platform_by_device={"nvidia-l4": "cuda", "h100-sxm": "cuda", "cpu-x": "cpu"},
    )  # fmt: skip
    return store


@pytest.mark.parametrize(
    ("row_filter", "expected"),
    [
        (RowFilter(), ["a'; drop table x; --", "resnet50", "Bert-Large", "bert-base-uncased"]),
        (RowFilter(limit=1), ["a'; drop table x; --"]),
        (RowFilter(limit=0), []),
        (RowFilter(models=("bert*",)), ["Bert-Large", "bert-base-uncased"]),
        (RowFilter(models=("*LARGE", "resnet??")), ["resnet50", "Bert-Large"]),
        (RowFilter(models=("a'; drop table x; --",)), ["a'; drop table x; --"]),
        (RowFilter(family="embedding"), ["bert-base-uncased"]),
        (RowFilter(devices=("h100-sxm",)), ["resnet50"]),
        (RowFilter(platforms=("cuda",)), ["resnet50", "Bert-Large", "bert-base-uncased"]),
        (
            RowFilter(devices=("h100-sxm",), platforms=("cpu",)),
            ["a'; drop table x; --", "resnet50"],
        ),
        (RowFilter(devices=("h100-pcie",)), []),
        (RowFilter(precision=Precision.FP16), ["resnet50"]),
        (RowFilter(mode=Mode.TRAINING), ["resnet50"]),
        (RowFilter(batch_size=4), ["Bert-Large"]),
        (RowFilter(source="cli"), ["Bert-Large"]),
        (RowFilter(since=NOON + 2 * MINUTE), ["a'; drop table x; --", "resnet50"]),
        (RowFilter(until=NOON + MINUTE), ["bert-base-uncased"]),
        (RowFilter(since=NOON, until=NOON), []),
        (RowFilter(models=("bert*",), batch_size=4), ["Bert-Large"]),
    ],
)  # fmt: skip
def test_each_filter_chooses_its_rows_newest_first(filled, row_filter, expected):
    assert list_measurements(filled, row_filter)["model_name"].to_list() == expected


def test_time_limits_mean_the_same_in_every_zone(filled):
    from zoneinfo import ZoneInfo

    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        since = (NOON + 2 * MINUTE).astimezone(ZoneInfo(zone))
        assert list_measurements(filled, RowFilter(since=since)).height == 2


def test_samples_are_listed_until_the_first_real_row(store):
    samples = [a_prediction(NOON + i * MINUTE, is_sample=True) for i in range(3)]
    insert_predictions(store, samples, user="ann")
    assert list_predictions(store, RowFilter()).height == 3

    insert_predictions(store, [a_prediction(NOON + timedelta(days=1))], user="bob")
    assert list_predictions(store, RowFilter())["is_sample"].to_list() == [False]
    assert list_predictions(store, RowFilter(include_sample=True)).height == 4
    assert list_predictions(store, RowFilter(only_sample=True)).height == 3
    assert list_predictions(store, RowFilter(user="ann", include_sample=True)).height == 3
