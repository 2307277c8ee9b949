"""`--explain`: what people and programs are shown of where a prediction comes from."""

import json

import jsonschema
import pytest

from perfpredict.reports.schema import schema_of

L4 = ("--hardware", "nvidia-l4", "--no-store")
DECODE = ("llama-3.1-8b", "--phase", "decode", "--precision", "fp16", "--framework", "vllm")


def test_json_has_parts_that_add_up_and_the_steps_beside_them(run):
    done = run("perf", "predict", *DECODE, "--batch-size", "1,8", *L4, "--explain", "--json")
    document = json.loads(done.stdout)

    jsonschema.validate(document, schema_of("perf-explain"))
    for one in document["explanations"]:
        parts = [p for p in document["parts"] if p["batch_size"] == one["batch_size"]]
        assert sum(part["latency_ms"] for part in parts) == pytest.approx(one["latency_ms"])
        assert parts[0]["part"] == "step_weights"
        assert one["steps"][-1]["latency_ms"] == pytest.approx(one["latency_ms"])
        assert one["check"].startswith("perfpredict measure record llama-3.1-8b")
        assert one["not_modelled"] and one["neighbours"]["own_of_device"] == 0


def test_people_see_time_steps_memory_and_the_line_that_checks_it(run):
    done = run("perf", "predict", "resnet50", *L4, "--explain")

    for text in ("resnet50 on nvidia-l4, batch 1, fp32, inference", "element-wise operations",
                 "from the data sheet to the prediction", "memory:", "not modelled",
                 "perfpredict measure run resnet50"):  # fmt: skip
        assert text in done.stdout, text
    assert "\x1b" not in done.stdout


def test_csv_has_the_parts_of_all_recommended_devices(run):
    done = run("hardware", "recommend", "resnet18", "--hardware", "nvidia-l4,nvidia-a10",
               "--no-store", "--explain", "--format", "csv")  # fmt: skip

    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.startswith("hardware,batch_size,part,latency_ms,share,bound")
    assert {line.split(",")[0] for line in lines} == {"nvidia-l4", "nvidia-a10"}


def test_a_recommendation_names_the_line_that_narrows_it_and_the_rivals(run):
    ask = ("hardware", "recommend", "bert-base-uncased", "--hardware", "nvidia-l4,nvidia-a10",
           "--no-store")  # fmt: skip
    done = run(*ask, "--batch-size", "4")

    assert "'perfpredict measure run bert-base-uncased --hardware nvidia-" in done.stderr
    assert "--batch-size 4" in done.stderr
    assert "1 other device may be as fast: the intervals overlap" in done.stderr
    assert "perfpredict measure run bert-base-uncased" in run(*ask, "--explain").stdout


def test_a_described_model_is_explained_and_recorded_by_hand(run):
    done = run("perf", "predict", "my-net", "--params", "25e6", "--flops", "8.2e9", *L4,
               "--explain")  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "perfpredict measure record my-net" in done.stdout
