"""PyTorch models that are really built and run; skipped where the libraries are not installed."""

import importlib.util
from dataclasses import replace

import pytest

from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Phase
from perfpredict.measuring.outcome import Completed, DidNotFit, Failed
from perfpredict.measuring.process import measure
from perfpredict.measuring.request import Backend, Place, RunRequest, Shape, Source
from perfpredict.measuring.timing import Limits

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

MIB = 2**20
BERT = {
    "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 128, "vocab_size": 1000,
}  # fmt: skip
GPT = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 2, "vocab_size": 1000}
VIT = {
    "model_type": "vit", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 128, "architectures": ["ViTForImageClassification"], "num_labels": 7,
}  # fmt: skip


def asked(config, shape, **changes):
    request = RunRequest(
        backend=Backend.TORCH,
        target="tiny",
        model="tiny",
        shape=shape,
        threads=1,
        source=Source.TRANSFORMERS,
        config=config,
        limits=Limits(warmup_runs=2, runs=5),
    )
    return replace(request, **changes)


def completed(request):
    found = measure(request)
    assert isinstance(found, Completed), found
    assert len(found.sampled.times_ms) == 5
    return found


TEXT = Shape(batch_size=2, sequence_length=16)


@pytest.mark.parametrize(
    "precision", [Precision.FP32, Precision.BF16, Precision.AMP_BF16, Precision.INT8]
)
def test_an_encoder_runs_in_every_precision_of_a_cpu(precision):
    found = completed(asked(BERT, TEXT, precision=precision))

    assert found.facts["threads"] == 1
    assert found.sampled.cold_ms > 0


def test_weights_are_those_of_the_configuration():
    # embeddings 1000 + 512 + 2 rows of 64, a norm; 2 layers of 33,472; a pooler of 64² + 64
    expected = (1000 + 512 + 2) * 64 + 128 + 2 * 33_472 + 64 * 64 + 64

    assert completed(asked(BERT, TEXT)).facts["parameters"] == expected


@pytest.mark.parametrize(
    "shape",
    [
        Shape(batch_size=2, input_tokens=16, phase=Phase.PREFILL),
        Shape(batch_size=2, sequence_length=16, phase=Phase.DECODE),
        Shape(batch_size=2, input_tokens=8, output_tokens=4, phase=Phase.GENERATE),
    ],
)
def test_text_generation_runs_in_every_phase(shape):
    completed(asked(GPT, shape))


def test_an_image_classifier_runs_from_its_configuration():
    completed(asked(VIT, Shape(batch_size=1, image_size=224)))


def test_timm_models_run_at_other_sizes_than_their_own():
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    shape = Shape(batch_size=1, image_size=64)
    network = asked(None, shape, source=Source.TIMM, target="resnet18", channels_last=True)
    unknown = measure(replace(network, target="no_such_net"))

    assert completed(network).facts["parameters"] == 11_689_512
    assert isinstance(unknown, Failed)
    assert unknown.kind == "CannotAnswerError"


def test_a_compiled_model_keeps_its_compilation_out_of_the_times():
    found = measure(asked(BERT, TEXT, is_compiled=True))
    if isinstance(found, Failed) and "compil" in found.message.casefold():
        pytest.skip(f"nothing compiles here: {found.message}")

    assert found.sampled.cold_ms > 10 * max(found.sampled.times_ms)


def test_peak_memory_is_that_of_the_weights_and_more():
    large = {**BERT, "vocab_size": 400_000}
    found = completed(asked(large, TEXT))

    assert 97 * MIB < found.memory.used_bytes < 150 * MIB


def test_a_model_beyond_the_limit_does_not_fit():
    large = {**BERT, "vocab_size": 8_000_000}
    found = measure(asked(large, TEXT, memory_limit_bytes=600 * MIB))

    assert isinstance(found, DidNotFit)


def test_a_device_that_torch_does_not_reach_is_named():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    found = measure(asked(BERT, TEXT, place=Place.CUDA))

    assert isinstance(found, Failed)
    assert "reaches no CUDA device" in found.message


def test_a_model_runs_on_a_cuda_device():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    found = completed(asked(BERT, TEXT, place=Place.CUDA, precision=Precision.FP16))

    assert found.memory.allocated_bytes <= found.memory.reserved_bytes
    assert found.facts["gpu"]
