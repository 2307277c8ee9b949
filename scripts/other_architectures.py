"""Architectures that timm lacks: torchvision's own, and networks of detection benchmarks.

The detection networks are written from their published descriptions and stop at the raw outputs of
their heads: box decoding and non-maximum suppression depend on the picture and are not counted.
"""

# mypy: disable-error-code="misc,import-not-found"
# torch and torchvision have no types where they are not installed.

from collections.abc import Callable
from functools import partial

import torch
from timm_names import Architecture
from torch import Tensor, nn

SSD_ANCHORS = (4, 6, 6, 6, 4, 4)
COCO_CLASSES = 81
OPEN_IMAGES_CLASSES = 264
UNET_WIDTHS = (32, 64, 128, 256, 320)

TORCHVISION_CLASSIFIERS = (
    "alexnet", "googlenet", "mnasnet1_3",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
    "squeezenet1_0", "squeezenet1_1",
)  # fmt: skip


def architectures() -> tuple[Architecture, ...]:
    """Return every architecture of this file."""
    classifiers = tuple(
        Architecture(
            key=name,
            architecture=name.partition("_")[0].rstrip("0123456789"),
            default_image_size=224,
            build=partial(_classifier, name),
        )
        for name in TORCHVISION_CLASSIFIERS
    )
    return (
        *classifiers,
        _detector("ssd-resnet34", "ssd", 1200, _ssd_resnet34),
        _detector("ssd300-resnet50", "ssd", 300, _ssd_resnet50),
        _detector("ssd300-vgg16", "ssd", 300, _ssd_vgg16),
        _detector("ssd-mobilenet", "ssd", 300, SsdMobileNet),
        _detector("retinanet", "retinanet", 800, RetinaNet),
        _detector("maskrcnn", "mask_rcnn", 1024, MaskRcnn),
        Architecture(
            key="3d-unet",
            architecture="unet",
            default_image_size=128,
            build=lambda _: Unet3d(),
            channels=1,
            dimensions=3,
            takes_any_size=False,
        ),
    )


def _detector(
    key: str, architecture: str, image_size: int, build: Callable[[], nn.Module]
) -> Architecture:
    return Architecture(
        key=key,
        architecture=architecture,
        default_image_size=image_size,
        build=lambda _: build(),
        takes_any_size=False,
    )


def _classifier(name: str, image_size: int) -> nn.Module:
    from torchvision.models import get_model

    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return get_model(name, weights=None, **options)


class Ssd(nn.Module):
    """Single-shot detector: a backbone, five shrinking blocks, and two heads on each map.

    Liu et al. 2016, with the ResNet backbone cut after its third stage, whose stride becomes 1.
    """

    def __init__(
        self,
        backbone: nn.Module,
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        *,
        head_stride: int,
        with_norm: bool,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        middles = (256, 256, 128, 128, 128)
        self.blocks = nn.ModuleList(
            _shrinking_block(wide, middle, out, stride, with_norm)
            for wide, middle, out, stride in zip(
                widths[:-1], middles, widths[1:], strides, strict=True
            )
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(width, anchors * outputs, 3, stride=head_stride, padding=1)
            for width, anchors in zip(widths, SSD_ANCHORS, strict=True)
            for outputs in (4, COCO_CLASSES)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = [self.backbone(image)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        boxes = [head(x).flatten(1) for head, x in zip(self.heads[::2], maps, strict=True)]
        scores = [head(x).flatten(1) for head, x in zip(self.heads[1::2], maps, strict=True)]
        return torch.cat(boxes, 1), torch.cat(scores, 1)


def _shrinking_block(
    wide: int, middle: int, out: int, stride: int, with_norm: bool
) -> nn.Sequential:
    """Return 1×1 then 3×3 convolution; stride 0 stands for stride 1 without padding."""
    second = nn.Conv2d(
        middle, out, 3, stride=stride or 1, padding=1 if stride else 0, bias=not with_norm
    )
    layers: list[nn.Module] = []
    for convolution in (nn.Conv2d(wide, middle, 1, bias=not with_norm), second):
        layers.append(convolution)
        if with_norm:
            layers.append(nn.BatchNorm2d(convolution.out_channels))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _resnet_to_third_stage(name: str) -> nn.Sequential:
    from torchvision.models import get_model

    resnet = get_model(name, weights=None)
    first = resnet.layer3[0]
    for convolution in (first.conv1, first.conv2, first.downsample[0]):
        convolution.stride = (1, 1)
    return nn.Sequential(*list(resnet.children())[:7])


def _ssd_resnet34() -> nn.Module:
    """Return MLPerf inference's detector for 1200×1200 pictures: every head has stride 3."""
    widths = (256, 512, 512, 256, 256, 256)
    backbone = _resnet_to_third_stage("resnet34")
    return Ssd(backbone, widths, (2, 2, 2, 2, 0), head_stride=3, with_norm=False)


def _ssd_resnet50() -> nn.Module:
    """Return the SSD300 of NVIDIA's PyTorch examples."""
    widths = (1024, 512, 512, 256, 256, 256)
    backbone = _resnet_to_third_stage("resnet50")
    return Ssd(backbone, widths, (2, 2, 2, 0, 0), head_stride=1, with_norm=True)


def _ssd_vgg16() -> nn.Module:
    from torchvision.models.detection import ssd300_vgg16

    return _BackboneAndHead(ssd300_vgg16(weights=None, weights_backbone=None))


class _BackboneAndHead(nn.Module):
    """The part of a torchvision detector that runs the same for every picture."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, image: Tensor) -> object:
        return self.head(list(self.backbone(image).values()))


class SsdMobileNet(nn.Module):
    """MLPerf inference's SSD on MobileNet v1 (Howard et al. 2017) with 1×1 heads, 91 classes."""

    def __init__(self) -> None:
        super().__init__()
        plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5)
        self.early = nn.Sequential(_conv_norm(3, 32, 3, 2), *_separable_stack(32, plan))
        self.late = nn.Sequential(*_separable_stack(512, ((1024, 2), (1024, 1))))
        extras = ((1024, 256, 512), (512, 128, 256), (256, 128, 256), (256, 64, 128))
        self.extras = nn.ModuleList(_shrinking_block(*widths, 2, False) for widths in extras)
        maps = ((512, 3), (1024, 6), (512, 6), (256, 6), (256, 6), (128, 6))
        self.heads = nn.ModuleList(
            nn.Conv2d(width, anchors * outputs, 1) for width, anchors in maps for outputs in (4, 91)
        )

    def forward(self, image: Tensor) -> Tensor:
        maps = [self.early(image)]
        maps.append(self.late(maps[-1]))
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        twice = [x for x in maps for _ in range(2)]
        return torch.cat([head(x).flatten(1) for head, x in zip(self.heads, twice, strict=True)], 1)


def _conv_norm(wide: int, out: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(inplace=True),
    )


def _separable_stack(wide: int, plan: tuple[tuple[int, int], ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for out, stride in plan:
        layers += [_conv_norm(wide, wide, 3, stride, groups=wide), _conv_norm(wide, out, 1, 1)]
        wide = out
    return layers


class RetinaNet(nn.Module):
    """MLPerf inference's RetinaNet: ResNeXt-50 32×4d with a feature pyramid, 264 classes."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.detection import RetinaNet as Detector
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
        from torchvision.ops.feature_pyramid_network import LastLevelP6P7

        backbone = resnet_fpn_backbone(
            backbone_name="resnext50_32x4d",
            weights=None,
            returned_layers=[2, 3, 4],
            extra_blocks=LastLevelP6P7(256, 256),
        )
        self.network = _BackboneAndHead(Detector(backbone, OPEN_IMAGES_CLASSES))

    def forward(self, image: Tensor) -> object:
        return self.network(image)


class MaskRcnn(nn.Module):
    """Mask R-CNN on ResNet-50 with a feature pyramid: 1,000 regions, masks for 100 of them.

    Cutting the regions out of the feature maps is left out; the square picture has the area of the
    usual 800×1333 one.
    """

    REGIONS, MASKS = 1000, 100

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.detection import maskrcnn_resnet50_fpn

        detector = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        self.backbone, self.proposals = detector.backbone, detector.rpn.head
        heads = detector.roi_heads
        self.box_head, self.box_predictor = heads.box_head, heads.box_predictor
        self.mask_head, self.mask_predictor = heads.mask_head, heads.mask_predictor

    def forward(self, image: Tensor) -> object:
        maps = list(self.backbone(image).values())
        proposals = self.proposals(maps)
        regions = maps[0].flatten(2)[..., :49].reshape(1, 256, 7, 7).repeat(self.REGIONS, 1, 1, 1)
        boxes = self.box_predictor(self.box_head(regions))
        kept = maps[0].flatten(2)[..., :196].reshape(1, 256, 14, 14).repeat(self.MASKS, 1, 1, 1)
        return proposals, boxes, self.mask_predictor(self.mask_head(kept))


class Unet3d(nn.Module):
    """MLPerf's 3D U-Net for KiTS19, one patch: 32 to 320 channels, instance norm, 3 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _two_convolutions(1, UNET_WIDTHS[0], stride=1)
        deeper = (*UNET_WIDTHS[1:], UNET_WIDTHS[-1])
        self.down = nn.ModuleList(
            _two_convolutions(wide, out, stride=2)
            for wide, out in zip(UNET_WIDTHS, deeper, strict=True)
        )
        pairs = list(zip(reversed(deeper), reversed(UNET_WIDTHS), strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose3d(wide, out, 2, stride=2) for wide, out in pairs)
        self.merge = nn.ModuleList(_two_convolutions(2 * out, out, stride=1) for _, out in pairs)
        self.last = nn.Conv3d(UNET_WIDTHS[0], 3, 1)

    def forward(self, volume: Tensor) -> Tensor:
        x = self.first(volume)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(torch.cat((up(x), skip), 1))
        return self.last(x)


def _two_convolutions(wide: int, out: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(wide, out, 3, stride=stride, padding=1, bias=False),
        nn.InstanceNorm3d(out, affine=True),
        nn.ReLU(inplace=True),
        nn.Conv3d(out, out, 3, padding=1, bias=False),
        nn.InstanceNorm3d(out, affine=True),
        nn.ReLU(inplace=True),
    )
