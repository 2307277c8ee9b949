"""Which architectures timm has, how each is built at an image size, and names it no longer has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Something that can be built on the meta device."""

    key: str
    architecture: str
    """Name of the family of architectures, e.g. `resnet`."""
    default_image_size: int
    build: Callable[[int], torch.nn.Module]
    """Returns the module for one image size."""
    channels: int = 3
    dimensions: int = 2
    takes_any_size: bool = True
    """False where only the default size is captured."""
    depends_on_size: bool = False
    """Whether another size needs another module, as where positions are learned."""

    def input_shape(self, image_size: int) -> tuple[int, ...]:
        return (1, self.channels, *(image_size,) * self.dimensions)


# Names of published benchmarks that timm dropped without leaving a redirection, or redirects to
# another width (its own table sends all three `ig_resnext101` names to 32x8d).
CORRECTED_NAMES = {
    "ig_resnext101_32x16d": "resnext101_32x16d",
    "ig_resnext101_32x32d": "resnext101_32x32d",
    "ig_resnext101_32x48d": "resnext101_32x48d",
    "ese_vovnet99b_iabn": "ese_vovnet99b",  # in-place norm and activation: the same operations
    "regnety_040s_gn": "regnety_040_sgn",
}


# Published and benchmarked with their parallel training branches merged into one.
DEPLOYED_FORM = ("ghostnetv3",)


def deprecated_names() -> dict[str, str]:
    """Return the architecture behind each old timm name."""
    return {old: new.partition(".")[0] for old, new in _redirections().items()}


def aliases() -> dict[str, tuple[str, int]]:
    """Return key and image size of old names and of pretrained weights (`resnet50.a1_in1k`)."""
    import timm
    from timm.models import get_pretrained_cfg

    tagged = set(timm.list_pretrained())
    defaults = {
        architecture.key: architecture.default_image_size for architecture in architectures()
    }
    names = {name: name for name in tagged} | _redirections()
    found = {}
    for name, target in names.items():
        key = target.partition(".")[0]
        if target in tagged:
            found[name] = (key, get_pretrained_cfg(target).input_size[1])
        else:  # a redirection to a name without published weights
            found[name] = (key, defaults[key])
    return found


def _redirections() -> dict[str, str]:
    from timm.models import _registry

    known = {architecture.key for architecture in architectures()}
    redirected = _registry._deprecated_models | CORRECTED_NAMES
    return {
        old: new
        for old, new in redirected.items()
        if new.partition(".")[0] in known and old not in known
    }


def architectures() -> tuple[Architecture, ...]:
    """Return every timm architecture at its default size, and those it dropped but can build."""
    import timm

    return (*(_of_timm(name) for name in timm.list_models()), *_dropped())


def _of_timm(name: str, *, key: str | None = None, **options: object) -> Architecture:
    from timm.models import _registry, get_pretrained_cfg

    config = get_pretrained_cfg(name)
    channels, height, _ = config.input_size
    return Architecture(
        key=key or name,
        architecture=_registry._model_to_module[name],
        default_image_size=height,
        build=partial(_build, name, height, bool(config.fixed_input_size), options),
        channels=channels,
        depends_on_size=bool(config.fixed_input_size),
    )


def _build(
    name: str, default: int, is_fixed: bool, options: dict[str, object], image_size: int
) -> torch.nn.Module:
    import timm

    if is_fixed and image_size != default:
        options = options | {"img_size": image_size}
    module = timm.create_model(name, pretrained=False, **options)
    if name.startswith(DEPLOYED_FORM):
        from timm.utils import reparameterize_model

        return reparameterize_model(module.eval())
    return module


def _dropped() -> tuple[Architecture, ...]:
    """Return models that were benchmarked once and that a timm model with other options equals."""
    from timm.layers import EvoNorm2dB0

    return (
        _of_timm(
            "vit_base_patch16_reg4_gap_256", key="vit_base_patch16_reg8_gap_256", reg_tokens=8
        ),
        _of_timm(
            "vit_medium_patch16_reg4_gap_256",
            key="vit_medium_patch16_reg4_256",
            class_token=True,
            global_pool="token",
        ),
        _of_timm("mobilevit_s", key="semobilevit_s", cfg_variant="semobilevit_s"),
        _of_timm("resnext101_32x32d", key="resnext101_32x48d", base_width=48),
        _of_timm("resnetv2_50d_evos", key="resnetv2_50d_evob", norm_layer=EvoNorm2dB0),
    )
