"""Serving benchmarks: what counts as the batch, which tokens are counted, and whose time it is."""

from datetime import UTC, datetime

import pytest

from .reading import Read, column
from .samples import SAMPLES, sample_bytes

DEFAULTS = {sample.path: sample.defaults for sample in SAMPLES}


def test_a_vllm_run_under_load_is_one_row_of_output_tokens(read: Read) -> None:
    rows = read(sample_bytes("vllm/serve.json"), "serve.json", defaults=DEFAULTS["vllm/serve.json"])

    (row,) = rows.good.to_dicts()
    assert (row["model_name"], row["device"]) == ("llama-3.1-8b", "nvidia-h100-sxm")
    assert (row["phase"], row["input_tokens"], row["output_tokens"]) == ("generate", 256, 128)
    assert (row["batch_size"], row["concurrency"], row["load"]) == (32, 1, "closed")
    assert (row["throughput_per_s"], row["throughput_unit"]) == (2560.0, "tokens/s")
    assert row["latency_ms"] == 1600.0
    assert row["latency_p99_ms"] == pytest.approx(2080.0)
    assert row["runs"] == 320
    assert row["consistency"] == pytest.approx(1)
    assert '"median_ttft_ms": 80.0' in row["environment"]


def test_a_lone_request_also_gives_prefill_and_decode(read: Read) -> None:
    rows = read(sample_bytes("vllm/serve-appended.json"))

    assert column(rows, "phase") == ["generate", "prefill", "decode", "generate"]
    assert column(rows, "latency_ms") == [1250.0, 25.0, 9.6, None]
    assert column(rows, "sequence_length") == [None, None, 320, None]
    assert column(rows, "throughput_per_s") == [102.4, None, None, 512.0]
    assert set(column(rows, "device_count")) == {2}
    assert set(column(rows, "framework_version")) == {"0.11.0"}


def test_an_open_loop_has_the_batch_that_is_in_flight_on_average(read: Read) -> None:
    rows = read(sample_bytes("vllm/serve-appended.json"))

    last = rows.good.to_dicts()[-1]
    # 4 requests/s that take 40.8 ms and 127 steps of 11.22 ms
    assert (last["batch_size"], last["load"]) == (round(4.0 * (0.0408 + 127 * 0.01122)), "open")
    assert "requests in flight" in last["note"]


def test_vllm_latency_is_in_seconds_for_the_whole_batch(read: Read) -> None:
    rows = read(
        sample_bytes("vllm/latency.json"), "latency.json", defaults=DEFAULTS["vllm/latency.json"]
    )

    (row,) = rows.good.to_dicts()
    assert row["latency_ms"] == pytest.approx(1045)
    assert row["latency_p90_ms"] == pytest.approx(1081)
    assert (row["batch_size"], row["runs"], row["phase"]) == (8, 10, "generate")


def test_vllm_throughput_counts_requests_since_its_tokens_include_the_prompts(read: Read) -> None:
    rows = read(
        sample_bytes("vllm/throughput.json"), "t.json", defaults=DEFAULTS["vllm/throughput.json"]
    )

    (row,) = rows.good.to_dicts()
    assert (row["throughput_per_s"], row["throughput_unit"]) == (20.0, "samples/s")
    assert '"tokens_per_second_with_prompts": 7680.0' in row["environment"]


def test_the_date_of_a_vllm_run_is_local_time(read: Read) -> None:
    rows = read(sample_bytes("vllm/serve-appended.json"))

    local = datetime(2026, 11, 3, 15).astimezone(UTC)
    assert column(rows, "measured_at")[0] == local
    assert "4 times without an offset are taken as local time" in rows.notes
