"""Torchvision's segmentation networks and detectors, and the classifier that timm lacks.

Detectors stop at the raw outputs of their heads, as those of `other_architectures` do.
"""

# mypy: disable-error-code="misc,import-not-found"
# torch and torchvision have no types where they are not installed.

from collections.abc import Callable
from functools import partial

from timm_names import Architecture
from torch import Tensor, nn

SEGMENTATION_SIZE = 520
"""Height and width that torchvision's own evaluation resizes to."""
DETECTION_SIZE = 1024
"""A square picture with the area of the usual 800×1333 one."""
DETECTIONS = 100
"""Most boxes that torchvision keeps of a picture, and so most masks or sets of key points."""
REGIONS = 1000
"""Proposals that go on to the second stage."""

SEGMENTATIONS = (
    "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50", "deeplabv3_resnet101", "fcn_resnet50",
    "fcn_resnet101", "lraspp_mobilenet_v3_large",
)  # fmt: skip
ONE_STAGE = {
    "fcos_resnet50_fpn": DETECTION_SIZE,
    "retinanet_resnet50_fpn": DETECTION_SIZE,
    "retinanet_resnet50_fpn_v2": DETECTION_SIZE,
    "ssdlite320_mobilenet_v3_large": 320,
}
"""Detector → image size."""
TWO_STAGES = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": (320, 150),
    "fasterrcnn_mobilenet_v3_large_fpn": (DETECTION_SIZE, REGIONS),
    "fasterrcnn_resnet50_fpn": (DETECTION_SIZE, REGIONS),
    "fasterrcnn_resnet50_fpn_v2": (DETECTION_SIZE, REGIONS),
    "keypointrcnn_resnet50_fpn": (DETECTION_SIZE, REGIONS),
    "maskrcnn_resnet50_fpn_v2": (DETECTION_SIZE, REGIONS),
}
"""Detector → image size and regions."""


def architectures() -> tuple[Architecture, ...]:
    """Return every architecture of this file."""
    return (
        _architecture("maxvit_t", 224, _classifier),
        *(_architecture(name, SEGMENTATION_SIZE, _segmentation) for name in SEGMENTATIONS),
        *(_architecture(name, size, _one_stage) for name, size in ONE_STAGE.items()),
        *(
            _architecture(name, size, partial(_two_stages, regions=regions))
            for name, (size, regions) in TWO_STAGES.items()
        ),
    )


def _architecture(name: str, image_size: int, build: Callable[[str], nn.Module]) -> Architecture:
    return Architecture(
        key=name,
        architecture=name.partition("_")[0].rstrip("0123456789"),
        default_image_size=image_size,
        build=lambda _: build(name),
        takes_any_size=name in SEGMENTATIONS,
    )


def _classifier(name: str) -> nn.Module:
    from torchvision.models import get_model

    return get_model(name, weights=None)


def _segmentation(name: str) -> nn.Module:
    """Return the network with the second classifier that torchvision's published weights have."""
    from torchvision.models import get_model

    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    return get_model(name, weights=None, weights_backbone=None, **options)


def _detector(name: str) -> nn.Module:
    from torchvision.models import get_model

    return get_model(name, weights=None, weights_backbone=None)


def _one_stage(name: str) -> nn.Module:
    return BackboneAndHead(_detector(name))


def _two_stages(name: str, *, regions: int) -> nn.Module:
    return TwoStages(_detector(name), regions)


class BackboneAndHead(nn.Module):
    """The part of a one-stage detector that runs the same for every picture."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, image: Tensor) -> object:
        return self.head(list(self.backbone(image).values()))


class TwoStages(nn.Module):
    """The part of a two-stage detector that runs the same for every picture.

    Cutting regions out of the feature maps is counted as a copy.
    """

    def __init__(self, detector: nn.Module, regions: int) -> None:
        super().__init__()
        self.backbone, self.proposals = detector.backbone, detector.rpn.head
        heads = detector.roi_heads
        self.boxes = nn.Sequential(heads.box_head, heads.box_predictor)
        self.regions = regions
        self.details = nn.ModuleList(
            nn.Sequential(getattr(heads, f"{kind}_head"), getattr(heads, f"{kind}_predictor"))
            for kind in ("mask", "keypoint")
            if getattr(heads, f"{kind}_head") is not None
        )

    def forward(self, image: Tensor) -> object:
        maps = list(self.backbone(image).values())
        proposals = self.proposals(maps)
        boxes = self.boxes(_cut_out(maps[0], self.regions, 7))
        details = [part(_cut_out(maps[0], DETECTIONS, 14)) for part in self.details]
        return proposals, boxes, details


def _cut_out(features: Tensor, regions: int, side: int) -> Tensor:
    """Return as many regions of side × side as are asked for, all from one corner of the map."""
    corner = features.flatten(2)[..., : side * side].reshape(1, -1, side, side)
    return corner.repeat(regions, 1, 1, 1)
