"""Which prediction a measurement belongs to, and the errors that follow."""

import math
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Basis
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import AmbiguousIdError, InvalidInputError, UnknownIdError
from perfpredict.store.accuracy import list_errors
from perfpredict.store.corrections import (
    delete_measurements,
    link_measurement,
    link_measurements,
    unlink_measurement,
)
from perfpredict.store.measurements import (
    get_measurement,
    record_measurement,
    record_measurements,
)
from perfpredict.store.predictions import get_prediction, insert_predictions

from .builders import BERT, MINUTE, NOON, a_device, a_measurement, a_prediction


def insert(store, *predictions):
    insert_predictions(store, predictions, user=None)
    return [prediction.prediction_id for prediction in predictions]


def test_the_latest_earlier_prediction_counts(store):
    _, just_before, _ = insert(
        store,
        a_prediction(NOON - 60 * MINUTE),
        a_prediction(NOON - MINUTE),
        a_prediction(NOON + MINUTE),
    )

    assert record_measurement(store, a_measurement(NOON)).prediction_id == just_before


def test_of_predictions_of_the_same_moment_the_highest_id_counts(store):
    ids = insert(store, *(a_prediction(NOON) for _ in range(5)))

    assert record_measurement(store, a_measurement(NOON)).prediction_id == max(ids)


def test_a_prediction_without_a_version_is_compared_with_a_measurement_that_has_one(store):
    (made,) = insert(store, a_prediction(NOON - MINUTE))
    versioned = replace(BERT, framework_version="2.4.0+cu124")

    done = record_measurement(store, a_measurement(workload=versioned))

    assert done.prediction_id == made
    assert get_measurement(store, done.measurement_id).workload == versioned


def test_only_a_later_prediction_is_no_match_and_said(store):
    insert(store, a_prediction(NOON + MINUTE))

    done = record_measurement(store, a_measurement(NOON))

    assert (done.prediction_id, done.errors) == (None, ())
    assert "clock" in done.notes[0]


def test_a_prediction_older_than_90_days_is_no_match(store):
    insert(store, a_prediction(NOON - timedelta(days=90, seconds=1)))
    assert record_measurement(store, a_measurement()).prediction_id is None
    (edge,) = insert(store, a_prediction(NOON - timedelta(days=90)))
    assert record_measurement(store, a_measurement()).prediction_id == edge


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 16}, {"sequence_length": 64}, {"image_size": 224}, {"concurrency": 2},
        {"device_count": 2}, {"framework": "vllm"}, {"is_compiled": True}, {"model": "other"},
        {"memory_format": "channels_last"}, {"quantization": "awq"}, {"input_tokens": 7},
    ],
)  # fmt: skip
def test_any_other_workload_is_no_match(store, change):
    insert(store, a_prediction(NOON - MINUTE))

    done = record_measurement(store, a_measurement(workload=replace(BERT, **change)))

    assert done.prediction_id is None


def test_family_is_no_part_of_the_match_but_the_device_is(store):
    insert(store, a_prediction(NOON - MINUTE))
    renamed = a_measurement(workload=replace(BERT, family="text_embedding"))

    assert record_measurement(store, renamed).prediction_id is not None
    assert record_measurement(store, a_measurement(device="nvidia-a10")).prediction_id is None


def test_samples_and_real_rows_never_meet(store):
    insert(store, a_prediction(NOON - MINUTE, is_sample=True))
    assert record_measurement(store, a_measurement()).prediction_id is None
    assert record_measurement(store, a_measurement(is_sample=True)).prediction_id is not None


def test_one_made_afterwards_for_another_measurement_comes_last(store):
    expected, _ = insert(
        store, a_prediction(NOON - 2 * MINUTE), a_prediction(NOON - MINUTE, is_retrospective=True)
    )

    assert record_measurement(store, a_measurement()).prediction_id == expected


def test_no_link_means_no_link(store):
    insert(store, a_prediction(NOON - MINUTE))

    assert record_measurement(store, a_measurement(), link=False).prediction_id is None


def test_a_given_prediction_of_another_workload_is_refused_with_the_fields(store):
    (other,) = insert(store, a_prediction(workload=replace(BERT, batch_size=1, model="m")))

    with pytest.raises(InvalidInputError, match="model_name, batch_size differ"):
        record_measurement(store, a_measurement(), prediction_id=other)
    assert store.rows("select count(*) from performance_measurements") == [(0,)]


def test_force_links_and_marks(store):
    (other,) = insert(store, a_prediction(workload=replace(BERT, batch_size=1)))

    done = record_measurement(store, a_measurement(), prediction_id=other, force=True)

    assert done.prediction_id == other
    assert "another workload" in done.notes[0]
    assert store.rows("select is_forced_link from performance_measurements") == [(True,)]


def test_an_unknown_and_an_ambiguous_prediction_id_are_errors(store):
    insert(store, a_prediction(NOON), a_prediction(NOON))

    with pytest.raises(UnknownIdError):
        record_measurement(store, a_measurement(), prediction_id="pred-00000000")
    prefix = store.rows("select prediction_id[:13] from performance_predictions limit 1")[0][0]
    with pytest.raises(AmbiguousIdError):
        record_measurement(store, a_measurement(), prediction_id=prefix)


def test_errors_have_the_sign_and_the_unit_that_the_glossary_gives(store):
    insert(store, a_prediction(NOON - MINUTE, latency_ms=10.0, memory_bytes=2.0**30))
    done = record_measurement(
        store,
        a_measurement(latency_ms=8.0, throughput_per_s=1000.0, memory_bytes=2.0**29),
    )
    latency, memory, throughput = done.errors

    assert [e.metric for e in done.errors] == [Metric.LATENCY, Metric.MEMORY, Metric.THROUGHPUT]
    assert [e.unit for e in done.errors] == ["ms", "MiB", "samples/s"]
    assert (latency.error, latency.rel_error) == (2.0, 0.25)
    assert latency.ln_ratio == pytest.approx(math.log(10 / 8))
    assert (memory.predicted, memory.actual, memory.rel_error) == (1024.0, 512.0, 1.0)
    assert throughput.error == pytest.approx(800.0 - 1000.0)
    assert latency.inside_interval and latency.level == 0.9


def test_memory_0_has_no_relative_error_and_is_not_infinite(store):
    insert(store, a_prediction(NOON - MINUTE))
    done = record_measurement(store, a_measurement(latency_ms=None, memory_bytes=0.0))

    (memory,) = done.errors
    assert (memory.rel_error, memory.ln_ratio, memory.error) == (None, None, 1024.0)


def test_what_does_not_fit_gives_a_memory_error_only(store):
    made = a_prediction(NOON - MINUTE)
    insert(store, replace(made, fits=False, latency_ms=None, throughput_per_s=None))
    done = record_measurement(store, a_measurement(memory_bytes=2.0**30))

    assert [e.metric for e in done.errors] == [Metric.MEMORY]


def test_recording_is_one_transaction(store, monkeypatch):
    def fail(*_):
        raise OSError("disk")

    insert(store, a_prediction(NOON - MINUTE))
    monkeypatch.setattr("perfpredict.store.measurements.insert_errors", fail)
    monkeypatch.setattr("perfpredict.store.one_measurement._insert_errors", fail)
    with pytest.raises(OSError, match="disk"):
        record_measurement(store, a_measurement())
    with pytest.raises(OSError, match="disk"):
        record_measurements(store, [a_measurement()])

    assert store.rows("select count(*) from performance_measurements") == [(0,)]


def test_many_measurements_are_linked_as_one_by_one(store):
    insert(store, *(a_prediction(NOON + i * MINUTE) for i in range(0, 20, 3)))
    measurements = [a_measurement(NOON + i * MINUTE) for i in range(20)]

    together = record_measurements(store, measurements)["prediction_id"].to_list()

    assert together == [record_measurement(store, m).prediction_id for m in measurements]
    assert len(set(together)) == 7


def test_linking_again_replaces_the_errors_and_unlinking_removes_them(store):
    first, second = insert(
        store, a_prediction(NOON - 2 * MINUTE, latency_ms=4.0), a_prediction(NOON - MINUTE)
    )
    measurement_id = record_measurement(store, a_measurement()).measurement_id

    assert link_measurement(store, measurement_id, first).errors[0].predicted == 4.0
    assert link_measurement(store, measurement_id, second).errors[0].predicted == 8.0
    assert list_errors(store, RowFilter()).height == 1
    unlink_measurement(store, measurement_id)
    assert list_errors(store, RowFilter()).height == 0
    assert get_measurement(store, measurement_id).prediction_id is None


def test_linking_to_another_workload_is_refused_unless_forced(store):
    (other,) = insert(store, a_prediction(workload=replace(BERT, batch_size=1)))
    measurement_id = record_measurement(store, a_measurement()).measurement_id

    with pytest.raises(InvalidInputError, match="batch_size differ"):
        link_measurement(store, measurement_id, other)
    assert link_measurement(store, measurement_id, other, force=True).prediction_id == other


def test_retrospective_links_are_marked(store):
    measurement_id = record_measurement(store, a_measurement()).measurement_id
    (afterwards,) = insert(store, a_prediction(NOON + MINUTE, is_retrospective=True))
    frame = pl.DataFrame({"measurement_id": [measurement_id], "prediction_id": [afterwards]})

    assert link_measurements(store, frame) == 1
    assert list_errors(store, RowFilter())["is_retrospective"].to_list() == [True]


def test_a_deleted_measurement_counts_nowhere(store):
    insert(store, a_prediction(NOON - MINUTE))
    measurement_id = record_measurement(store, a_measurement()).measurement_id

    assert delete_measurements(store, [measurement_id], now=NOON) == [measurement_id]
    assert list_errors(store, RowFilter()).height == 0
    with pytest.raises(UnknownIdError, match="deleted"):
        get_measurement(store, measurement_id)
    delete_measurements(store, [measurement_id], now=NOON, purge=True)
    assert store.rows("select count(*) from prediction_errors") == [(0,)]


def test_a_prediction_comes_back_as_it_was_stored(store):
    made = a_prediction(
        basis=Basis.LEARNED, cautions=("é", "b"), assumptions=("fp32",), similar_rows=3,
        launch_share=0.25, is_extrapolated=True,
    )  # fmt: skip
    insert_predictions(store, [made], user="ann")
    found = get_prediction(store, made.prediction_id[:20])

    for name in (
        "prediction_id", "created_at", "workload", "latency_ms", "throughput_per_s",
        "memory_bytes", "fits", "basis", "predictor", "cautions", "assumptions", "similar_rows",
        "is_extrapolated", "launch_share",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(made, name), name
    assert (found.device, found.hardware_platform, found.user) == ("nvidia-l4", "cuda", "ann")


def test_a_measurement_comes_back_as_it_was_stored(store):
    made = a_measurement(
        throughput_per_s=990.0, memory_bytes=1.5, latency_p90_ms=9.0, latency_p99_ms=11.0,
        runs=50, warmup_runs=5, note="é", environment='{"torch": "2.13"}', source="cli",
        source_row=7,
    )  # fmt: skip
    done = record_measurement(store, made)

    found = get_measurement(store, done.measurement_id)
    assert found == replace(made, measurement_id=done.measurement_id)


def test_the_platform_of_a_device_comes_from_the_caller_or_the_prediction(store):
    insert(store, a_prediction(NOON - MINUTE, hardware=a_device(requested="nvidia-l4")))
    record_measurement(store, a_measurement(hardware_platform="nvidia-l4"))
    record_measurement(
        store,
        a_measurement(device="nvidia-a10", hardware_platform="nvidia-a10"),
        platform_by_device={"nvidia-a10": "cuda"},
    )

    assert store.rows("select device_platform from performance_measurements") == [
        ("cuda",), ("cuda",),
    ]  # fmt: skip
