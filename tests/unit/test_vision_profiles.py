"""The vision catalog against published operation counts, parameters and names."""

from pathlib import Path

import pytest

from perfpredict.catalog.vision import (
    catalog_versions,
    find_vision_model,
    near_vision_names,
    size_caution,
    vision_model_names,
    vision_profile,
    vision_profiles,
)
from perfpredict.catalog.vision_sizes import derive_profile
from perfpredict.domain.operations import OpClass, OpProfile
from perfpredict.errors import InvalidInputError, UnknownModelError

MEASUREMENTS = Path(__file__).parents[3] / "shared" / "data" / "measurements.parquet"
PRODUCTS = frozenset(OpClass) - {
    OpClass.NORMALISATION,
    OpClass.SOFTMAX,
    OpClass.REDUCTION,
    OpClass.DATA_MOVEMENT,
    OpClass.ELEMENTWISE,
}
"""Classes whose multiply-adds the published counts count."""


def product_gmacs(profile: OpProfile) -> float:
    return sum(op.count * op.flops for op in profile.ops if op.op_class in PRODUCTS) / 2e9


def count_of(profile: OpProfile, op_class: OpClass) -> float:
    return sum(op.count for op in profile.ops if op.op_class is op_class)


@pytest.mark.parametrize(
    ("key", "gmacs", "parameters_m"),
    [
        ("resnet18", 1.814, 11.690),
        ("resnet50", 4.09, 25.557),
        ("resnet152", 11.51, 60.193),
        ("vgg16", 15.47, 138.358),
        ("vit_base_patch16_224", 17.56, 86.567),
        ("mobilenetv2_100", 0.30, 3.505),
        ("densenet121", 2.83, 7.979),
        ("efficientnet_b0", 0.386, 5.289),
        ("convnext_tiny", 4.456, 28.589),
        # torchvision's own table of its weights
        ("maxvit_t", 5.558, 30.920),
        ("regnety_160", 15.912, 83.590),
        ("regnetx_004_tv", 0.414, 5.496),
        ("deeplabv3_resnet50", 178.722, 42.004),
        ("fcn_resnet101", 232.738, 54.314),
        ("lraspp_mobilenet_v3_large", 2.086, 3.222),
        ("ssdlite320_mobilenet_v3_large", 0.583, 3.440),
        ("ssd-resnet34", 216.4, 19.97),
        ("ssd-mobilenet", 1.237, 6.82),
    ],
)
def test_multiply_adds_and_parameters_are_the_published_ones(
    key: str, gmacs: float, parameters_m: float
) -> None:
    profile = vision_profile(key)

    assert product_gmacs(profile) == pytest.approx(gmacs, rel=0.01)
    assert profile.parameters / 1e6 == pytest.approx(parameters_m, rel=0.001)


def test_resnet50_launches_its_53_convolutions_and_as_many_normalisations() -> None:
    profile = vision_profile("resnet50", 224)

    convolutions = sum(
        count_of(profile, op_class) for op_class in OpClass if op_class.value.startswith("conv_")
    )
    assert convolutions == 53
    assert count_of(profile, OpClass.NORMALISATION) == 53
    assert count_of(profile, OpClass.LINEAR) == 1
    assert 2 * 4.09e9 < profile.flops < 2 * 4.12e9


def test_attention_is_one_launch_per_layer_with_four_flops_per_score_element() -> None:
    profile = vision_profile("vit_base_patch16_224", 224)

    (attention,) = [op for op in profile.ops if op.op_class is OpClass.ATTENTION]
    heads, tokens, head_size = 12, 197, 64
    assert attention.count == 12
    assert attention.flops == 4 * heads * tokens**2 * head_size
    assert attention.activation_elements_read == 3 * heads * tokens * head_size
    assert attention.elements_written == heads * tokens * head_size
    assert count_of(profile, OpClass.SOFTMAX) == 0


def test_depthwise_grouped_and_pointwise_convolutions_are_told_apart() -> None:
    mobile = vision_profile("mobilenetv2_100", 224)
    grouped = vision_profile("resnext50_32x4d", 224)

    assert count_of(mobile, OpClass.CONV_DEPTHWISE) == 17
    assert count_of(mobile, OpClass.CONV_POINTWISE) == 34
    assert count_of(mobile, OpClass.CONV_GROUPED) == 0
    assert count_of(grouped, OpClass.CONV_GROUPED) == 16


def test_weights_read_add_up_to_the_parameters_and_running_statistics() -> None:
    profile = vision_profile("resnet50", 224)

    read = sum(op.count * op.weight_elements_read for op in profile.ops)
    statistics = 2 * 26_560  # a mean and a variance per normalised channel
    assert read == profile.parameters + statistics


def test_peak_activations_lie_between_the_largest_output_and_the_sum_of_all() -> None:
    profile = vision_profile("resnet50", 224)

    largest = max(op.elements_written for op in profile.ops)
    assert largest < profile.peak_activation_elements
    assert profile.peak_activation_elements < sum(o.count * o.elements_written for o in profile.ops)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("resnet18", "resnet18"),
        ("ResNet50", "resnet50"),
        ("microsoft/resnet-50", "resnet50"),
        ("resnet50-v1.5", "resnet50"),
        ("timm/resnet50.a1_in1k", "resnet50"),
        ("gluon_resnet50_v1d", "resnet50d"),
        ("mobilenet_v2", "mobilenetv2_100"),
        ("mobilenetv2", "mobilenetv2_100"),
        ("google/mobilenet_v2_1.0_224", "mobilenetv2_100"),
        ("mobilenet_v3_large", "mobilenetv3_large_100"),
        ("mobilenet_v3_small", "mobilenetv3_small_100"),
        ("mobilenetv3", "mobilenetv3_large_100"),
        ("efficientnet-b0", "efficientnet_b0"),
        ("google/efficientnet-b4", "efficientnet_b4"),
        ("efficientnet_b3", "efficientnet_b3"),
        ("convnext-tiny", "convnext_tiny"),
        ("facebook/convnext-large-224", "convnext_large"),
        ("vgg16", "vgg16"),
        ("densenet121", "densenet121"),
        ("vit-small", "vit_small_patch16_224"),
        ("vit-base", "vit_base_patch16_224"),
        ("google/vit-base-patch16-224", "vit_base_patch16_224"),
        ("google/vit-base-patch16-224-in21k", "vit_base_patch16_224"),
        ("facebook/deit-base-patch16-224", "deit_base_patch16_224"),
        ("microsoft/swin-tiny-patch4-window7-224", "swin_tiny_patch4_window7_224"),
        ("microsoft/swinv2-tiny-patch4-window8-256", "swinv2_tiny_window8_256"),
        ("facebook/dinov2-base", "vit_base_patch14_dinov2"),
        ("facebook/regnet-y-040", "regnety_040"),
        ("microsoft/beit-base-patch16-224-pt22k-ft22k", "beit_base_patch16_224"),
        ("vit_b_16", "vit_base_patch16_224"),
        ("ViT-B/16", "vit_base_patch16_224"),
        ("densenet-121", "densenet121"),
        ("EfficientNetB0", "efficientnet_b0"),
        ("mobilenet-v3-small-100", "mobilenetv3_small_100"),
        ("googlenet", "googlenet"),
        ("squeezenet1_0", "squeezenet1_0"),
        ("ssd-resnet34", "ssd-resnet34"),
        ("3d-unet-99.9", "3d-unet"),
        ("SSD", "ssd300-resnet50"),
        ("maskrcnn_resnet50_fpn", "maskrcnn"),
        ("resnet50.a1_in1k", "resnet50"),
        ("torchvision/regnet_y_16gf", "regnety_160"),
        ("regnet_x_400mf", "regnetx_004_tv"),
        ("regnet_y_1_6gf", "regnety_016"),
        ("maxvit_t", "maxvit_t"),
        ("Faster-RCNN", "fasterrcnn_resnet50_fpn"),
        ("deeplabv3_resnet101", "deeplabv3_resnet101"),
    ],
)
def test_names_as_people_and_hubs_write_them_lead_to_one_key(name: str, key: str) -> None:
    model = find_vision_model(name)

    assert model is not None
    assert model.key == key
    assert model.family == "vision"
    assert vision_profile(model.key, model.default_image_size).flops > 0


def test_a_size_in_the_name_is_the_default_size() -> None:
    for name in ("facebook/convnext-base-384", "convnext_base.fb_in22k_ft_in1k_384"):
        model = find_vision_model(name)
        assert model is not None
        assert (model.key, model.default_image_size) == ("convnext_base", 384)


@pytest.mark.parametrize("name", ["someone/resnet-50", "bert-base-uncased", "resnet51", ""])
def test_a_name_that_is_not_in_the_catalog_is_not_guessed(name: str) -> None:
    assert find_vision_model(name) is None


def test_an_unknown_key_is_an_error_with_near_names() -> None:
    with pytest.raises(UnknownModelError, match="no vision model named 'resnet51'") as caught:
        vision_profile("resnet51")

    assert "did you mean" in (caught.value.hint or "")
    assert "resnet50" in near_vision_names("resnet-51")


def test_a_size_outside_the_captured_ones_is_an_error_that_names_them() -> None:
    with pytest.raises(UnknownModelError, match="at image_size 4096") as caught:
        vision_profile("resnet50", 4096)
    assert "224" in (caught.value.hint or "")
    with pytest.raises(InvalidInputError, match="at least 1"):
        vision_profile("resnet50", 0)


def test_many_profiles_equal_the_same_ones_read_one_by_one() -> None:
    pairs = [("resnet50", 224), ("vgg16", 224), ("efficientnet_b0", 224), ("resnet50", 232)]

    together = vision_profiles(pairs)

    assert together == {pair: vision_profile(*pair) for pair in pairs}


def test_no_pairs_give_no_profiles() -> None:
    assert vision_profiles([]) == {}


def test_names_are_sorted_and_many() -> None:
    names = vision_model_names()

    assert list(names) == sorted(set(names))
    assert len(names) > 1300
    assert catalog_versions()["timm"]


def test_a_derived_size_carries_a_caution_and_a_captured_one_none() -> None:
    model = find_vision_model("resnet50")

    assert model is not None
    assert size_caution(model, 224) is None
    assert "derived" in (size_caution(model, 232) or "")


@pytest.mark.parametrize(
    ("key", "small", "middle", "large", "tolerance"),
    [
        ("resnet50", 224, 256, 288, 0.002),
        ("convnext_tiny", 224, 256, 288, 0.002),
        ("vit_base_patch16_224", 224, 288, 384, 0.02),
        ("efficientnet_b0", 224, 256, 288, 0.002),
        ("resnet50", 224, 240, 256, 0.06),
    ],
)
def test_deriving_a_captured_size_from_its_neighbours_comes_near_it(
    key: str, small: int, middle: int, large: int, tolerance: float
) -> None:
    captured = vision_profile(key, middle)
    derived = derive_profile(
        middle, (small, vision_profile(key, small)), (large, vision_profile(key, large))
    )

    assert derived is not None
    assert derived.op_count == captured.op_count
    assert derived.flops == pytest.approx(captured.flops, rel=tolerance)
    for wanted, found in zip(captured.ops, derived.ops, strict=True):
        assert found.op_class is wanted.op_class
        assert found.weight_elements_read == pytest.approx(wanted.weight_elements_read, rel=0.02)


@pytest.mark.skipif(not MEASUREMENTS.exists(), reason="no published measurements beside the clone")
def test_published_counts_agree_for_nearly_all_measured_models() -> None:
    import polars as pl

    published = (
        pl.read_parquet(MEASUREMENTS)
        .filter(pl.col("source") == "timm")
        .group_by("model_name", "image_size")
        .agg(pl.col("gmacs_per_sample").median(), pl.col("params_m").median())
        .rows()
    )
    models = {name: find_vision_model(name) for name, *_ in published}
    assert [name for name, model in models.items() if model is None] == []
    keys = {name: model.key for name, model in models.items() if model}
    profiles = vision_profiles([(keys[name], size) for name, size, _, _ in published])

    products, with_norms, parameters = [], [], []
    for name, size, gmacs, parameters_m in published:
        profile = profiles[keys[name], size]
        parameters.append(agrees(profile.parameters / 1e6, parameters_m, 0.01))
        if gmacs is not None:
            counted = product_gmacs(profile)
            products.append(agrees(counted, gmacs, 0.05))
            with_norms.append(agrees(counted + norm_gmacs(profile), gmacs, 0.01))
    assert share(parameters) > 0.995
    assert share(products) > 0.97
    assert share(with_norms) > 0.95


def norm_gmacs(profile: OpProfile) -> float:
    """Return two per normalised element, as the published counts have it, weights included."""
    elements = (
        op.count * (op.elements_written or op.weight_elements_read / 2)
        for op in profile.ops
        if op.op_class is OpClass.NORMALISATION
    )
    return 2 * sum(elements) / 1e9


def agrees(found: float, published: float, tolerance: float) -> bool:
    """Return whether two counts agree, given that the published one has two decimals."""
    return abs(found - published) <= max(tolerance * published, 0.005)


def share(facts: list[bool]) -> float:
    return sum(facts) / len(facts)
