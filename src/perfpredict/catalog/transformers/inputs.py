"""Launches that turn text, images and sound into tokens, and hidden states into logits."""

from perfpredict.catalog.transformers.attention import score_ops
from perfpredict.catalog.transformers.config import (
    AudioInput,
    ImageInput,
    Norm,
    Stack,
    TextInput,
)
from perfpredict.catalog.transformers.layers import mlp_ops
from perfpredict.catalog.transformers.ops import (
    conv,
    copy,
    elementwise,
    gather,
    linear,
    normalise,
    times,
)
from perfpredict.catalog.transformers.parameters import WAVEFORM_CHANNELS, WAVEFORM_CONVS
from perfpredict.domain.operations import Op

SAMPLE_RATE = 16_000
"""Samples per second of every audio model here."""


def embed_text(text: TextInput, hidden: int, rows: float) -> list[Op]:
    """Return look-ups, their sum, normalisation and projection."""
    ops = [gather(rows, text.width)]
    for table in (text.positions, text.fixed_positions, text.types):
        if table:
            ops += [gather(rows, text.width), elementwise(rows * text.width, reads=2.0)]
    if text.has_norm:
        ops += normalise(Norm.LAYER, rows, text.width)
    if text.width != hidden:
        ops.append(linear(rows, text.width, hidden, bias=True))
    return ops


def text_output(text: TextInput, hidden: int, samples: float) -> list[Op]:
    """Return the pooler, or the logits of one token per sample, as generation needs them."""
    ops: list[Op] = []
    if text.has_pooler:
        ops += [linear(samples, hidden, hidden, bias=True), elementwise(samples * hidden)]
    if text.has_head:
        if text.width != hidden:
            ops.append(linear(samples, hidden, text.width))
        ops.append(linear(samples, text.width, text.vocab, bias=text.head_bias))
    return ops


def embed_image(image: ImageInput, hidden: int, batch: float, tokens: int) -> list[Op]:
    """Return the patch convolution, class token and positions."""
    patches = batch * (tokens - image.class_tokens)
    taps = image.patch_size**2
    ops = [conv(patches, 3, hidden, taps, pixels_in=patches * taps, bias=image.patch_bias)]
    if image.class_tokens:
        ops.append(copy(batch * tokens * hidden))
    if image.has_positions:
        ops.append(elementwise(batch * tokens * hidden))
    if image.has_pre_norm:
        ops += normalise(Norm.LAYER, batch * tokens, hidden)
    return ops


def image_output(image: ImageInput, stack: Stack, batch: float, tokens: int) -> list[Op]:
    """Return what pools the patches: a dense layer, or SigLIP's one-query attention."""
    hidden = stack.hidden
    ops: list[Op] = []
    if image.has_pooler:
        ops += [linear(batch, hidden, hidden, bias=True), elementwise(batch * hidden)]
    if image.pooled_attention:
        ops += [linear(batch, hidden, hidden, bias=True)]
        ops += [linear(batch * tokens, hidden, 2 * hidden, bias=True)]
        ops += score_ops(stack.attention, batch, 1.0, tokens)
        ops += [linear(batch, hidden, hidden, bias=True)]
        ops += normalise(Norm.LAYER, batch, hidden)
        ops += [*mlp_ops(stack.mlp, hidden, batch), elementwise(batch * hidden, reads=2.0)]
    return ops


def waveform_frames(samples: int) -> int:
    """Return encoder tokens for `samples` audio samples: seven strided convolutions."""
    for kernel, stride in WAVEFORM_CONVS:
        samples = (samples - kernel) // stride + 1
    return samples


def embed_audio(audio: AudioInput, hidden: int, batch: float, frames: int) -> list[Op]:
    """Return the convolutional front end that ends in `frames` tokens per sample."""
    if audio.mel_bins:
        return _embed_mel(audio, hidden, batch, frames)
    ops = _waveform(audio, batch, frames)
    rows = batch * frames
    ops += normalise(Norm.LAYER, rows, WAVEFORM_CHANNELS) if audio.has_feature_norm else []
    ops.append(linear(rows, WAVEFORM_CHANNELS, hidden, bias=True))
    return ops + normalise(Norm.LAYER, rows, hidden)


def _embed_mel(audio: AudioInput, hidden: int, batch: float, frames: int) -> list[Op]:
    """Return Whisper's two convolutions of width 3; the second halves the frames."""
    rows = batch * frames
    return [
        conv(2 * rows, audio.mel_bins, hidden, 3),
        elementwise(2 * rows * hidden),
        conv(rows, hidden, hidden, 3, pixels_in=2 * rows),
        elementwise(rows * hidden),
        elementwise(rows * hidden),
    ]


def _waveform(audio: AudioInput, batch: float, frames: int) -> list[Op]:
    lengths = [float(frames)]
    for kernel, stride in reversed(WAVEFORM_CONVS):
        lengths.append((lengths[-1] - 1) * stride + kernel)
    lengths.reverse()
    ops: list[Op] = []
    for place, (kernel, _) in enumerate(WAVEFORM_CONVS):
        inputs = WAVEFORM_CHANNELS if place else 1
        rows = batch * lengths[place + 1]
        taken = batch * lengths[place]
        bias = audio.layer_normed
        ops.append(conv(rows, inputs, WAVEFORM_CHANNELS, kernel, pixels_in=taken, bias=bias))
        if audio.layer_normed:
            ops += times(2.0, [copy(rows * WAVEFORM_CHANNELS)])
        if audio.layer_normed or not place:
            ops += normalise(Norm.LAYER, rows, WAVEFORM_CHANNELS)
        ops.append(elementwise(rows * WAVEFORM_CHANNELS))
    return ops
