"""Benchmarks of fixed batches: optimum-benchmark, timm, hyperfine and MLPerf."""

import pytest

from .reading import Read, column
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


def test_an_optimum_report_alone_is_read_with_what_the_user_says(read: Read) -> None:
    path = "optimum-benchmark/benchmark_report.json"
    (row,) = read(sample_bytes(path), "r.json", defaults=DEFAULTS[path]).good.to_dicts()

    assert (row["model_name"], row["batch_size"], row["phase"]) == ("bert-base-uncased", 8, None)
    assert (row["latency_ms"], row["runs"]) == (40.0, 25)
