"""Rows with a throughput and no batch size: where they are read, and when they are refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from perfpredict.catalog.models import find_model
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.raw import PROBLEM
from perfpredict.importers.table import MeasurementRows, read_measurements
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.open_batches import (
    IMPOSSIBLE,
    MAX_BATCH,
    MIN_GAIN,
    UNKNOWN_MODEL,
    Saturated,
    Saturation,
    with_assumed_batches,
)
from perfpredict.services.opening import load_engine

HEADER = "model,hardware,batch_size,precision,throughput,devices,framework"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(None, predictor="roofline", is_calibrated=False)


def read(engine: Engine, folder: Path, *lines: str, header: str = HEADER) -> MeasurementRows:
    path = folder / "rows.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    options = ReadOptions(
        resolve_device=engine.devices.resolve, now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    return with_assumed_batches(engine, read_measurements([str(path)], options))


def at(engine: Engine, workload: Workload, device: str) -> Saturated:
    found = Saturation(RooflinePredictor())
    return found.read(workload, engine.devices.find(device), find_model(workload.model))


def test_the_batch_is_the_first_whose_doubling_gains_little(engine: Engine) -> None:
    workload = Workload(model="resnet50", precision=Precision.FP16)
    found = at(engine, workload, "nvidia-l4").batch_size
    device = engine.devices.resolve("nvidia-l4")

    def rate(batch: int) -> float:
        sized = Workload(model="resnet50", precision=Precision.FP16, batch_size=batch)
        throughput = engine.predict(sized, [device])[0].throughput_per_s
        assert throughput is not None
        return throughput.value

    assert rate(2 * found) < rate(found) * (1 + MIN_GAIN)
    assert rate(found) >= rate(found // 2) * (1 + MIN_GAIN)


@pytest.mark.parametrize("device", ["nvidia-t4", "nvidia-h200-sxm", "intel-xeon-8380"])
def test_the_batch_is_a_power_of_two_within_bounds(engine: Engine, device: str) -> None:
    batch = at(engine, Workload(model="bert-large", precision=Precision.FP32), device).batch_size

    assert 1 <= batch <= MAX_BATCH
    assert batch & (batch - 1) == 0


def test_a_small_model_is_copied_and_a_large_one_split(engine: Engine) -> None:
    def devices(model: str) -> int:
        workload = Workload(
            model=model, precision=Precision.FP16, phase=Phase.GENERATE, input_tokens=128,
            output_tokens=128, device_count=8, framework="vllm",
        )  # fmt: skip
        return at(engine, workload, "nvidia-a100-sxm-80gb").device_count

    assert devices("opt-1.3b") == 1
    assert devices("llama-2-70b") > 1


def test_the_devices_of_a_training_run_share_the_batch(engine: Engine) -> None:
    def training(devices: int) -> Saturated:
        workload = Workload(
            model="resnet50", precision=Precision.AMP_FP16, mode=Mode.TRAINING,
            device_count=devices,
        )  # fmt: skip
        return at(engine, workload, "nvidia-a100-sxm-80gb")

    assert training(8).batch_size == 8 * training(1).batch_size
    assert training(8).device_count == 8


def test_copies_on_several_devices_are_read_as_one_of_them(engine: Engine, tmp_path: Path) -> None:
    rows = read(
        engine,
        tmp_path,
        "resnet50,nvidia-a100-sxm-80gb,,int8,30000,1,tensorrt",
        "resnet50,nvidia-a100-sxm-80gb,,int8,240000,8,tensorrt",
    )

    assert rows.good["throughput_per_s"].to_list() == [30000.0, 30000.0]
    assert rows.good["device_count"].to_list() == [1, 1]
    assert rows.good["workload_key"].n_unique() == 1


def test_rows_that_state_their_batch_stay_as_they_are(engine: Engine, tmp_path: Path) -> None:
    rows = read(engine, tmp_path, "resnet50,nvidia-l4,8,fp16,900,1,pytorch")

    assert rows.good["batch_size"].to_list() == [8]
    assert rows.refused.is_empty()


def test_memory_of_an_unknown_batch_is_not_scored(engine: Engine, tmp_path: Path) -> None:
    header = HEADER + ",memory_mib"
    rows = read(engine, tmp_path, "resnet50,nvidia-l4,,fp16,900,1,pytorch,2000", header=header)

    assert rows.good["memory_bytes"].to_list() == [None]


def test_a_row_beyond_the_peak_rate_has_been_misread(engine: Engine, tmp_path: Path) -> None:
    rows = read(
        engine,
        tmp_path,
        "resnet50,nvidia-l4,,fp16,900000,1,tensorrt",
        "my-own-net,nvidia-l4,,fp16,900,1,tensorrt",
    )

    assert rows.good.is_empty()
    assert sorted(rows.refused[PROBLEM].to_list()) == sorted([IMPOSSIBLE, UNKNOWN_MODEL])


def test_a_model_that_does_not_fit_keeps_that_as_its_reason(engine: Engine, tmp_path: Path) -> None:
    rows = read(engine, tmp_path, "llama-2-70b,nvidia-t4,,fp16,1,1,pytorch")

    assert rows.good["batch_size"].to_list() == [1]
