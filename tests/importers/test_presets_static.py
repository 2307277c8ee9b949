"""Benchmarks of fixed batches: optimum-benchmark, timm, hyperfine and MLPerf."""

import pytest

from perfpredict.importers.presets.row import device_name

from .reading import Read, column, problems
from .samples import SAMPLES, sample_bytes

DEFAULTS = {sample.path: sample.defaults for sample in SAMPLES}


def test_optimum_gives_prefill_one_step_and_the_whole(read: Read) -> None:
    rows = read(sample_bytes("optimum-benchmark/benchmark.json"), "benchmark.json")

    assert column(rows, "phase") == ["prefill", "decode", "generate"]
    # 0.63 s are 63 steps after the first of 64 tokens
    assert column(rows, "latency_ms") == pytest.approx([25, 10, 655])
    assert column(rows, "sequence_length") == [None, 160, None]
    assert column(rows, "output_tokens") == [None, None, 64]
    assert column(rows, "memory_bytes") == [3.0e9, 3.1e9, None]
    assert set(column(rows, "device")) == {"nvidia-a100-sxm-80gb"}
    assert set(column(rows, "precision")) == {"fp16"}
    assert set(column(rows, "framework_version")) == {"2.5.1"}
    # its own unit of throughput cannot be trusted
    assert column(rows, "throughput_per_s") == [None, None, None]


def test_what_optimum_wrote_itself_is_read(read: Read) -> None:
    sample = sample_bytes("optimum-benchmark/tiny-gpt2.json")
    rows = read(sample, "benchmark.json", accepts_new_hardware=True)

    assert column(rows, "phase") == ["prefill", "decode", "generate"]
    # the median of 60 decodes of 7 steps is 14.4376 ms
    assert column(rows, "latency_ms") == pytest.approx([1.7435, 14.4376 / 7, 16.2754], rel=1e-4)
    assert column(rows, "runs") == [60, 60, 60]
    assert column(rows, "batch_size") == [2, 2, 2]
    assert column(rows, "sequence_length") == [None, 20, None]
    assert set(column(rows, "device")) == {"Intel Xeon Processor"}
    # resident memory of the whole process is no peak memory of the model
    assert column(rows, "memory_bytes") == [None, None, None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (" Intel(R) Xeon(R) Platinum 8480+", "Intel Xeon Platinum 8480+"),
        ("Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz", "Intel Core i7-9700K"),
        ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090"),
    ],
)
def test_a_devices_name_is_freed_of_marks_and_clock(name: str, expected: str) -> None:
    assert device_name(name) == expected


@pytest.mark.parametrize(("device_map", "expected"), [("null", 1), ('"auto"', 2)])
def test_optimums_device_ids_count_where_the_model_is_shared(
    read: Read, device_map: str, expected: int
) -> None:
    text = sample_bytes("optimum-benchmark/benchmark.json").decode()
    shared = text.replace('"device_ids": "0"', f'"device_ids": "0,1", "device_map": {device_map}')

    assert set(column(read(shared, "b.json"), "device_count")) == {expected}


def test_an_optimum_report_alone_is_read_with_what_the_user_says(read: Read) -> None:
    path = "optimum-benchmark/benchmark_report.json"
    (row,) = read(sample_bytes(path), "r.json", defaults=DEFAULTS[path]).good.to_dicts()

    assert (row["model_name"], row["batch_size"], row["phase"]) == ("bert-base-uncased", 8, None)
    assert (row["latency_ms"], row["runs"]) == (40.0, 25)


def test_timm_keeps_the_machine_in_the_name_of_the_file(read: Read) -> None:
    name = "benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv"
    rows = read(sample_bytes(f"timm/{name}"), name)

    assert column(rows, "model_name") == ["resnet18", "resnet50", "vit_base_patch16_224"]
    assert column(rows, "throughput_per_s") == [25600.0, 5120.0, 2560.0]
    assert column(rows, "latency_ms") == [40.0, 50.0, 100.0]
    assert column(rows, "consistency") == pytest.approx([1, 1, 1])
    assert set(column(rows, "device")) == {"nvidia-rtx-4090"}
    assert set(column(rows, "precision")) == {"amp-fp16"}
    assert set(column(rows, "framework_version")) == {"2.4.0+cu124"}
    assert set(column(rows, "memory_format")) == {"nhwc"}
    assert set(column(rows, "is_compiled")) == {False}


@pytest.mark.parametrize(
    ("name", "version", "is_compiled"),
    [
        ("benchmark-infer-amp-nchw-pt112-cu113-rtx4090.csv", "1.12+cu113", False),
        ("benchmark-infer-amp-nchw-pt210-cu121-rtx4090-dynamo.csv", "2.1.0+cu121", True),
    ],
)
def test_timm_file_names_tell_version_and_compiler(
    read: Read, name: str, version: str, is_compiled: bool
) -> None:
    sample = sample_bytes("timm/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv")
    rows = read(sample, name)

    assert set(column(rows, "framework_version")) == {version}
    assert set(column(rows, "is_compiled")) == {is_compiled}


def test_timm_training_is_a_row_of_its_own_and_a_failed_model_none(read: Read) -> None:
    path = "timm/results.json"
    rows = read(sample_bytes(path), "results.json", defaults=DEFAULTS[path])

    assert column(rows, "mode") == ["inference", "training"]
    assert column(rows, "batch_size") == [256, 128]
    assert column(rows, "latency_ms") == [125.0, 250.0]


def test_a_bad_cell_of_timm_is_named_by_its_line(read: Read) -> None:
    name = "benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv"
    text = sample_bytes(f"timm/{name}").decode().replace("5120.0", "fast")

    assert problems(read(text, name)) == [(3, 'infer_samples_per_sec: not a number (got "fast")')]


def test_hyperfine_times_whole_commands_under_the_parameters_of_a_scan(read: Read) -> None:
    path = "hyperfine/scan.json"
    rows = read(sample_bytes(path), "scan.json", defaults=DEFAULTS[path])

    assert column(rows, "batch_size") == [1, 8]
    assert column(rows, "latency_ms") == pytest.approx([13.2754485, 36.514694])
    assert column(rows, "runs") == [12, 12]
    assert column(rows, "latency_p99_ms") == [None, None]
    assert "start of the program included" in str(column(rows, "environment")[0])


def test_a_command_that_failed_is_no_measurement(read: Read) -> None:
    path = "hyperfine/scan.json"
    text = sample_bytes(path).decode().replace("        0,\n", "        1,\n", 1)
    rows = read(text, "scan.json", defaults=DEFAULTS[path])

    assert problems(rows) == [(3, "exit_codes: 1 runs failed")]


def test_loadgen_counts_nanoseconds(read: Read) -> None:
    path = "mlperf/multi-mlperf_log_summary.txt"
    (row,) = read(sample_bytes(path), "s.txt", defaults=DEFAULTS[path]).good.to_dicts()

    assert (row["batch_size"], row["load"]) == (8, "closed")
    assert row["latency_ms"] == pytest.approx(2.274566)
    assert row["latency_p90_ms"] == pytest.approx(5.688171)
    assert row["latency_p99_ms"] == pytest.approx(5.844788)


def test_loadgens_server_is_an_open_loop(read: Read) -> None:
    path = "mlperf/server-mlperf_log_summary.txt"
    (row,) = read(sample_bytes(path), "s.txt", defaults=DEFAULTS[path]).good.to_dicts()

    assert (row["throughput_per_s"], row["load"]) == (197.08, "open")
    assert row["latency_ms"] == pytest.approx(3.764605)


def test_latency_of_the_offline_scenario_is_not_that_of_a_request(read: Read) -> None:
    sample = sample_bytes("mlperf/offline-mlperf_log_summary.txt")
    defaults = dict(DEFAULTS["mlperf/single-mlperf_log_summary.txt"])

    assert problems(read(sample, "s.txt", defaults=defaults)) == [(2, "batch_size: is missing")]
    (row,) = read(sample, "s.txt", defaults={**defaults, "batch_size": "64"}).good.to_dicts()
    assert row["throughput_per_s"] == pytest.approx(float(_value(sample, "Samples per second")))
    assert row["latency_ms"] is None


def test_an_invalid_run_of_loadgen_is_refused(read: Read) -> None:
    path = "mlperf/single-mlperf_log_summary.txt"
    text = sample_bytes(path).decode().replace("Result is : VALID", "Result is : INVALID")

    assert problems(read(text, "s.txt", defaults=DEFAULTS[path])) == [(2, "Result is: INVALID")]


def test_a_table_of_submissions_gives_each_scenario_its_number(read: Read) -> None:
    rows = read(sample_bytes("mlperf/summary.csv"), "summary.csv", defaults={"batch_size": "256"})

    assert column(rows, "throughput_per_s") == [640000.0, 24000.0, None, None]
    assert column(rows, "throughput_unit")[:2] == ["samples/s", "tokens/s"]
    assert column(rows, "latency_p90_ms") == [None, None, 0.33, None]
    assert column(rows, "latency_p99_ms") == [None, None, None, 0.88]
    assert column(rows, "batch_size") == [256, 256, 1, 8]
    assert column(rows, "device_count") == [8, 8, 1, 1]
    assert column(rows, "load") == ["closed", "open", "closed", "closed"]
    assert column(rows, "output_tokens") == [None, 294, None, None]


def _value(sample: bytes, name: str) -> str:
    lines = (line.partition(":") for line in sample.decode().splitlines())
    return next(value for key, _, value in lines if key.strip() == name)
