"""Launches of the UNet and the VAE of Stable Diffusion, block by block as published."""

from dataclasses import dataclass
from functools import partial

from perfpredict.catalog.transformers.attention import score_ops
from perfpredict.catalog.transformers.config import Attention, Norm
from perfpredict.catalog.transformers.ops import conv, copy, elementwise, linear, normalise, times
from perfpredict.domain.operations import Op

LATENT = 4
"""Channels of the latent image."""
VAE_WIDTHS = (128, 256, 512, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class UNet:
    """Channels and attention of the levels, from the finest to the coarsest."""

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    """Transformer blocks beside each convolution block, per level; 0 for none."""
    middle_depth: int
    head_dim: int
    """0 where the number of heads is fixed at eight."""
    context_width: int
    context_tokens: int = 77
    has_linear_projection: bool = False
    added_width: int = 0
    """SDXL: width of size and pooled-text embedding that is added to the time."""
    blocks_per_level: int = 2


def unet_ops(unet: UNet, batch: float, side: int) -> list[Op]:
    """Return one denoising step on latents of `side` x `side` values."""
    widths, last = unet.widths, len(unet.widths) - 1
    time = 4 * widths[0]
    ops = [linear(batch, widths[0], time, bias=True), elementwise(batch * time)]
    ops.append(linear(batch, time, time, bias=True))
    if unet.added_width:
        ops += [linear(batch, unet.added_width, time, bias=True), elementwise(batch * time)]
        ops += [linear(batch, time, time, bias=True), elementwise(batch * time, reads=2.0)]
    ops.append(_conv3(batch * side**2, LATENT, widths[0]))
    residual = partial(_residual, batch=batch, time=time)
    attend = partial(_attend, unet, batch)
    skips, width = [widths[0]], widths[0]
    for level, outputs in enumerate(widths):
        for _ in range(unet.blocks_per_level):
            ops += residual(side, width, outputs) + attend(side, outputs, unet.depths[level])
            width = outputs
            skips.append(width)
        if level < last:
            ops.append(_conv3(batch * (side // 2) ** 2, width, width, stride=2))
            side //= 2
            skips.append(width)
    ops += residual(side, width, width) + attend(side, width, unet.middle_depth)
    ops += residual(side, width, width)
    for level in range(last, -1, -1):
        for _ in range(unet.blocks_per_level + 1):
            joined = width + skips.pop()
            ops.append(copy(batch * side**2 * joined))
            ops += residual(side, joined, widths[level])
            width = widths[level]
            ops += attend(side, width, unet.depths[level])
        if level:
            side *= 2
            ops += [copy(batch * side**2 * width), _conv3(batch * side**2, width, width)]
    return [*ops, *_finish(batch * side**2, width, LATENT)]


def vae_decoder_ops(batch: float, side: int) -> list[Op]:
    """Return the way from a latent of `side` x `side` values to an image eight times as wide."""
    width = VAE_WIDTHS[-1]
    pixels = batch * side**2
    ops = [conv(pixels, LATENT, LATENT, 1), _conv3(pixels, LATENT, width)]
    ops += _vae_middle(batch, side, width)
    for level in range(len(VAE_WIDTHS) - 1, -1, -1):
        for _ in range(3):
            ops += _residual(side, width, VAE_WIDTHS[level], batch=batch, time=0)
            width = VAE_WIDTHS[level]
        if level:
            side *= 2
            ops += [copy(batch * side**2 * width), _conv3(batch * side**2, width, width)]
    return [*ops, *_finish(batch * side**2, width, 3)]


def vae_encoder_ops(batch: float, side: int) -> list[Op]:
    """Return the way from an image of `side` x `side` pixels to its latent."""
    width = VAE_WIDTHS[0]
    ops = [_conv3(batch * side**2, 3, width)]
    for level, outputs in enumerate(VAE_WIDTHS):
        for _ in range(2):
            ops += _residual(side, width, outputs, batch=batch, time=0)
            width = outputs
        if level < len(VAE_WIDTHS) - 1:
            side //= 2
            ops.append(_conv3(batch * side**2, width, width, stride=2))
    ops += _vae_middle(batch, side, width)
    ops += _finish(batch * side**2, width, 2 * LATENT)
    return [*ops, conv(batch * side**2, 2 * LATENT, 2 * LATENT, 1)]


def _vae_middle(batch: float, side: int, width: int) -> list[Op]:
    rows = batch * side**2
    one_head = Attention(heads=1, kv_heads=1, head_dim=width)
    block = _residual(side, width, width, batch=batch, time=0)
    attention = normalise(Norm.LAYER, rows, width)
    attention += times(3.0, [linear(rows, width, width, bias=True)])
    attention += score_ops(one_head, batch, side**2, side**2)
    attention += [linear(rows, width, width, bias=True), elementwise(rows * width, reads=2.0)]
    return [*block, *attention, *block]


def _conv3(pixels: float, inputs: int, outputs: int, *, stride: int = 1) -> Op:
    return conv(pixels, inputs, outputs, 9, pixels_in=pixels * stride**2)


def _finish(pixels: float, width: int, outputs: int) -> list[Op]:
    normed = normalise(Norm.LAYER, pixels, width)
    return [*normed, elementwise(pixels * width), _conv3(pixels, width, outputs)]


def _residual(side: int, inputs: int, outputs: int, *, batch: float, time: int) -> list[Op]:
    """Return a residual block: twice group norm, SiLU, convolution; `time` is added between."""
    pixels = batch * side**2
    ops = [*normalise(Norm.LAYER, pixels, inputs), elementwise(pixels * inputs)]
    ops.append(_conv3(pixels, inputs, outputs))
    if time:
        ops += [elementwise(batch * time), linear(batch, time, outputs, bias=True)]
        ops.append(elementwise(pixels * outputs))
    ops += [*normalise(Norm.LAYER, pixels, outputs), elementwise(pixels * outputs)]
    ops.append(_conv3(pixels, outputs, outputs))
    if inputs != outputs:
        ops.append(conv(pixels, inputs, outputs, 1))
    return [*ops, elementwise(pixels * outputs, reads=2.0)]


def _attend(unet: UNet, batch: float, side: int, width: int, depth: int) -> list[Op]:
    """Return `depth` transformer blocks between two projections, with their group norm."""
    if not depth:
        return []
    rows = batch * side**2
    if unet.has_linear_projection:
        project = linear(rows, width, width, bias=True)
    else:
        project = conv(rows, width, width, 1)
    ops = [*normalise(Norm.LAYER, rows, width), project, copy(rows * width)]
    ops += times(depth, _transformer_block(unet, batch, side, width))
    return [*ops, project, copy(rows * width), elementwise(rows * width, reads=2.0)]


def _transformer_block(unet: UNet, batch: float, side: int, width: int) -> list[Op]:
    rows, heads = batch * side**2, width // unet.head_dim if unet.head_dim else 8
    attention = Attention(heads=heads, kv_heads=heads, head_dim=width // heads)
    out = [linear(rows, width, width, bias=True), elementwise(rows * width, reads=2.0)]
    norm = normalise(Norm.LAYER, rows, width)
    own = [*norm, *times(3.0, [linear(rows, width, width)])]
    own += [*score_ops(attention, batch, side**2, side**2), *out]
    text = linear(batch * unet.context_tokens, unet.context_width, width)
    cross = [*norm, linear(rows, width, width), *times(2.0, [text])]
    cross += [*score_ops(attention, batch, side**2, unet.context_tokens), *out]
    inner = rows * 4 * width
    forward = [*norm, linear(rows, width, 8 * width, bias=True), elementwise(inner)]
    forward += [elementwise(inner, reads=2.0), linear(rows, 4 * width, width, bias=True)]
    return [*own, *cross, *forward, elementwise(rows * width, reads=2.0)]
