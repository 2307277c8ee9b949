import polars as pl
import pytest

from perfpredict.domain.metrics import work_per_batch
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Phase, Workload
from perfpredict.errors import InvalidInputError
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import (
    ImportRecord,
    import_measurements,
    list_measurements,
)
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.workload_columns import workload_row

from .builders import BERT, MINUTE, NOON, a_prediction


def a_frame(keys, *, workload=BERT, **columns):
    row = {name: value for name, value in workload_row(workload).items() if value is not None}
    row |= {
        "measured_at": NOON, "hardware_platform": "cuda", "device": "nvidia-l4",
        "throughput_unit": "samples/s", "latency_ms": 8.0, "source": "bench.csv",
    }  # fmt: skip
    return pl.DataFrame([row | columns | {"import_key": key} for key in keys])


def run(store, frame, **options):
    record = ImportRecord(
        import_id=new_id(IdKind.IMPORT, NOON), recorded_at=NOON, source="bench.csv"
    )
    counts = import_measurements(store, frame, record, **options)
    return counts.read, counts.imported, counts.duplicates, counts.linked


def test_an_import_is_repeatable(store):
    assert run(store, a_frame(["a", "b", "a"])) == (3, 2, 1, 0)
    assert run(store, a_frame(["a", "b", "c"])) == (3, 1, 2, 0)
    assert list_measurements(store, RowFilter()).height == 3
    assert store.rows("select rows_read, rows_imported, rows_duplicate from imports") == [
        (3, 2, 1), (3, 1, 2),
    ]  # fmt: skip


def test_imported_rows_are_linked_and_compared(store):
    insert_predictions(store, [a_prediction(NOON - MINUTE)], user=None)

    assert run(store, a_frame(["a", "b"])) == (2, 2, 0, 2)
    assert store.rows("select count(*) from prediction_errors") == [(2,)]
    assert run(store, a_frame(["c"]), link=False) == (1, 1, 0, 0)


def test_an_import_with_a_bad_value_stores_nothing(store):
    frame = a_frame(["a", "b"]).with_columns(latency_ms=pl.Series([8.0, float("nan")]))

    with pytest.raises(InvalidInputError):
        run(store, frame)
    for table in ("performance_measurements", "imports"):
        assert store.rows(f"select count(*) from {table}") == [(0,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("device"), "device: the column is missing"),
        (lambda f: f.with_columns(colour=pl.lit("red")), "no column named colour"),
        (lambda f: f.with_columns(source=pl.lit(None, pl.String)), "source: row 0"),
    ],
)
def test_a_wrong_frame_is_named(store, change, message):
    with pytest.raises(InvalidInputError, match=message):
        run(store, change(a_frame(["a"])))


@pytest.mark.parametrize(
    "workload",
    [
        BERT,
        Workload(model="m", batch_size=2, phase=Phase.PREFILL, input_tokens=100),
        Workload(model="m", batch_size=2, phase=Phase.PREFILL, sequence_length=50),
        Workload(model="m", batch_size=2, phase=Phase.GENERATE, output_tokens=7, concurrency=3),
        Workload(model="m", batch_size=2, phase=Phase.DECODE),
    ],
)
def test_consistency_follows_the_domains_work_per_batch(store, workload):
    run(store, a_frame(["a"], workload=workload, throughput_per_s=100.0, latency_ms=20.0))

    (found,) = list_measurements(store, RowFilter())["consistency"]
    assert found == pytest.approx(100.0 * 0.020 / work_per_batch(workload))


def test_the_devices_platform_can_be_given(store):
    run(store, a_frame(["a"]), platform_by_device={"nvidia-l4": "cuda"})

    assert list_measurements(store, RowFilter())["device_platform"].to_list() == ["cuda"]


def test_a_large_import_is_one_statement_and_fast(store):
    import time

    keys = [f"k{i}" for i in range(50_000)]
    frame = a_frame(keys[:1]).drop("import_key").join(
        pl.DataFrame({"import_key": keys}), how="cross"
    )  # fmt: skip
    begin = time.monotonic()

    assert run(store, frame) == (50_000, 50_000, 0, 0)
    assert time.monotonic() - begin < 20
