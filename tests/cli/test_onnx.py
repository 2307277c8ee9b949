"""`--onnx FILE` wherever a model is asked for, through the real program."""

import json
import os
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
CNN, ENCODER = str(DATA / "tiny_cnn.onnx"), str(DATA / "tiny_encoder.onnx")


@pytest.fixture
def has_onnx() -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.usefixtures("has_onnx")
def test_an_onnx_file_is_predicted_under_its_own_name(run):
    one, eight = rows(
        run("perf", "predict", "--onnx", CNN, "--hardware", "nvidia-l4", "--batch-size", "1,8",
            "--json")
    )  # fmt: skip

    assert (one["model"], one["batch_size"], eight["batch_size"]) == ("tiny_cnn", 1, 8)
    assert 0 < one["latency_ms"] <= eight["latency_ms"]
    assert len(rows(run("perf", "list", "--json"))) == 2


@pytest.mark.usefixtures("has_onnx")
def test_a_given_name_goes_before_that_of_the_file(run):
    done = run("perf", "predict", "mine", "--onnx", CNN, "--hardware", "nvidia-l4", "--json")

    assert [row["model"] for row in rows(done)] == ["mine"]


@pytest.mark.usefixtures("has_onnx")
def test_open_tokens_are_the_sequence_length_or_the_default_that_is_said(run):
    ask = ("perf", "predict", "--onnx", ENCODER, "--hardware", "nvidia-l4", "--json")

    (asked,) = rows(run(*ask, "--seq-length", "64"))
    left_open = run(*ask)
    (by_name,) = rows(run(*ask, "--dim", "sequence=32"))

    assert asked["seq_length"] == 64
    assert rows(left_open)[0]["seq_length"] == 128
    assert "sequence_length=128 (default)" in left_open.stderr
    assert by_name["seq_length"] == 32


@pytest.mark.usefixtures("has_onnx")
def test_a_measurement_of_an_onnx_file_meets_its_prediction(run):
    shape = ("--onnx", CNN, "--hardware", "nvidia-l4")
    (predicted,) = rows(run("perf", "predict", *shape, "--json"))
    done = run("measure", "record", *shape, "--latency", f"{predicted['latency_ms'] * 1.5}ms")

    assert done.returncode == 0, done.stderr
    (latency,) = rows(run("perf", "analyze", "--metric", "latency", "--json"))
    assert latency["n"] == 1


@pytest.mark.usefixtures("has_onnx")
def test_hardware_is_ranked_for_an_onnx_file(run):
    found = rows(run("hardware", "recommend", "--onnx", CNN, "--hardware", "nvidia-l4", "--json"))

    assert found["primary"]["hardware"] == "nvidia-l4"


@pytest.mark.usefixtures("has_onnx")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--onnx", "absent.onnx"), 2, "cannot read 'absent.onnx'"),
        (("--onnx", CNN, "--image-size", "32"), 2, "it was captured at 16"),
        (("--onnx", CNN, "--dim", "height"), 2, "--dim: want NAME=INT, got 'height'"),
        (("--onnx", CNN, "--dim", "height=0"), 2, "--dim height: must be a whole number"),
        (("--onnx", CNN, "--dim", "height=8"), 2, "no open dimension named 'height'"),
        (("--onnx", CNN, "--params", "1e6", "--flops", "1e9"), 2, "give one of --config"),
        (("resnet50", "--dim", "batch=8"), 2, "--dim binds dimensions of --onnx"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run, arguments, code, said):
    done = run("perf", "predict", *arguments, "--hardware", "nvidia-l4")

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_without_the_extra_the_line_that_installs_it_is_said(run_apart, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['onnx'] = None\n")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(paths)}
    done = run_apart("perf", "predict", "--onnx", CNN, "--hardware", "nvidia-l4", env=env)

    assert (done.returncode, done.stdout) == (3, ""), sys.version
    assert "needs the package 'onnx'" in done.stderr
    assert "pip install 'perfpredict[onnx]'" in done.stderr
