"""The tidied file of published rows: what its benchmark suites say is filled in, no more."""

import io

import polars as pl
import pytest

from perfpredict.importers.table import MeasurementRows

from .reading import Read, column, problems

ROW = {
    "source": "mlperf-inference-v4.1", "model_name": "resnet50", "model_key": "resnet50-v1.5",
    "hardware_id": "nvidia-h100-sxm", "mode": "inference", "device_count": 8,
    "framework": "tensorrt", "framework_version": None, "precision": "unstated",
    "batch_size": None, "input_tokens": None, "output_tokens": None, "throughput": 700_000.0,
    "throughput_unit": "samples/s", "latency_ms": None, "latency_kind": None, "quality": "ok",
    "note": "MLPerf v4.1 closed datacenter Offline; nodes=1; available",
}  # fmt: skip
LAMBDA = {
    "source": "lambda", "mode": "training", "framework": "pytorch",
    "framework_version": "1.10.0a0+ecc3718", "hardware_id": "nvidia-v100-sxm-32gb",
    "precision": "fp32", "device_count": 4,
    "note": "config batch 128 (per-GPU or global unknown for multi-GPU)",
}  # fmt: skip


def read_rows(read: Read, *changes: dict[str, object]) -> MeasurementRows:
    frame = pl.DataFrame(
        [ROW | change for change in changes],
        schema_overrides={"batch_size": pl.Float64, "latency_ms": pl.Float64},
        infer_schema_length=None,
    )
    data = io.BytesIO()
    frame.write_parquet(data)
    return read(data.getvalue(), name="rows.parquet")


@pytest.mark.parametrize(
    ("model", "device", "precision"),
    [
        ("resnet50", "nvidia-h100-sxm", "int8"),
        ("bert-99", "nvidia-a100-sxm-80gb", "int8"),
        ("bert-99.9", "nvidia-a100-sxm-80gb", "fp16"),
        ("bert-99.9", "nvidia-h100-sxm", "fp8"),
        ("gptj-99", "nvidia-jetson-agx-orin", "fp16"),
        ("stable-diffusion-xl", "nvidia-l40s", "int8"),
        ("stable-diffusion-xl", "nvidia-h200-sxm", "fp8"),
        ("dlrm-v2-99.9", "nvidia-h100-sxm", "fp16"),
    ],
)
def test_a_tensorrt_submission_runs_in_the_precision_of_its_published_code(
    read: Read, model: str, device: str, precision: str
) -> None:
    rows = read_rows(read, {"model_name": model, "hardware_id": device, "batch_size": 8.0})

    assert column(rows, "precision") == [precision]
    assert "1 rows: precision is that of published submission code or containers" in rows.notes


@pytest.mark.parametrize(
    "change",
    [
        {"framework": "OpenVino 2022"},
        {"note": "MLPerf v4.1 open datacenter Offline"},
        {"model_name": "rgat"},
    ],
)
def test_the_precision_of_other_software_is_not_guessed(
    read: Read, change: dict[str, object]
) -> None:
    rows = read_rows(read, change | {"batch_size": 8.0})

    assert problems(rows) == [(1, "precision is not stated")]


def test_the_unet_decides_the_precision_of_a_pipeline(read: Read) -> None:
    parts = "{'clip1': 'fp16', 'clip2': 'fp16', 'unet': 'fp8', 'vae': 'int8'}"
    rows = read_rows(
        read, {"model_name": "stable-diffusion-xl", "precision": parts, "batch_size": 2.0}
    )

    assert column(rows, "precision") == ["fp8"]


def test_answers_of_a_language_model_become_tokens_of_its_benchmark(read: Read) -> None:
    rows = read_rows(read, {"model_name": "gptj-99", "throughput": 10.0, "batch_size": 4.0})

    chosen = rows.good.select("phase", "input_tokens", "output_tokens", "framework").row(0)
    assert chosen == ("generate", 778, 69, "tensorrt-llm")
    assert column(rows, "throughput_per_s") == [pytest.approx(690.0)]
    assert column(rows, "throughput_unit") == ["tokens/s"]


def test_the_interactive_scenario_counts_tokens_whatever_its_unit_says(read: Read) -> None:
    note = "MLPerf v5.1 closed datacenter Interactive; nodes=1; available"
    rows = read_rows(
        read,
        {"model_name": "llama3.1-8b", "precision": "fp8", "batch_size": 4.0, "note": note,
         "throughput": 5000.0, "mode": "serving"},
    )  # fmt: skip

    assert column(rows, "throughput_per_s") == [5000.0]
    assert column(rows, "throughput_unit") == ["tokens/s"]


@pytest.mark.parametrize(
    "name", ["llama2-70b-99", "llama2-70b-99.9", "llama2-70b-interactive-99", "llama2-70b"]
)
def test_editions_of_a_benchmark_have_the_same_samples(read: Read, name: str) -> None:
    rows = read_rows(
        read,
        {"model_name": name, "model_key": "llama-2-70b", "precision": "fp8", "batch_size": 8.0,
         "throughput_unit": "tokens/s"},
    )  # fmt: skip

    assert rows.good.select("model_name", "output_tokens").row(0) == ("llama-2-70b", 294)


def test_questions_have_the_mean_length_of_their_data_set(read: Read) -> None:
    rows = read_rows(read, {"model_name": "bert-99", "batch_size": 4.0})

    assert column(rows, "sequence_length") == [175]


def test_a_scan_of_unknown_size_is_refused_by_reason(read: Read) -> None:
    rows = read_rows(read, {"model_name": "3d-unet-99.9", "batch_size": 1.0})

    assert problems(rows) == [
        (1, "a sample is a whole scan, and how many windows it has is not stated")
    ]


def test_a_row_that_only_lacks_its_batch_says_so_and_how_it_is_scored(read: Read) -> None:
    rows = read_rows(read, {})

    assert problems(rows) == [(1, "batch_size: is missing")]
    assert any("1 rows give a throughput but no batch size" in note for note in rows.notes)


@pytest.mark.parametrize(
    ("model", "unit", "items", "length"),
    [
        ("gnmt", "tokens/s", 50.0, 28),
        ("tacotron2", "items/s", 566.0, 850),
        ("waveglow", "items/s", 8000.0, 8000),
    ],
)
def test_items_of_training_runs_become_samples(
    read: Read, model: str, unit: str, items: float, length: int
) -> None:
    rows = read_rows(
        read,
        LAMBDA | {"model_name": model, "throughput": 60 * items, "throughput_unit": unit},
    )

    assert column(rows, "throughput_per_s") == [pytest.approx(60.0)]
    assert column(rows, "throughput_unit") == ["samples/s"]
    assert column(rows, "sequence_length") == [length]
    assert column(rows, "batch_size") == [512]


def test_the_batch_of_a_note_is_per_device_but_for_mask_rcnn(read: Read) -> None:
    rows = read_rows(read, LAMBDA | {"model_name": "resnet50"}, LAMBDA | {"model_name": "maskrcnn"})

    assert column(rows, "batch_size") == [512, 128]


def test_early_rates_of_ssd_are_those_of_one_device(read: Read) -> None:
    rows = read_rows(read, LAMBDA | {"model_name": "SSD", "throughput": 250.0})

    assert column(rows, "throughput_per_s") == [1000.0]


def test_containers_run_fp32_products_in_tf32_where_the_device_has_it(read: Read) -> None:
    rows = read_rows(
        read,
        LAMBDA | {"model_name": "gnmt", "hardware_id": "nvidia-a100-sxm-40gb"},
        LAMBDA | {"model_name": "gnmt"},
        LAMBDA | {"model_name": "gnmt", "hardware_id": "nvidia-a100-sxm-40gb",
                  "framework_version": "2.3.0"},
    )  # fmt: skip

    assert column(rows, "precision") == ["tf32", "fp32", "fp32"]
    assert column(rows, "framework_version") == ["1.10.0a0+ecc3718", "1.10.0a0+ecc3718", "2.3.0"]
