"""`perf evaluate --protocol` and `models evaluate --protocol` through the real program."""

import json
from pathlib import Path

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Workload
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

from .conftest import Run

FACTORS = {"nvidia-l4": 1.0, "nvidia-t4": 2.0, "nvidia-a10": 1.3}
MODELS = (
    "resnet18", "resnet50", "vit_base_patch16_224", "mobilenetv2_100", "densenet121",
    "convnext_tiny", "regnetx_032", "vgg16",
)  # fmt: skip
BOTH_BASELINES = ["--variant", "roofline-constant,roofline-sum"]


@pytest.fixture
def bench(tmp_path: Path) -> str:
    """Return a file of latencies that are the roofline's times a factor a device."""
    lines = ["model,hardware,batch_size,precision,latency_ms,measured_at"]
    for day, (name, factor) in enumerate(FACTORS.items(), start=1):
        for model_name in MODELS:
            for batch_size in (1, 2, 4, 8, 16):
                latency_ms = factor * roofline_ms(model_name, name, batch_size)
                lines.append(
                    f"{model_name},{name},{batch_size},fp16,{latency_ms!r},2026-01-0{day}T00:00:00Z"
                )
    lines.append("nobody-knows-it,nvidia-l4,1,fp16,5,2026-01-01T00:00:00Z")
    path = tmp_path / "bench.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def roofline_ms(model_name: str, device_name: str, batch_size: int) -> float:
    model = find_model(model_name)
    workload = Workload(
        model=model.name, batch_size=batch_size, image_size=model.image_size,
        precision=Precision.FP16, framework="pytorch",
    )  # fmt: skip
    device = DeviceCatalog().find(device_name)
    case = Case(workload=workload, device=device, profile=profile(model, workload))
    return RooflinePredictor().predict([case], 0.9)[0].latency_ms.value


def rows_of(stdout: str, **values: object) -> list[dict[str, object]]:
    rows = json.loads(stdout)
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def test_each_variant_is_scored_on_devices_that_were_left_out(run: Run, bench: str) -> None:
    done = run("perf", "evaluate", bench, "--protocol", "unseen-device", *BOTH_BASELINES, "--json")

    assert done.returncode == 0
    whole = rows_of(done.stdout, slice="all")
    assert [row["variant"] for row in whole] == ["roofline-constant", "roofline-sum"]
    assert {row["rows"] for row in whole} == {120}
    roofline = whole[1]
    assert roofline["group_median_ape"] == pytest.approx(0.3 / 1.3)
    assert roofline["bias_factor"] == pytest.approx((2 * 1.3) ** (-1 / 3))
    assert roofline["ranked_sets"] == len(MODELS)
    assert {row["slice"] for row in json.loads(done.stdout)} == {
        "all", "batch stated", "vision inference", "vision inference, GPU",
    }  # fmt: skip
    assert "not scored: unknown model 1" in done.stderr
    assert "may have seen published rows" in done.stderr


def test_rows_of_the_new_device_mend_its_level(run: Run, bench: str) -> None:
    done = run(
        "perf", "evaluate", bench, "--protocol", "few-shot", "--shots", "1,10",
        "--variant", "roofline-sum", "--json",
    )  # fmt: skip

    one, ten = rows_of(done.stdout, slice="all")
    assert (one["shots"], one["rows"], ten["shots"], ten["rows"]) == (1, 117, 10, 90)
    assert 1.3 > one["geo_error_factor"] > ten["geo_error_factor"]  # type: ignore[operator]


def test_details_have_one_row_a_held_out_group(run: Run, bench: str) -> None:
    done = run(
        "perf", "evaluate", bench, "--protocol", "unseen-device", "--variant", "roofline-sum",
        "--details", "--json",
    )  # fmt: skip

    errors = {str(row["group"]): row["median_ape"] for row in rows_of(done.stdout, slice="all")}
    assert errors == {name: pytest.approx(abs(1 / factor - 1)) for name, factor in FACTORS.items()}


def test_all_results_go_to_a_file_and_are_the_same_again(
    run: Run, bench: str, tmp_path: Path
) -> None:
    call = ["perf", "evaluate", bench, "--protocol", "all", "--variant", "lightgbm-totals"]

    first = run(*call, "-o", "one.json", "--json", "--folds", "2", "--shots", "3")
    second = run(*call, "-o", "two.json", "--json", "--folds", "2", "--shots", "3")

    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    one, two = ((tmp_path / "work" / f"{name}.json").read_text() for name in ("one", "two"))
    assert one == two
    document = json.loads(one)
    assert document["format"] == "perfpredict protocols 1"
    assert [result["protocol"] for result in document["results"]] == [
        "unseen-model", "unseen-architecture", "unseen-device", "few-shot", "both", "by-date",
    ]  # fmt: skip
    refused = run(*call, "-o", "one.json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "exists already" in refused.stderr


def test_nothing_moves_on_standard_error_in_a_pipe(run: Run, bench: str) -> None:
    done = run("perf", "evaluate", bench, "--protocol", "random", "--variant", "roofline-sum")

    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--protocol", "unseen-modle"], 2, "did you mean unseen-model"),
        (["--protocol", "both", "--variant", "lerned"], 2, "did you mean learned"),
        (["--protocol", "both", "--by", "device"], 2, "--details"),
        (["--protocol", "both", "--calibrate", "3"], 2, "few-shot"),
        (["--protocol", "both", "--predictor", "roofline"], 2, "--variant"),
        (["--protocol", "both", "--metric", "memory"], 2, "--metric"),
        (["--protocol", "both", "--folds", "1"], 2, "--folds"),
        (["--protocol", "few-shot", "--shots", "0"], 2, "--shots"),
        (["--details"], 2, "needs --protocol"),
        (["--variant", "learned"], 2, "needs --protocol"),
        (["--protocol", "unseen-device", "--device", "nvidia-l4"], 3, "no device can be left out"),
        (["--protocol", "all", "--model", "nothing*"], 3, "no row is left to score"),
    ],
)
def test_a_wrong_call_prints_nothing_on_standard_output(
    run: Run, bench: str, arguments: list[str], code: int, told: str
) -> None:
    done = run("perf", "evaluate", bench, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_stored_measurements_are_held_out_in_the_same_way(run: Run, bench: str) -> None:
    assert run("measure", "import", bench).returncode == 0

    done = run(
        "models", "evaluate", "--protocol", "unseen-device", "--variant", "roofline-sum", "--json"
    )
    named = run("models", "evaluate", "roofline", "--protocol", "unseen-device")
    neither = run("models", "evaluate")

    assert done.returncode == 0
    (whole,) = rows_of(done.stdout, slice="all")
    assert whole["rows"] == 120
    assert whole["group_median_ape"] == pytest.approx(0.3 / 1.3)
    assert (named.returncode, neither.returncode) == (2, 2)
    assert "--protocol" in neither.stderr
