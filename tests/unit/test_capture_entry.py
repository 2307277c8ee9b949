"""`perfpredict.from_onnx` and `from_module`: a workload, and the model to predict it from."""

from pathlib import Path

import pytest

import perfpredict
from perfpredict.catalog.models import profile

DATA = Path(__file__).parents[1] / "data"


def test_an_onnx_file_becomes_a_workload_and_a_model() -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")

    workload, model = perfpredict.from_onnx(
        DATA / "tiny_encoder.onnx", batch_size=4, sequence_length=6, precision="fp16"
    )

    assert (workload.model, workload.batch_size, workload.sequence_length) == ("tiny_encoder", 4, 6)
    assert workload.precision is perfpredict.Precision.FP16
    assert (model.parameters, model.architecture) == (984, "captured")
    assert profile(model, workload).parameters == 984


def test_a_module_becomes_a_workload_and_a_model() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())

    workload, model = perfpredict.from_module(
        module, torch.zeros(2, 3, 32, 32), model="two-layers", precision="bf16"
    )

    assert (workload.model, workload.batch_size, workload.image_size) == ("two-layers", 2, 32)
    assert workload.framework == "pytorch"
    ((repeat, one),) = profile(model, workload).passes
    assert (repeat, one.op_count) == (1.0, 2.0)
    assert one.flops == 2 * 30 * 30 * 8 * (2 * 27 + 1)


def test_a_captured_model_answers_in_the_documented_classes() -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    workload, model = perfpredict.from_onnx(DATA / "tiny_cnn.onnx")

    row = perfpredict.HardwareModelPredictor().predict_performance(
        workload.model, hardware="nvidia-l4", facts=perfpredict.ModelFacts(entry=model)
    )

    assert row["model_name"] == "tiny_cnn"
    assert row["predictions"]["nvidia-l4"]["latency"] > 0
