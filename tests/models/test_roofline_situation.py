"""What products reach of their peak: less where matrix units outrun what feeds them."""

import numpy as np
import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Workload
from perfpredict.models.efficiency import load_constants
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.roofline_situation import situation

DEVICES = DeviceCatalog()
EXPONENT = load_constants().kinds["gpu"].operand_exponent


def case_of(device: str, precision: Precision, framework: str = "pytorch") -> Case:
    workload = Workload(
        model="bert-large", precision=precision, batch_size=64, sequence_length=384,
        framework=framework,
    )  # fmt: skip
    found = profile(find_model(workload.model), workload)
    return Case(workload=workload, device=DEVICES.find(device), profile=found)


@pytest.mark.parametrize(
    ("device", "precision", "outrun"),
    [
        ("nvidia-rtx-3090", Precision.FP16, 1.0),
        ("nvidia-a100-sxm-40gb", Precision.FP16, 8.0),
        ("nvidia-a100-sxm-40gb", Precision.FP32, 1.0),
        ("amd-mi300x", Precision.FP16, 1.0),
        ("intel-xeon-8380", Precision.INT8, 1.0),
    ],
)
def test_the_share_falls_with_how_far_the_units_outrun_it(device, precision, outrun):
    found = situation(case_of(device, precision), load_constants())

    assert found.matrix_share == pytest.approx(outrun**-EXPONENT, rel=0.01)


def test_only_products_take_longer_for_it():
    case = case_of("nvidia-a100-sxm-40gb", Precision.FP16)
    share = situation(case, load_constants()).matrix_share
    breakdown = RooflinePredictor().breakdown([case])
    slower = breakdown.compute_s[0] / np.maximum(breakdown.class_peak_s[0], 1e-30)
    reached = load_constants().kinds["gpu"].compute
    names = {"linear": share, "softmax": 1.0, "elementwise": 1.0}
    from perfpredict.models.op_arrays import CLASS_CODES

    for op_class, code in CLASS_CODES.items():
        if op_class.value in names and breakdown.class_peak_s[0][code] > 0:
            expected = 1.0 / (reached[op_class.value] * names[op_class.value])
            assert slower[code] == pytest.approx(expected, rel=1e-6)
