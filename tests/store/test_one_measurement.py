"""One measurement is stored just as a batch stores it: two ways, one oracle for the other."""

from dataclasses import replace

import pytest

from perfpredict.domain.metrics import ThroughputUnit
from perfpredict.store.linking import errors_of
from perfpredict.store.measurements import record_measurement, record_measurements
from perfpredict.store.predictions import insert_predictions

from .builders import BERT, MINUTE, NOON, a_device, a_measurement, a_prediction

HARD_TEXT = 'it\'s "odd": \\n, {é}, \u2028 and $rows'
PREDICTIONS = (
    a_prediction(NOON - 200 * 24 * 60 * MINUTE),
    a_prediction(NOON - 50 * MINUTE, latency_ms=7.3, predictor="older"),
    a_prediction(NOON - MINUTE, latency_ms=8.1, memory_bytes=1.3e9),
    a_prediction(NOON + MINUTE, latency_ms=3.0),
    replace(
        a_prediction(NOON - MINUTE, workload=replace(BERT, batch_size=4)),
        latency_ms=None, throughput_per_s=None, fits=False,
    ),
    a_prediction(NOON - MINUTE, workload=replace(BERT, batch_size=2), memory_bytes=0.0),
    a_prediction(NOON - MINUTE, hardware=a_device("nvidia-a10")),
)  # fmt: skip
MEASUREMENTS = {
    "latency alone": a_measurement(NOON, latency_ms=7.89),
    "outside the interval": a_measurement(NOON, latency_ms=77.7),
    "everything": a_measurement(
        NOON, latency_ms=0.1 + 0.2, throughput_per_s=1e3 / 3, memory_bytes=1.1e9 + 0.1, runs=9,
        latency_p99_ms=12.0, note=HARD_TEXT, environment="python=3.11",
    ),
    "another unit of throughput": a_measurement(
        NOON, latency_ms=None, throughput_per_s=5.0, throughput_unit=ThroughputUnit.TOKENS
    ),
    "no memory used": a_measurement(NOON, memory_bytes=0.0),
    "predicted not to fit": a_measurement(NOON, workload=replace(BERT, batch_size=4)),
    "predicted to use none": a_measurement(
        NOON, workload=replace(BERT, batch_size=2), memory_bytes=5e8
    ),
    "of a device without platform": a_measurement(NOON, device="nvidia-a10"),
    "before every prediction": a_measurement(NOON - 400 * 24 * 60 * MINUTE),
    "of what was not predicted": a_measurement(NOON, workload=replace(BERT, batch_size=3)),
    "made up": a_measurement(NOON, is_sample=True),
}  # fmt: skip


@pytest.fixture
def predicted(store):
    insert_predictions(store, PREDICTIONS, user=None)
    return store


def stored(store, measurement_id):
    """Return the row of a measurement and its errors, without what names it."""
    row = store.frame(
        "select * exclude (measurement_id) from performance_measurements "
        "where measurement_id = $measurement_id",
        {"measurement_id": measurement_id},
    ).rows()
    errors = store.frame(
        "select * exclude (measurement_id, error_id), "
        "replace(error_id, measurement_id, '') as rest from prediction_errors "
        "where measurement_id = $measurement_id order by metric",
        {"measurement_id": measurement_id},
    ).rows()
    return row, errors


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_one_row_is_stored_as_a_batch_of_one(predicted, name):
    given = MEASUREMENTS[name]
    for platforms in ({}, {"nvidia-l4": "cuda"}):
        said = {"now": NOON, "platform_by_device": platforms}

        alone = record_measurement(predicted, given, **said)
        (batched,) = record_measurements(predicted, [given], **said)["measurement_id"]

        rows, errors = stored(predicted, alone.measurement_id)
        assert (rows, errors) == stored(predicted, batched)
        assert len(rows) == 1
        assert alone.errors == errors_of(predicted, alone.measurement_id)


def test_without_linking_no_prediction_is_looked_for(predicted):
    done = record_measurement(predicted, MEASUREMENTS["everything"], link=False, now=NOON)

    assert (done.prediction_id, done.errors) == (None, ())
    assert stored(predicted, done.measurement_id)[1] == []
