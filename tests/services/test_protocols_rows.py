"""Rows of a file and of a store as protocols take them: the same that `perf evaluate` scores."""

from datetime import UTC, date, datetime

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.metrics import Metric
from perfpredict.domain.row_filter import RowFilter
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import read_measurements
from perfpredict.services.evaluate import EvaluationOptions, evaluate
from perfpredict.services.evaluate_rows import ScoredFilter, predicted_pairs, scored_rows
from perfpredict.services.open_batches import with_assumed_batches
from perfpredict.services.opening import load_engine
from perfpredict.services.protocols import ProtocolName, run_protocol
from perfpredict.services.protocols_rows import Slice, rows_of_file, rows_of_store
from perfpredict.services.protocols_variants import VariantName, built_in
from perfpredict.services.training_rows import gather
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements

from .made_store import made_measurements, make_store

HEAD = (
    "model,hardware,batch_size,precision,phase,framework,device_count,input_tokens,output_tokens,"
    "latency_ms,measured_at\n"
)
ROWS = (
    "llama-2-7b,nvidia-l4,64,fp16,generate,vllm,1,1024,1024,200000,2026-03-01T00:00Z\n"
    "llama-2-7b,nvidia-h100-sxm,1,fp16,prefill,vllm,1,512,,20,2026-02-01T00:00Z\n"
    "llama-2-13b,amd-mi250,1,fp16,decode,vllm,1,512,,30,\n"
    "resnet50,nvidia-l4,8,fp16,,,1,,,6.6,2026-02-01T00:00Z\n"
    "llama-2-70b,nvidia-l4,1,fp16,decode,vllm,1,512,,30,2026-02-01T00:00Z\n"
    "my-own-net,nvidia-l4,8,fp16,,,1,,,6.6,2026-02-01T00:00Z\n"
    "resnet50,nvidia-l4,,fp16,,,1,,,6.6,2026-02-01T00:00Z\n"
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the rows of this module: engine and rows."""
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + ROWS)
    engine = load_engine(None, predictor="roofline")
    options = ReadOptions(resolve_device=engine.devices.resolve, now=NOW)
    return engine, read_measurements([str(path)], options)


def test_a_batch_that_runs_in_waves_is_scored_wave_by_wave(read):
    gathered = rows_of_file(*read, ScoredFilter(devices=("nvidia-l4",), families=()))

    served = next(row for row in gathered.rows if row.model == "llama-2-7b")
    waves = 200_000 / served.latency_ms
    assert waves == round(waves) > 1
    assert served.case.workload.batch_size == -(-64 // round(waves))


def test_rows_carry_the_version_that_the_file_has_into_their_cases(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        "model,hardware,batch_size,framework,framework_version,latency_ms\n"
        "resnet50,nvidia-l4,8,pytorch,2.4.0+cu124,6.6\n"
        "resnet50,nvidia-l4,8,pytorch,2.1.0+cu121,7.6\n"
        "resnet50,nvidia-l4,8,pytorch,,8.6\n"
    )
    engine = load_engine(None, predictor="roofline")
    options = ReadOptions(resolve_device=engine.devices.resolve, now=NOW)
    rows = read_measurements([str(path)], options)

    gathered = rows_of_file(engine, rows, ScoredFilter())
    found = {row.case.workload.framework_version: row.latency_ms for row in gathered.rows}
    assert found == {"2.4.0+cu124": 6.6, "2.1.0+cu121": 7.6, None: 8.6}
    marked = with_assumed_batches(engine, rows)
    scored = scored_rows(marked, Metric.LATENCY, ScoredFilter())
    told = predicted_pairs(engine, scored, Metric.LATENCY, 0.9)
    assert told.height == 3
    assert told["predicted"].null_count() == 0


def test_rows_that_cannot_be_scored_are_counted_by_reason(read):
    gathered = rows_of_file(*read, ScoredFilter())

    assert len(gathered.rows) == 4
    assert gathered.left_out == {
        "does not fit": 1, "unknown model": 1, "batch_size is missing": 1,
    }  # fmt: skip


def test_a_throughput_without_a_batch_is_reported_apart(tmp_path):
    path = tmp_path / "open.csv"
    path.write_text(
        "model,hardware,batch_size,precision,framework,throughput\n"
        "resnet50,nvidia-l4,,fp16,tensorrt,2000\n"
        "resnet50,nvidia-l4,8,fp16,tensorrt,1200\n"
    )
    engine = load_engine(None, predictor="roofline")
    options = ReadOptions(resolve_device=engine.devices.resolve, now=NOW)

    gathered = rows_of_file(engine, read_measurements([str(path)], options), ScoredFilter())

    stated, assumed = gathered.rows
    assert (stated.is_batch_assumed, assumed.is_batch_assumed) == (False, True)
    assert stated.slices[:2] == (Slice.ALL, Slice.STATED)
    assert assumed.slices == (Slice.ALL, Slice.ASSUMED)
    assert assumed.case.workload.batch_size > 1


def test_days_are_those_that_the_file_states(read):
    days = {row.model: row.measured_on for row in rows_of_file(*read, ScoredFilter()).rows}

    assert days["llama-2-13b"] is None
    assert days["resnet50"] == date(2026, 2, 1)


def test_phases_and_vendors_are_reported_apart(read):
    slices = {row.model: row.slices[2:] for row in rows_of_file(*read, ScoredFilter()).rows}

    assert slices["resnet50"] == (Slice.VISION, Slice.VISION_GPU)
    assert slices["llama-2-13b"] == (
        Slice.GENERATION, Slice.GENERATION_OTHER, Slice.DECODE_OTHER,
    )  # fmt: skip
    assert slices["llama-2-7b"][:2] == (Slice.GENERATION, Slice.GENERATION_NVIDIA)


def test_a_protocol_scores_a_fixed_predictor_as_an_evaluation_does(read):
    engine, rows = read
    scored = evaluate(engine, rows, EvaluationOptions()).groups[0].accuracy
    gathered = rows_of_file(engine, rows, ScoredFilter())

    (result,) = run_protocol(
        ProtocolName.UNSEEN_MODEL, gathered.rows, built_in(VariantName.ROOFLINE_SUM)
    )

    whole = next(one for one in result.slices if one.slice == "all")
    for figure in ("median_ape", "mape", "geo_error_factor", "bias_factor", "coverage",
                   "median_interval_ratio"):  # fmt: skip
        assert getattr(whole, figure) == pytest.approx(getattr(scored, figure))


def test_stored_rows_have_their_architecture_and_day(tmp_path):
    path = make_store(tmp_path / "p.duckdb", made_measurements(models=("gpt2", "gpt2-medium")))
    with Store.open(path, Access.READ) as store:
        stored = list_measurements(store, RowFilter())

    gathered = rows_of_store(gather(stored, DeviceCatalog()))

    assert {row.architecture for row in gathered.rows} == {"gpt2"}
    assert {row.measured_on for row in gathered.rows} == {date(2026, 1, 1)}
    assert {row.model for row in gathered.rows} == {"gpt2", "gpt2-medium"}
