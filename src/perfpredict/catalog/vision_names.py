"""How people, hubs and other libraries write the names of vision architectures."""

import re
import unicodedata
from dataclasses import dataclass

# Publishers whose repositories hold the architecture that the name says; a name from anyone else
# may be a changed model, so it is not taken apart.
_PUBLISHERS = frozenset(
    {"apple", "facebook", "google", "microsoft", "pytorch", "sail", "timm", "torchvision"}
)

# Names of other libraries and short forms, as the key that the catalog uses. Torchvision rounds the
# groups of three RegNets otherwise than their paper, which timm keeps under names with `_tv`.
_SAME_AS = {
    "3d_unet": "3d-unet",
    "3d_unet_99": "3d-unet",
    "3d_unet_99.9": "3d-unet",
    "convnext": "convnext_tiny",
    "deeplabv3": "deeplabv3_resnet50",
    "deit_base": "deit_base_patch16_224",
    "deit_small": "deit_small_patch16_224",
    "deit_tiny": "deit_tiny_patch16_224",
    "densenet": "densenet121",
    "efficientnet": "efficientnet_b0",
    "efficientnet_v2_l": "tf_efficientnetv2_l",
    "efficientnet_v2_m": "tf_efficientnetv2_m",
    "efficientnet_v2_s": "tf_efficientnetv2_s",
    "faster_rcnn": "fasterrcnn_resnet50_fpn",
    "fasterrcnn": "fasterrcnn_resnet50_fpn",
    "fcos": "fcos_resnet50_fpn",
    "inception": "inception_v3",
    "inceptionv3": "inception_v3",
    "keypoint_rcnn": "keypointrcnn_resnet50_fpn",
    "keypointrcnn": "keypointrcnn_resnet50_fpn",
    "mask_rcnn": "maskrcnn",
    "maskrcnn_resnet50_fpn": "maskrcnn",
    "mnasnet0_5": "mnasnet_050",
    "mnasnet0_75": "mnasnet_075",
    "mnasnet1_0": "mnasnet_100",
    "mobilenet_v1": "mobilenetv1_100",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3": "mobilenetv3_large_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "mobilenetv1": "mobilenetv1_100",
    "mobilenetv2": "mobilenetv2_100",
    "mobilenetv3": "mobilenetv3_large_100",
    "mobilenetv3_large": "mobilenetv3_large_100",
    "mobilenetv3_small": "mobilenetv3_small_100",
    "mobilevit_small": "mobilevit_s",
    "mobilevit_x_small": "mobilevit_xs",
    "mobilevit_xx_small": "mobilevit_xxs",
    "regnet_x_16gf": "regnetx_160",
    "regnet_x_1_6gf": "regnetx_016",
    "regnet_x_32gf": "regnetx_320",
    "regnet_x_3_2gf": "regnetx_032",
    "regnet_x_400mf": "regnetx_004_tv",
    "regnet_x_800mf": "regnetx_008",
    "regnet_x_8gf": "regnetx_080",
    "regnet_y_128gf": "regnety_1280",
    "regnet_y_16gf": "regnety_160",
    "regnet_y_1_6gf": "regnety_016",
    "regnet_y_32gf": "regnety_320",
    "regnet_y_3_2gf": "regnety_032",
    "regnet_y_400mf": "regnety_004",
    "regnet_y_800mf": "regnety_008_tv",
    "regnet_y_8gf": "regnety_080_tv",
    "resnet": "resnet50",
    "resnext101": "resnext101_32x8d",
    "resnext50": "resnext50_32x4d",
    "ssd": "ssd300-resnet50",
    "ssd300": "ssd300-resnet50",
    "ssd300_vgg16": "ssd300-vgg16",
    "ssd_mobilenet": "ssd-mobilenet",
    "ssd_resnet34": "ssd-resnet34",
    "ssdlite": "ssdlite320_mobilenet_v3_large",
    "swin_b": "swin_base_patch4_window7_224",
    "swin_base": "swin_base_patch4_window7_224",
    "swin_large": "swin_large_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_small": "swin_small_patch4_window7_224",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_tiny": "swin_tiny_patch4_window7_224",
    "swin_v2_b": "swinv2_base_window8_256",
    "swin_v2_s": "swinv2_small_window8_256",
    "swin_v2_t": "swinv2_tiny_window8_256",
    "vgg": "vgg16",
    "vit_b_16": "vit_base_patch16_224",
    "vit_b_32": "vit_base_patch32_224",
    "vit_base": "vit_base_patch16_224",
    "vit_h_14": "vit_huge_patch14_224",
    "vit_huge": "vit_huge_patch14_224",
    "vit_l_16": "vit_large_patch16_224",
    "vit_l_32": "vit_large_patch32_224",
    "vit_large": "vit_large_patch16_224",
    "vit_small": "vit_small_patch16_224",
    "vit_tiny": "vit_tiny_patch16_224",
    "wide_resnet101": "wide_resnet101_2",
    "wide_resnet50": "wide_resnet50_2",
}

# Spellings that follow a pattern, tried in this order on the name with `_` for `-`.
_PATTERNS = (
    (re.compile(r"vit-([bslh])/(\d\d)"), r"vit_\1_\2"),
    (re.compile(r"(resnet|vgg|densenet|efficientnet_b)_(\d+)"), r"\1\2"),
    (re.compile(r"efficientnetb(\d)"), r"efficientnet_b\1"),
    (re.compile(r"mobilenet_v(\d_(?:large|small)_\d{3})"), r"mobilenetv\1"),
    (re.compile(r"(resnet\d+)_v1[._]5"), r"\1"),
    (re.compile(r"regnet_([xy])_(\d{3})"), r"regnet\1_\2"),
    (re.compile(r"mobilenet_v(\d)_1\.0"), r"mobilenetv\1_100"),
    (re.compile(r"mobilenet_v(\d)_0\.75"), r"mobilenetv\1_075"),
    (re.compile(r"mobilenet_v(\d)_0\.(\d)"), r"mobilenetv\1_0\g<2>0"),
    (re.compile(r"swinv2_(\w+)_patch4_(window.*)"), r"swinv2_\1_\2"),
    (re.compile(r"dinov2_(small|base|large|giant)"), r"vit_\1_patch14_dinov2"),
    (re.compile(r"convnextv2_(\w+)_(?:1k|22k)"), r"convnextv2_\1"),
    (re.compile(r"(beit_\w+_patch16_\d{3})_pt22k.*"), r"\1"),
    (re.compile(r"(vit_\w+_patch\d+_\d{3})_in21k"), r"\1"),
)
_SIZE_SUFFIX = re.compile(r"(?P<key>.+?)_(?P<size>\d{3})(?:_22k(?:_1k)?|_1k)?$")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name to look up, and the image size that its writer put into it."""

    key: str
    image_size: int | None = None


def spellings(name: str) -> tuple[Spelling, ...]:
    """Return what `name` may stand for in the catalog, the most literal first."""
    folded = unicodedata.normalize("NFC", name.strip()).casefold()
    publisher, slash, rest = folded.rpartition("/")
    if slash and publisher not in _PUBLISHERS:
        return tuple(_with_patterns(Spelling(folded)))
    plain = rest.replace("-", "_")
    found = [Spelling(rest), *_with_patterns(Spelling(plain))]
    base, dot, _ = plain.partition(".")
    if dot and not base[-2:].startswith("_"):  # a pretrained tag, not the point of `_v1.5`
        plain = base
    found += _with_patterns(Spelling(plain))
    sized = _SIZE_SUFFIX.match(plain)
    if sized:
        found += _with_patterns(Spelling(sized["key"], int(sized["size"])))
    return tuple(dict.fromkeys(found))


def _with_patterns(spelling: Spelling) -> list[Spelling]:
    keys = [spelling.key]
    for pattern, replacement in _PATTERNS:
        if pattern.fullmatch(spelling.key):
            keys.append(pattern.sub(replacement, spelling.key))
    keys += [_SAME_AS[key] for key in keys if key in _SAME_AS]
    return [Spelling(key, spelling.image_size) for key in keys]
