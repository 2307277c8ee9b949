"""Operation profiles of live torch modules, against hand counts, the catalog and ONNX exports."""

import warnings
from collections import Counter
from pathlib import Path

import pytest

from perfpredict.catalog.capture.captured import CapturedModel
from perfpredict.catalog.capture.module import capture_module
from perfpredict.catalog.capture.onnx_model import capture_onnx
from perfpredict.catalog.vision import vision_profile
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.errors import CannotAnswerError, InvalidInputError

torch = pytest.importorskip("torch", reason="torch is not installed")
nn = torch.nn

NOT_IN_A_FILE = {OpClass.DATA_MOVEMENT}
"""`contiguous()` copies in PyTorch; ONNX knows no strides, so an export leaves it out."""


class Cnn(nn.Module):
    """Every kind of convolution, norms, a residual, pooling and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.pointwise = nn.Conv2d(16, 32, 1)
        self.active = nn.Hardswish()
        self.grouped = nn.Conv2d(32, 32, 3, padding=1, groups=4)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(32, 10)

    def forward(self, image):
        x = self.active(self.pointwise(self.depthwise(self.stem(image))))
        x = x + self.grouped(x)
        return self.head(self.pool(x).flatten(1))


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu")
    stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(nn.Embedding(100, 64), stack)


TOKENS = torch.zeros(1, 16, dtype=torch.long)
IMAGE = torch.zeros(1, 3, 32, 32)


def randomised(module):
    """Return the module in evaluation mode with no weight left at 0 or 1.

    An exporter leaves out a bias of zeros and a scale of ones.
    """
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.uniform_(0.1, 0.9)
        for name, tensor in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                tensor.uniform_(0.1, 0.9)
    return module.eval()


def exported(module, sample, path: Path, **options) -> CapturedModel:
    pytest.importorskip("onnxscript", reason="the exporter's package onnxscript is not installed")
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (sample,), path, dynamo=True, external_data=False, verbose=False, **options
        )
    return capture_onnx(path)


def counts(profile: OpProfile) -> Counter[OpClass]:
    found: Counter[OpClass] = Counter()
    for op in profile.ops:
        found[op.op_class] += int(op.count)
    return found


def without(found: Counter[OpClass], classes: set[OpClass]) -> dict[OpClass, int]:
    return {op_class: count for op_class, count in found.items() if op_class not in classes}


def ops_of(profile: OpProfile, op_class: OpClass) -> set[Op]:
    return {op for op in profile.ops if op.op_class is op_class}


def test_a_module_is_counted_as_its_layers_say() -> None:
    model = capture_module(Cnn(), IMAGE, name="tiny")

    assert (model.name, model.batch_size, model.image_size) == ("tiny", 1, 32)
    (linear,) = ops_of(model.profile, OpClass.LINEAR)
    assert (linear.flops, linear.weight_elements_read) == (2 * 320, 330)
    (depthwise,) = ops_of(model.profile, OpClass.CONV_DEPTHWISE)
    assert depthwise.flops == 2 * 16 * 256 * 9
    assert model.profile.parameters == sum(p.numel() for p in Cnn().parameters())
    assert model.cautions == ()


def test_neither_weights_nor_mode_of_the_module_change() -> None:
    module = Cnn().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    capture_module(module, IMAGE)

    assert module.training and module.stem.training
    assert all(torch.equal(before[name], now) for name, now in module.state_dict().items())
    assert module.head.weight.device.type == "cpu"


def test_tied_weights_are_counted_once() -> None:
    embed, head = nn.Embedding(100, 8), nn.Linear(8, 100, bias=False)
    head.weight = embed.weight

    model = capture_module(nn.Sequential(embed, head), TOKENS)

    assert model.profile.parameters == 800
    assert model.sequence_length == 16


def test_a_table_of_embeddings_is_read_only_where_it_is_asked() -> None:
    (op,) = capture_module(nn.Embedding(1000, 8), TOKENS).profile.ops

    assert (op.op_class, op.weight_elements_read) == (OpClass.DATA_MOVEMENT, 16 * 8)


def test_attention_of_the_library_is_one_launch() -> None:
    model = capture_module(encoder(), TOKENS)

    (attention,) = ops_of(model.profile, OpClass.ATTENTION)
    assert (attention.count, attention.flops) == (2, 4 * 4 * 16 * 16 * 16)
    assert not ops_of(model.profile, OpClass.SOFTMAX)


def test_amounts_grow_with_the_batch_of_the_example() -> None:
    one, four = (capture_module(Cnn(), torch.zeros(batch, 3, 32, 32)) for batch in (1, 4))

    assert four.batch_size == 4
    assert four.profile == one.profile.for_batch(4)


def test_inputs_may_be_named_or_positional() -> None:
    class Pair(nn.Module):
        def forward(self, left, right):
            return left @ right

    left, right = torch.zeros(2, 3, 4), torch.zeros(2, 4, 5)

    by_place = capture_module(Pair(), (left, right)).profile
    by_name = capture_module(Pair(), {"right": right, "left": left}).profile

    (product,) = by_place.ops
    assert (product.op_class, product.flops) == (OpClass.MATMUL, 2 * 2 * 3 * 4 * 5)
    assert by_name.ops == by_place.ops


class Branching(nn.Module):
    """Takes another path for another input, as mask checks of language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


def test_a_path_that_depends_on_values_is_the_one_of_the_example() -> None:
    module = Branching().train()

    one, none = (capture_module(module, torch.full((1, 4), value)) for value in (1.0, -1.0))

    assert [counts(each.profile)[OpClass.LINEAR] for each in (one, none)] == [1, 0]
    assert module.training and module.layer.training


def test_a_real_pass_and_one_without_values_are_counted_alike() -> None:
    class Asking(Cnn):
        def forward(self, image):
            assert image.sum().item() == 0.0
            return super().forward(image)

    asking, plain = (capture_module(kind(), IMAGE).profile for kind in (Asking, Cnn))

    (question,) = set(asking.ops) - set(plain.ops)
    assert (question.op_class, question.elements_written) == (OpClass.REDUCTION, 1)
    assert set(plain.ops) <= set(asking.ops)
    assert asking.peak_activation_elements == plain.peak_activation_elements


def test_a_module_that_does_not_run_is_an_error_that_says_why() -> None:
    with pytest.raises(CannotAnswerError, match=r"'Branching' cannot be followed: .*meta"):
        capture_module(Branching(), torch.zeros(1, 4, device="meta"))
    with pytest.raises(CannotAnswerError, match="'Cnn' cannot be followed"):
        capture_module(Cnn(), torch.zeros(1, 4, 32, 32))


@pytest.mark.parametrize("inputs", [(), {}, "text", torch.tensor(1.0)])
def test_example_inputs_without_a_batch_are_refused(inputs: object) -> None:
    with pytest.raises(InvalidInputError, match="example_inputs must hold a tensor"):
        capture_module(Cnn(), inputs)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"must be a torch\.nn\.Module, got str"):
        capture_module("resnet50", IMAGE)


def test_a_cnn_by_both_routes_has_the_same_profile(tmp_path: Path) -> None:
    module = randomised(Cnn())

    live = capture_module(module, IMAGE)
    file = exported(module, IMAGE, tmp_path / "cnn.onnx", optimize=False)

    assert counts(file.profile) == counts(live.profile)
    assert file.profile.flops == live.profile.flops
    assert file.profile.parameters == live.profile.parameters
    assert file.profile.peak_activation_elements == live.profile.peak_activation_elements
    # an exporter writes a bias of zeros where the convolution of the module has none
    assert set(live.profile.ops) - set(file.profile.ops) <= ops_of(live.profile, OpClass.CONV_DENSE)


def test_an_optimised_export_differs_by_its_folded_norms_alone(tmp_path: Path) -> None:
    module = randomised(Cnn())

    live = capture_module(module, IMAGE)
    file = exported(module, IMAGE, tmp_path / "cnn.onnx")

    norms = {OpClass.NORMALISATION}
    assert counts(live.profile)[OpClass.NORMALISATION] == 1
    assert counts(file.profile) == without(counts(live.profile), norms)
    (norm,) = ops_of(live.profile, OpClass.NORMALISATION)
    assert file.profile.flops == live.profile.flops - norm.flops
    assert file.profile.parameters == live.profile.parameters - 16  # scale and shift → one bias


def test_an_encoder_by_both_routes_launches_the_same_arithmetic(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    module = randomised(encoder())

    live = capture_module(module, TOKENS)
    file = exported(module, TOKENS, tmp_path / "encoder.onnx", opset_version=23)

    wanted = without(counts(live.profile), NOT_IN_A_FILE)
    assert without(counts(file.profile), NOT_IN_A_FILE) == wanted
    copies = [counts(one.profile)[OpClass.DATA_MOVEMENT] for one in (live, file)]
    assert copies == [3, 1]  # two layers make query, key and value contiguous
    assert file.profile.flops == live.profile.flops
    assert file.profile.parameters == live.profile.parameters
    for op_class in (OpClass.LINEAR, OpClass.ATTENTION, OpClass.NORMALISATION):
        assert ops_of(file.profile, op_class) == ops_of(live.profile, op_class)


def test_before_opset_23_attention_is_written_out_with_the_same_products(tmp_path: Path) -> None:
    module = randomised(encoder())

    live = counts_and_flops(capture_module(module, TOKENS).profile)
    file = counts_and_flops(
        exported(module, TOKENS, tmp_path / "encoder.onnx", opset_version=18).profile
    )

    attention, products = live[OpClass.ATTENTION], file[OpClass.MATMUL]
    assert products == (2 * attention[0], attention[1])
    assert file[OpClass.SOFTMAX][0] == attention[0]
    assert file[OpClass.LINEAR] == live[OpClass.LINEAR]


def counts_and_flops(profile: OpProfile) -> dict[OpClass, tuple[int, float]]:
    return {
        op_class: (count, sum(o.count * o.flops for o in ops_of(profile, op_class)))
        for op_class, count in counts(profile).items()
    }


@pytest.fixture(scope="module")
def timm():
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):  # a torchvision built for another torch lacks them
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("timm", reason="timm is not installed")


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_a_live_module_has_the_shipped_profile(timm, name: str) -> None:
    live = capture_module(timm.create_model(name), torch.zeros(1, 3, 224, 224))

    assert live.profile == vision_profile(name, 224)
    assert live.image_size == 224


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_an_exported_file_agrees_with_the_shipped_profile(timm, tmp_path: Path, name: str) -> None:
    module = randomised(timm.create_model(name))
    file = exported(
        module, torch.zeros(1, 3, 224, 224), tmp_path / "model.onnx", opset_version=23
    ).profile

    shipped = vision_profile(name, 224)
    is_folded = name != "vit_tiny_patch16_224"  # batch norms join the convolution before them
    norms = {OpClass.NORMALISATION} if is_folded else set()
    assert counts(file) == without(counts(shipped), norms)
    left_out = sum(o.count * o.flops for norm in norms for o in ops_of(shipped, norm))
    assert file.flops == pytest.approx(shipped.flops - left_out, rel=1e-6)
    assert file.parameters == pytest.approx(shipped.parameters, rel=0.01)
