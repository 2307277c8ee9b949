"""Training from Parquet files in parts: the same trees as from one matrix, here or on workers."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.models import feature_parts
from perfpredict.models.distributed_fit import fit_on_workers, free_port
from perfpredict.models.feature_parts import fit_parts, write_part
from perfpredict.models.learners import TreeLearner
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services import streamed_rows
from perfpredict.services.streamed_rows import open_rows, write_parts
from perfpredict.services.train import TrainedMetric, TrainingPlan
from perfpredict.services.train_streamed import train_streamed
from perfpredict.services.training_material import Material
from perfpredict.services.training_rows import Split
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements

from .made_store import MODELS, made_measurements, make_store

PLAN = TrainingPlan(metric=TrainedMetric.LATENCY)


def made_parts(folder, *, rows=900, parts=3):
    """Return parts of rows with a known answer, and all of them as one matrix."""
    chance = np.random.default_rng(3)
    matrix = chance.normal(size=(rows, 6)).astype(np.float32).astype(np.float64)
    matrix[::7, 2] = np.nan
    target = np.sin(2 * matrix[:, 0]) + matrix[:, 1] * (matrix[:, 3] > 0)
    weights = chance.uniform(0.5, 2.0, rows)
    folder.mkdir(exist_ok=True)
    written = [
        write_part(folder, n, [matrix[own][:50], matrix[own][50:]], target[own], weights[own])
        for n, own in enumerate(np.array_split(np.arange(rows), parts))
    ]
    return written, matrix, target, weights / weights.mean()


def test_parts_give_the_trees_of_one_matrix(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_parts.os, "cpu_count", lambda: 1)
    parts, matrix, target, weights = made_parts(tmp_path)

    whole = TreeLearner.fit(matrix, target, weights, seed=5)

    assert fit_parts(parts, seed=5).to_json() == whole.to_json()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("db") / "p.duckdb", made_measurements())


@pytest.fixture(scope="module")
def material(store):
    with Store.open(store, Access.READ) as opened:
        return Material(
            measurements=list_measurements(opened, RowFilter()), catalog=DeviceCatalog()
        )


@pytest.fixture(scope="module")
def folder(material, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    frame = material.measurements
    frame.head(frame.height // 2).write_parquet(folder / "a.parquet")
    frame.tail(-(frame.height // 2)).write_parquet(folder / "b.parquet")
    return folder


def test_what_is_streamed_is_judged_on_models_that_no_tree_saw(
    material, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(streamed_rows, "PART_ROWS", 40)
    rows = open_rows(str(folder))

    trained = train_streamed(rows, PLAN, material, scratch=tmp_path)

    (score,) = trained.scores
    assert score.accuracy.geo_error_factor < score.roofline_geo_error_factor
    left_out = pl.col("model_name").is_in(list(score.held_out))
    learned = material.measurements.filter(~left_out)
    assert trained.training_rows == learned.height < material.measurements.height
    assert sorted(trained.measurement_ids) == sorted(learned["measurement_id"])
    assert f"trees learned from {learned.height} rows" in trained.notes[0]
    assert list(tmp_path.iterdir()) == []


def test_pieces_are_never_larger_than_a_part_and_lose_no_row(material, folder, monkeypatch):
    monkeypatch.setattr(streamed_rows, "PART_ROWS", 7)
    pieces = list(open_rows(f"{folder}/*.parquet").pieces())

    assert max(piece.height for piece in pieces) == 7
    ids = pl.concat(pieces)["measurement_id"].sort()
    assert ids.to_list() == material.measurements["measurement_id"].sort().to_list()


def test_a_sample_is_the_same_for_the_same_seed_and_leaves_no_device_out(folder, monkeypatch):
    monkeypatch.setattr(streamed_rows, "_SAMPLED_PER_DEVICE", 10)
    rows = open_rows(str(folder))

    sample = rows.sample(30, seed=1)

    assert sample.equals(rows.sample(30, seed=1))
    assert not sample.equals(rows.sample(30, seed=2))
    assert set(sample["device"]) == set(rows.rows_by_device)
    assert sample.height < rows.rows == sum(rows.rows_by_model.values())


def test_deleted_rows_and_samples_are_not_learned_from(material, tmp_path):
    frame = material.measurements.with_columns(deleted_at=pl.col("recorded_at"))
    frame.with_columns(
        deleted_at=pl.when(pl.col("model_name") != MODELS[0]).then("deleted_at")
    ).write_parquet(tmp_path / "x.parquet")

    rows = open_rows(str(tmp_path))

    assert set(rows.rows_by_model) == {MODELS[0]}
    parts = write_parts(
        rows, tmp_path, DeviceCatalog(), RooflinePredictor(),
        without_models=frozenset({MODELS[0]}), takes_contended=False,
    )  # fmt: skip
    assert parts == []


@pytest.mark.parametrize("content", [b"no parquet", None])
def test_files_that_hold_no_measurements_are_refused(tmp_path, content):
    path = tmp_path / "x.parquet"
    if content is None:
        pl.DataFrame({"model_name": ["a"]}).write_parquet(path)
    else:
        path.write_bytes(content)

    with pytest.raises(InvalidInputError, match="--from"):
        open_rows(str(path))
    with pytest.raises(CannotAnswerError, match="no Parquet file"):
        open_rows(str(tmp_path / "none*.parquet"))


def test_what_cannot_be_streamed_is_refused(material, folder):
    rows = open_rows(str(folder))
    for plan in (replace(PLAN, split=Split.TIME), replace(PLAN, metric=TrainedMetric.MEMORY)):
        with pytest.raises(InvalidInputError, match="--from"):
            train_streamed(rows, plan, material)


@contextmanager
def cluster(workers):
    """Yield the address of a scheduler of its own with so many worker processes on loopback."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    common = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [["scheduler", "--port", str(port), *common]]
    commands += [["worker", address, "--nthreads", "1", *common]] * workers
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dask", *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    try:
        yield address, workers
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=60)


@pytest.mark.slow
def test_two_workers_fit_what_one_process_does(tmp_path, monkeypatch):
    # more threads than cores that are free wait for each other
    monkeypatch.setattr(feature_parts.os, "cpu_count", lambda: 1)
    pytest.importorskip("distributed")
    parts, matrix, _, _ = made_parts(tmp_path, rows=3000)
    fresh = np.random.default_rng(8).normal(size=(1000, matrix.shape[1]))
    truth = np.sin(2 * fresh[:, 0]) + fresh[:, 1] * (fresh[:, 3] > 0)
    with cluster(2) as (address, count):
        wait_for_workers(address, count)
        shared = fit_on_workers(address, parts, seed=5)

    error = [
        np.abs(one.predict(fresh) - truth).mean() for one in (fit_parts(parts, seed=5), shared)
    ]
    assert error[1] < 1.1 * error[0]
    assert error[0] < 0.25 * np.abs(truth).mean()


def wait_for_workers(address, count):
    from distributed import Client

    with Client(address, timeout=300, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=400)


def test_where_no_scheduler_answers_it_is_said(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from perfpredict.models import distributed_fit

    monkeypatch.setattr(distributed_fit, "_CONNECT_TIMEOUT_S", 1)
    parts, *_ = made_parts(tmp_path)
    with pytest.raises(CannotAnswerError, match="no Dask scheduler"):
        fit_on_workers(f"tcp://127.0.0.1:{free_port()}", parts, seed=1)
