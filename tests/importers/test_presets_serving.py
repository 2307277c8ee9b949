"""Serving benchmarks: what counts as the batch, which tokens are counted, and whose time it is."""

import json
from datetime import UTC, datetime

import pytest

from perfpredict.errors import InvalidInputError

from .reading import Read, column, problems
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


def test_an_sglang_run_says_what_its_server_says(read: Read) -> None:
    rows = read(sample_bytes("sglang/results.jsonl"), defaults=DEFAULTS["sglang/results.jsonl"])

    assert column(rows, "phase") == ["generate", "prefill", "decode", "generate"]
    assert column(rows, "batch_size") == [1, 1, 1, 16]
    assert column(rows, "latency_ms") == [500.0, 20.0, 7.5, 800.0]
    assert column(rows, "throughput_per_s") == [128.0, None, None, 1280.0]
    assert set(column(rows, "model_name")) == {"qwen2.5-7b"}
    assert set(column(rows, "precision")) == {"bf16"}
    assert set(column(rows, "framework")) == {"sglang"}


def test_guidellm_mixes_seconds_and_milliseconds(read: Read) -> None:
    path = "guidellm/benchmarks.json"
    rows = read(sample_bytes(path), "benchmarks.json", defaults=DEFAULTS[path])

    assert column(rows, "phase") == ["generate", "prefill", "decode", "generate", "generate"]
    assert column(rows, "latency_ms") == [1000.0, 30.0, 7.625, 1600.0, 1250.0]
    assert column(rows, "throughput_per_s") == [128.0, None, None, 1280.0, 640.0]
    assert column(rows, "batch_size") == [1, 1, 1, 16, 6]
    assert column(rows, "load") == ["closed"] * 4 + ["open"]
    assert column(rows, "runs") == [100] * 5


def test_a_guidellm_benchmark_without_success_is_named_by_its_line(read: Read) -> None:
    path = "guidellm/benchmarks.json"
    text = sample_bytes(path).decode()
    start = text.index('"type_": "concurrent"')
    place = text.index('"count": 100', text.index('"request_latency"', start))
    broken = text[:place] + '"count": 0' + text[place + len('"count": 100') :]

    rows = read(broken, "benchmarks.json", defaults=DEFAULTS[path])

    ((line, problem),) = problems(rows)
    assert broken.splitlines()[line - 1].strip() == "{"
    assert problem == "request_latency: no request was successful"
    assert rows.good.height == 4


def test_aiperf_names_the_gpu_that_its_telemetry_saw(read: Read) -> None:
    path = "aiperf/profile_export_aiperf.json"
    (row,) = read(sample_bytes(path), "p.json", defaults=DEFAULTS[path]).good.to_dicts()

    assert row["device"] == "nvidia-h100-sxm"
    assert (row["batch_size"], row["load"], row["runs"]) == (16, "closed", 300)
    assert (row["latency_ms"], row["throughput_per_s"]) == (1600.0, 1280.0)
    assert row["measured_at"] == datetime(2026, 11, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ('"is_complete": true', '"is_complete": false', "the run did not end by itself"),
        ('"unit": "requests/sec"', '"unit": "requests"', "unit 'requests' is not known"),
    ],
)
def test_an_aiperf_profile_that_cannot_be_used_is_refused(
    read: Read, was: str, becomes: str, problem: str
) -> None:
    path = "aiperf/profile_export_aiperf.json"
    text = sample_bytes(path).decode().replace(was, becomes)
    open_loop = text.replace('"concurrency": 16', '"request_rate": 16')

    rows = read(open_loop, "p.json", defaults=DEFAULTS[path])

    assert problem in problems(rows)[0][1]


def test_genai_perf_is_told_apart_and_read_alike(read: Read) -> None:
    path = "genai-perf/profile_export_genai_perf.json"
    rows = read(sample_bytes(path), "p.json", defaults=DEFAULTS[path])

    assert column(rows, "phase") == ["generate", "prefill", "decode"]
    assert column(rows, "latency_ms") == [1000.0, 30.0, 7.6]
    assert '"tool": "genai-perf"' in str(column(rows, "environment")[0])


def test_an_llm_d_report_names_engine_devices_and_units(read: Read) -> None:
    rows = read(sample_bytes("llm-d/reports.json"), "reports.json")

    assert column(rows, "phase") == ["generate", "generate", "prefill", "decode"]
    assert column(rows, "batch_size") == [16, 1, 1, 1]
    assert column(rows, "latency_ms") == pytest.approx([1280, 800, 20, 6.125])
    assert column(rows, "throughput_per_s") == [1600.0, 160.0, None, None]
    assert set(column(rows, "device")) == {"nvidia-h100-sxm"}
    assert set(column(rows, "device_count")) == {2}
    assert set(column(rows, "precision")) == {"bf16"}
    assert column(rows, "measured_at")[0] == datetime(2026, 11, 6, 8, tzinfo=UTC)


def test_an_llm_d_report_of_several_replicas_is_refused(read: Read) -> None:
    text = sample_bytes("llm-d/reports.json").decode().replace('"replicas": 1', '"replicas": 2', 1)

    assert problems(read(text, "r.json")) == [(2, "replicas: 2 engines share the requests")]


def test_an_llm_d_report_in_yaml_is_named_with_what_to_do(read: Read) -> None:
    text = "version: '0.2'\nscenario:\n  stack: []\nresults:\n  request_performance: {}\n"

    with pytest.raises(InvalidInputError, match="in YAML") as caught:
        read(text, "report.yaml")

    assert "safe_load" in str(caught.value.hint)


def test_guidellm_names_its_model_in_the_specification_or_the_benchmark(read: Read) -> None:
    path = "guidellm/benchmarks.json"
    report = json.loads(sample_bytes(path))
    report["config"] = {"spec": {"backend": {"kind": "openai_http", "model": "llama-2-7b"}}}
    report["benchmarks"][2]["config"]["backend"] = {"model": "gpt2"}

    rows = read(json.dumps(report), "b.json", defaults=DEFAULTS[path])

    assert column(rows, "model_name") == ["llama-2-7b"] * 4 + ["gpt2"]


def test_newer_aiperf_profiles_list_models_and_phases(read: Read) -> None:
    path = "aiperf/profile_export_aiperf.json"
    profile = json.loads(sample_bytes(path))
    warmup = {"name": "warmup", "kind": "warmup", "type": "concurrency", "concurrency": 2}
    profiling = {"name": "profiling", "type": "concurrency", "concurrency": 16}
    profile["input_config"] = {
        "models": {"items": [{"name": "llama-2-7b"}]},
        "phases": [warmup, profiling],
    }

    (row,) = read(json.dumps(profile), "p.json", defaults=DEFAULTS[path]).good.to_dicts()

    assert (row["model_name"], row["batch_size"], row["load"]) == ("llama-2-7b", 16, "closed")


@pytest.mark.parametrize(
    ("backend", "framework"),
    [("sglang-oai-chat", "sglang"), ("vllm-chat", "vllm"), ("trt", "tensorrt-llm")],
)
def test_sglangs_client_names_the_server_that_it_drives(
    read: Read, backend: str, framework: str
) -> None:
    path = "sglang/results.jsonl"
    text = sample_bytes(path).decode().replace('"backend": "sglang"', f'"backend": "{backend}"')

    assert set(column(read(text, "r.jsonl", defaults=DEFAULTS[path]), "framework")) == {framework}


def test_an_llm_d_report_of_version_0_1_is_read_as_an_open_loop(read: Read) -> None:
    newer = json.loads(sample_bytes("llm-d/reports.json"))[0]
    aggregate = newer["results"]["request_performance"]["aggregate"]
    report = {
        "version": "0.1",
        "scenario": {
            "model": {"name": "llama-2-7b"},
            "host": {"accelerator": [{"model": "H100", "count": 1}], "type": ["replica"]},
            "platform": {"engine": [{"name": "vllm", "version": "0.9.0", "args": {}}]},
            "load": {"name": "vllm-benchmark"},
        },
        "metrics": {
            "time": {"duration": 50.0, "start": 1793700000.0},
            "requests": aggregate["requests"],
            "latency": aggregate["latency"],
            "throughput": {"output_tokens_per_sec": 1600.0, "total_tokens_per_sec": 4800.0,
                           "requests_per_sec": 12.5},
        },
    }  # fmt: skip

    (row,) = read(json.dumps(report), "r.json", defaults={"precision": "bf16"}).good.to_dicts()

    assert (row["model_name"], row["device"], row["load"]) == (
        "llama-2-7b", "nvidia-h100-sxm", "open",
    )  # fmt: skip
    assert (row["throughput_per_s"], row["framework_version"]) == (1600.0, "0.9.0")
    # 12.5 requests/s of 1.3056 s in the mean
    assert (row["batch_size"], row["latency_ms"]) == (16, pytest.approx(1280))
