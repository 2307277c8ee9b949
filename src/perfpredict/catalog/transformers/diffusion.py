"""Latent diffusion: which parts a pipeline has, and the passes that make one batch of images."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any  # a TOML document of our own has no narrower type

from perfpredict.catalog.transformers.blocks import UNet, unet_ops, vae_decoder_ops, vae_encoder_ops
from perfpredict.catalog.transformers.config import TransformerConfig
from perfpredict.catalog.transformers.parameters import parameter_count
from perfpredict.catalog.transformers.passes import encoder_profile
from perfpredict.catalog.transformers.registry import find_transformer, fold
from perfpredict.domain.operations import Op, OpProfile, merge_equal_ops
from perfpredict.errors import InvalidInputError

Passes = tuple[tuple[float, OpProfile], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionConfig:
    """One pipeline, or one part of it where `part` says so."""

    name: str
    architecture: str
    part: str
    """`pipeline`, `unet` or `vae-decoder`."""
    image_size: int
    """Default height and width of the image in pixels; the latent is an eighth of it."""
    steps: int
    """Denoising steps where none are asked for."""
    unet: UNet
    text_encoders: tuple[str, ...]
    """Names of the transformers that encode the prompt."""


def find_diffusion(name: str) -> DiffusionConfig | None:
    """Return the pipeline or part that `name` or an alias of it names."""
    canonical = diffusion_aliases().get(fold(name))
    return None if canonical is None else _catalog()[0][canonical]


def diffusion_names() -> tuple[str, ...]:
    """Return the canonical names of pipelines and parts."""
    return tuple(_catalog()[0])


def diffusion_aliases() -> Mapping[str, str]:
    """Return every folded name and alias with the canonical name it stands for."""
    return _catalog()[1]


def diffusion_parameters(config: DiffusionConfig) -> int:
    """Return the weights of the part, or of UNet, both halves of the VAE and text encoders."""
    unet = _weights(unet_ops(config.unet, 1.0, config.image_size // 8))
    decoder = _weights(vae_decoder_ops(1.0, config.image_size // 8))
    if config.part == "unet":
        return unet
    if config.part == "vae-decoder":
        return decoder
    encoders = sum(parameter_count(_text_encoder(name)) for name in config.text_encoders)
    return unet + decoder + _weights(vae_encoder_ops(1.0, config.image_size)) + encoders


def diffusion_passes(
    config: DiffusionConfig, batch: int, image_size: int | None
) -> tuple[Passes, tuple[str, ...]]:
    """Return (repeat, profile) of each pass for `batch` images, and what was assumed.

    A pipeline runs its UNet on twice the batch: with the prompt and, for guidance, without it.
    """
    pixels = image_size or config.image_size
    if pixels % 8:
        raise InvalidInputError(f"image_size must be a multiple of 8, got {pixels}")
    latent = pixels // 8
    assumed = () if image_size else (f"image_size={pixels} (the model's own)",)
    if config.part == "unet":
        return ((1.0, _whole(config, unet_ops(config.unet, float(batch), latent))),), assumed
    decode = _whole(config, vae_decoder_ops(float(batch), latent))
    if config.part == "vae-decoder":
        return ((1.0, decode),), assumed
    parts: list[tuple[float, OpProfile]] = []
    for name in config.text_encoders:
        encoded = encoder_profile(_text_encoder(name), 2 * batch, config.unet.context_tokens)
        parts.append((1.0, _whole(config, list(encoded.ops))))
    denoise = _whole(config, unet_ops(config.unet, 2.0 * batch, latent))
    parts += [(float(config.steps), denoise), (1.0, decode)]
    guided = f"steps={config.steps} with classifier-free guidance (default)"
    return tuple(parts), (*assumed, guided)


def _whole(config: DiffusionConfig, ops: list[Op]) -> OpProfile:
    """Return a pass in which the whole model is held; its widest launch sets the peak."""
    widest = max(op.activation_elements_read + op.elements_written for op in ops)
    return OpProfile(
        ops=merge_equal_ops(ops),
        parameters=float(diffusion_parameters(config)),
        peak_activation_elements=1.5 * widest,
    )


def _weights(ops: list[Op]) -> int:
    return round(sum(op.count * op.weight_elements_read for op in ops))


def _text_encoder(name: str) -> TransformerConfig:
    encoder = find_transformer(name)
    if encoder is None:
        raise InvalidInputError(f"text encoder '{name}' is not in the catalog")
    return encoder


@cache
def _catalog() -> tuple[Mapping[str, DiffusionConfig], Mapping[str, str]]:
    text = files("perfpredict.catalog").joinpath("model_files/diffusion.toml").read_text("utf-8")
    configs: dict[str, DiffusionConfig] = {}
    names: dict[str, str] = {}
    for entry in tomllib.loads(text)["diffusion"]:
        for part, part_aliases in entry["parts"].items():
            suffix = "" if part == "pipeline" else f"-{part}"
            name = entry["name"] + suffix
            configs[name] = _config(entry, name, part)
            names |= {fold(alias): name for alias in (name, *part_aliases)}
    return MappingProxyType(configs), MappingProxyType(names)


def _config(entry: Mapping[str, Any], name: str, part: str) -> DiffusionConfig:
    unet = entry["unet"]
    levels = {"widths": tuple(unet["widths"]), "depths": tuple(unet["depths"])}
    return DiffusionConfig(
        name=name,
        architecture=entry["architecture"],
        part=part,
        image_size=entry["image_size"],
        steps=entry["steps"],
        unet=UNet(**(unet | levels)),
        text_encoders=tuple(entry["text_encoders"]),
    )
