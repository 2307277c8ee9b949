"""The vision catalog against the counts that timm publishes beside its benchmarks."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
MEASUREMENTS = ROOT.parent / "shared" / "data" / "measurements.parquet"
pytestmark = pytest.mark.skipif(
    not MEASUREMENTS.exists(), reason="no published measurements beside the clone"
)
SAMPLE = (
    "beit_base_patch16_224", "deit_small_patch16_224", "efficientnet_b0", "ghostnet_100",
    "mobilenetv2_100", "regnety_016", "repvgg_a0", "resnet18", "resnet50", "resnext50_32x4d",
    "vgg16", "vit_base_patch16_224",
)  # fmt: skip


@pytest.fixture(scope="module")
def counting() -> Iterator[ModuleType]:
    """Load the script that compares them, which needs no installed copy of itself."""
    path = ROOT / "scripts" / "check_vision_counts.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


@pytest.fixture(scope="module")
def published(counting: ModuleType) -> list:
    return counting.published_counts(MEASUREMENTS)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_well_known_model_agrees_in_all_three_counts(
    counting: ModuleType, published: list, name: str
) -> None:
    sizes = [each for each in published if each.model == name]

    assert sizes
    for one in sizes:
        macs = counting.gmacs_of(one.profile)
        norms = counting.norm_gmacs(one.profile)
        assert counting.agrees(one.profile.parameters / 1e6, one.parameters_m)
        assert counting.agrees(macs, one.gmacs) or counting.agrees(macs + norms, one.gmacs)
        assert counting.agrees_in_macts(one)


def test_nearly_all_models_agree(counting: ModuleType, published: list) -> None:
    found = {quantity: (n, total) for quantity, n, total in counting.agreement(published)}

    parameters, total = found["parameters"]
    assert total - parameters == 2  # ecaresnext50t_32x4d and regnety_2560, since redefined
    shares = {quantity: agreeing / total for quantity, (agreeing, total) in found.items()}
    assert shares["multiply-adds, two per normalised element more"] > 0.95
    assert shares["activations, with the scores of attention"] > 0.94
