"""`perfpredict perf evaluate` through the real program: no database, honest counts."""

import json
from pathlib import Path

import pytest

from .conftest import Run

DATA = Path(__file__).parent.parent / "data"
BENCH = [str(DATA / "bench.csv"), "--map", "tps=throughput,when=measured_at,lat_s=latency_s"]
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "measurements.parquet"

KEYS = {
    "group", "metric", "rows", "answered", "unanswered", "unanswered_by_reason", "median_ape",
    "mape", "within_10", "within_20", "geo_error_factor", "bias_factor", "spearman", "coverage",
    "coverage_lo", "coverage_hi", "median_interval_ratio", "level", "predictor",
}  # fmt: skip


def groups(stdout: str) -> dict[str, dict[str, object]]:
    return {row["group"]: row for row in json.loads(stdout)}


def test_a_file_is_scored_without_a_database(run: Run) -> None:
    done = run("perf", "evaluate", *BENCH, "--by", "device", "--json")

    assert done.returncode == 0
    found = groups(done.stdout)
    assert next(iter(found)) == "all"
    assert set(found) == {"all", "nvidia-l4", "nvidia-t4"}
    assert set(found["all"]) == KEYS | {"device"}
    assert found["all"]["rows"] == found["all"]["answered"] == 4
    assert run("measure", "list").returncode == 3


def test_the_score_is_that_of_the_predictions_themselves(run: Run) -> None:
    row = ["resnet50", "--hardware", "nvidia-l4", "--batch-size", "8", "--precision", "fp16"]
    predicted = json.loads(
        run("perf", "predict", *row, "--framework", "pytorch", "--no-store", "--json").stdout
    )[0]["latency_ms"]

    done = run(
        "perf", "evaluate", *BENCH, "--only", "batch_size=8", "--device", "nvidia-l4", "--json"
    )

    found = groups(done.stdout)["all"]
    assert found["median_ape"] == pytest.approx(abs(predicted - 6.61) / 6.61)
    assert found["bias_factor"] == pytest.approx(predicted / 6.61)


def test_throughput_and_latency_have_the_same_error_factor(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "work" / "closed.csv"
    path.write_text(
        "model,hardware,batch_size,precision,latency_ms\n"
        "resnet50,nvidia-l4,8,fp16,6.6\nresnet18,nvidia-t4,4,fp32,3\n"
    )

    factors = [
        groups(run("perf", "evaluate", "closed.csv", "--metric", metric, "--json").stdout)["all"]
        for metric in ("latency", "throughput")
    ]

    assert factors[0]["geo_error_factor"] == pytest.approx(factors[1]["geo_error_factor"])
    assert factors[0]["bias_factor"] == pytest.approx(1 / factors[1]["bias_factor"])  # type: ignore[operator]


def test_what_cannot_be_answered_is_counted_by_its_reason(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "work" / "some.csv"
    path.write_text(
        "model,hardware,batch_size,precision,latency_ms,memory_mib\n"
        "resnet50,nvidia-l4,8,fp16,6.6,\n"
        "resnet50,nvidia-l4,,fp16,6.6,\n"
        "resnet50,nvidia-l4,8,unstated,6.6,\n"
        "my-own-net,nvidia-l4,8,fp16,6.6,\n"
        "resnet50,h10,8,fp16,6.6,\n"
        "resnet50,nvidia-l4,8,fp16,,900\n"
        "llama-2-70b,nvidia-l4,1,fp16,9,\n"
    )

    found = groups(run("perf", "evaluate", "some.csv", "--json").stdout)["all"]

    assert (found["rows"], found["answered"], found["unanswered"]) == (7, 1, 6)
    assert found["unanswered_by_reason"] == {
        "batch_size is missing": 1,
        "precision is not stated": 1,
        "unknown model": 1,
        "hardware: no device named": 1,
        "no latency in the row": 1,
        "does not fit": 1,
    }


def test_a_throughput_without_a_batch_is_scored_where_it_saturates(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "work" / "offline.csv"
    path.write_text(
        "model,hardware,batch_size,precision,framework,devices,throughput\n"
        "resnet50,nvidia-a100-sxm-80gb,,int8,tensorrt,1,20000\n"
        "resnet50,nvidia-a100-sxm-80gb,,int8,tensorrt,8,160000\n"
    )

    done = run("perf", "evaluate", "offline.csv", "--json")

    found = groups(done.stdout)["all"]
    assert found["answered"] == 2
    assert found["mape"] == pytest.approx(found["median_ape"])
    assert "2 rows give a throughput but no batch size" in done.stderr
    assert run("measure", "import", "offline.csv").returncode == 2


def test_given_rows_are_not_scored_and_the_choice_is_repeatable(run: Run) -> None:
    first, second = (
        run("perf", "evaluate", *BENCH, "--calibrate", "1", "--seed", "7", "--json")
        for _ in range(2)
    )

    assert first.stdout == second.stdout
    assert groups(first.stdout)["all"]["rows"] == 2
    assert "2 rows were given to the predictor and are not scored" in first.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--by", "devise"], 2, "did you mean device"),
        (["--metric", "speed"], 2, "--metric"),
        (["--device", "cdua"], 2, "did you mean 'cuda'?"),
        (["--model", "nothing*"], 3, "no row is left to score"),
        (["--metric", "memory", "--calibrate", "1"], 2, "--calibrate"),
    ],
)
def test_a_wrong_call_prints_nothing_on_standard_output(
    run: Run, arguments: list[str], code: int, told: str
) -> None:
    done = run("perf", "evaluate", *BENCH, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published measurements are not here")
def test_published_rows_are_understood_and_suspect_ones_left_out(run: Run) -> None:
    done = run(
        "perf", "evaluate", str(PUBLISHED), "--only", "hardware_id=nvidia-a10g", "--json",
        "--by", "phase", "--by", "precision",
    )  # fmt: skip

    found = groups(done.stdout)
    assert "suspect rows are left out" in done.stderr
    assert found["all"]["answered"] / found["all"]["rows"] > 0.95  # type: ignore[operator]
    assert {"prefill / fp16", "decode / int4"} <= set(found)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published measurements are not here")
def test_nearly_all_benchmark_submissions_are_answered_and_understood(run: Run) -> None:
    done = run(
        "perf", "evaluate", str(PUBLISHED), "--only", "source=mlperf-inference-v5.1", "--json"
    )

    found = groups(done.stdout)["all"]
    assert found["answered"] / found["rows"] > 0.9  # type: ignore[operator]
    assert found["median_ape"] < 0.5  # type: ignore[operator]
