"""How fast matrix units must be fed, from the published rates of devices."""

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.precision import Precision
from perfpredict.domain.rates import arithmetic_rate, convolution_rate, operands_per_vector_flop

DEVICES = DeviceCatalog()


def operands(device: str, precision: Precision, quantization: str | None = None) -> float:
    found = DEVICES.find(device)
    return operands_per_vector_flop(
        found, arithmetic_rate(found, precision, quantization=quantization)
    )


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.AMP_FP16, Precision.FP32])
def test_a_geforce_card_feeds_its_matrix_units_as_its_vector_units(precision):
    assert operands("nvidia-rtx-3090", precision) == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize(
    "precision", [Precision.FP16, Precision.BF16, Precision.TF32, Precision.INT8]
)
def test_formats_of_a_data_centre_card_need_equally_many_bytes(precision):
    # 312 TFLOP/s of 2 bytes, 156 of 4 and 624 of 1 over 19.5 of fp32 (data sheet of the A100)
    assert operands("nvidia-a100-sxm-40gb", precision) == pytest.approx(32.0)


def test_weights_quantised_alone_are_multiplied_as_16_bits():
    assert operands("nvidia-a100-sxm-40gb", Precision.INT4, "gptq") == pytest.approx(32.0)


def test_what_is_computed_as_fp32_takes_4_bytes():
    assert operands("intel-xeon-8380", Precision.FP32) == pytest.approx(4.0)


def test_convolutions_in_fp32_are_fed_as_tf32():
    device = DEVICES.find("nvidia-a100-sxm-40gb")
    rate = arithmetic_rate(device, Precision.FP32)

    found = convolution_rate(device, Precision.FP32, rate)

    assert operands_per_vector_flop(device, found) == pytest.approx(32.0)
    assert operands_per_vector_flop(device, rate) == pytest.approx(4.0)
