"""Schemes of quantised weights decide the precision, and how much of them is read."""

from dataclasses import replace

import pytest

from perfpredict.domain.precision import Precision
from perfpredict.domain.quantization import GGUF_BITS, bytes_per_weight, precision_of_scheme
from perfpredict.domain.workload import Phase, Workload
from perfpredict.services.opening import load_engine


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.FP16, Precision.BF16])
@pytest.mark.parametrize(
    ("scheme", "stored"),
    [("q4_0", Precision.INT4), ("q8_0", Precision.INT8), ("q6_k", Precision.INT4),
     ("awq", Precision.INT4), ("gptq", Precision.INT4), ("fp8", Precision.FP8)],
)  # fmt: skip
def test_beside_a_scheme_of_known_width_a_wide_precision_is_the_arithmetic(
    precision: Precision, scheme: str, stored: Precision
) -> None:
    workload = Workload(model="llama-2-7b", precision=precision, quantization=scheme)

    assert workload.precision is stored
    assert replace(workload, batch_size=2).precision is stored
    assert workload.key == Workload(model="llama-2-7b", precision=stored, quantization=scheme).key


@pytest.mark.parametrize("scheme", ["bnb", "somebody-elses"])
def test_a_scheme_of_no_one_width_leaves_the_precision_as_it_is(scheme: str) -> None:
    assert precision_of_scheme(scheme) is None
    workload = Workload(model="gpt2", precision=Precision.FP16, quantization=scheme)
    assert workload.precision is Precision.FP16


def test_a_stated_width_is_kept() -> None:
    workload = Workload(model="gpt2", precision=Precision.INT8, quantization="gptq")

    assert workload.precision is Precision.INT8


def test_every_file_format_of_llama_cpp_stores_about_its_nominal_width() -> None:
    for scheme, bits in GGUF_BITS.items():
        nominal = int(next(letter for letter in scheme if letter.isdigit()))
        assert nominal <= bits <= nominal + 1.3001, scheme
        assert bytes_per_weight(Precision.INT4, scheme) == bits / 8


def test_decoding_of_wider_weights_is_slower_by_about_what_more_is_read() -> None:
    engine = load_engine(None, predictor="reference", is_calibrated=False)
    (device,) = engine.resolve_devices(["nvidia-rtx-4090"])

    def latency_ms(scheme: str) -> float:
        workload = Workload(
            model="llama-2-7b", quantization=scheme, framework="llama.cpp", phase=Phase.DECODE
        )
        (answer,) = engine.predict(workload, [device])
        assert answer.latency_ms is not None
        return answer.latency_ms.value

    times = [latency_ms(scheme) for scheme in ("q4_0", "q5_k_m", "q6_k", "q8_0")]
    assert times == sorted(times)
    assert 1.3 < times[-1] / times[0] < 2.0
