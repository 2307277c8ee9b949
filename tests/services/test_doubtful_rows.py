"""Runs that waited for cores, or did not fit, neither train nor calibrate, and are counted."""

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.row_filter import RowFilter
from perfpredict.services.opening import calibration_rows
from perfpredict.services.training_rows import gather
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements

from .made_store import MODELS, made_measurements, make_store

CONTENDED = "contended run (--include-contended takes it)"


@pytest.fixture
def read(tmp_path):
    good = made_measurements(MODELS[:2])
    contended = made_measurements(MODELS[2:4], note="busy-machine, contended")
    unfit = made_measurements(
        MODELS[4:5], note="does not fit: killed", latency_ms=None, memory_bytes=1e9
    )
    other = made_measurements(MODELS[5:6], note="measured in a contended hour")
    path = make_store(tmp_path / "p.duckdb", [*good, *contended, *unfit, *other])

    def read(function):
        with Store.open(path, Access.READ) as store:
            return function(store)

    return read


def test_they_are_left_out_of_training_and_counted_by_reason(read):
    measurements = read(lambda store: list_measurements(store, RowFilter()))

    rows = gather(measurements, DeviceCatalog())

    assert rows.left_out == {CONTENDED: 8, "did not fit, so its memory is a lower bound": 4}
    assert rows.row_count == 12


def test_contended_runs_are_trained_on_where_they_are_asked_for(read):
    measurements = read(lambda store: list_measurements(store, RowFilter()))

    rows = gather(measurements, DeviceCatalog(), takes_contended=True)

    assert rows.left_out == {"did not fit, so its memory is a lower bound": 4}
    assert rows.row_count == 20


def test_they_calibrate_nothing(read):
    rows = read(lambda store: calibration_rows(store, DeviceCatalog()))

    assert {workload.model for workload, *_ in rows} == {*MODELS[:2], MODELS[5]}
