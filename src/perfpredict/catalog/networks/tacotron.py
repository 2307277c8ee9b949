"""Tacotron 2: text to mel spectrogram, one LSTM step a frame."""

from itertools import pairwise

from perfpredict.catalog.networks.lstm import lstm_cell, lstm_layer
from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.transformers.config import Norm
from perfpredict.catalog.transformers.ops import (
    conv,
    copy,
    elementwise,
    gather,
    linear,
    matmul,
    normalise,
    softmax,
    times,
)
from perfpredict.domain.operations import Op

SYMBOLS, WIDTH, TAPS = 148, 512, 5
MELS, PRENET, DECODER, ATTENTION = 80, 256, 1024, 128
LOCATION_FILTERS, LOCATION_TAPS = 32, 31
FRAMES_PER_SYMBOL = 5.5
"""LJSpeech: 6.57 s a clip at 22,050 / 256 frames/s and 100 characters (keithito.com/LJ-Speech)."""


def _build(batch: float, length: int) -> list[Op]:
    """Return a pass with the true frames fed to the decoder, as in training."""
    symbols = max(round(length / FRAMES_PER_SYMBOL), 1)
    ops = [gather(batch * symbols, WIDTH)]
    ops += times(3.0, _convolution(batch * symbols, WIDTH, WIDTH))
    ops += times(2.0, lstm_layer(batch, symbols, WIDTH, WIDTH // 2))
    ops.append(linear(batch * symbols, WIDTH, ATTENTION))
    ops += _prenet(batch * length)
    ops += times(float(length), _step(batch, symbols))
    return ops + _postnet(batch * length)


def _prenet(rows: float) -> list[Op]:
    widths = ((MELS, PRENET), (PRENET, PRENET))
    ops: list[Op] = []
    for inputs, outputs in widths:
        ops += [linear(rows, inputs, outputs), elementwise(rows * outputs, count=2.0)]
    return ops


def _step(batch: float, symbols: int) -> list[Op]:
    """Return one frame: an LSTM cell, location-sensitive attention, another cell, projections.

    Outside of cuDNN's fused loop every bias is copied ahead of its product (two a cell).
    """
    pairs = batch * symbols
    biases = [copy(batch * 4 * DECODER, count=2.0)]
    attended = [
        copy(batch * (PRENET + WIDTH)),
        *biases,
        *lstm_cell(batch, PRENET + WIDTH, DECODER),
        elementwise(batch * DECODER),
        linear(batch, DECODER, ATTENTION),
        copy(2 * pairs),
        conv(pairs, 2, LOCATION_FILTERS, LOCATION_TAPS, bias=False),
        copy(pairs * LOCATION_FILTERS),
        linear(pairs, LOCATION_FILTERS, ATTENTION),
        elementwise(pairs * ATTENTION, reads=2.0, count=2.0),
        elementwise(pairs * ATTENTION),
        linear(pairs, ATTENTION, 1),
        elementwise(pairs),
        softmax(batch, symbols),
        matmul(batch, 1.0, symbols, WIDTH),
        elementwise(pairs, reads=2.0),
    ]
    decoded = [
        copy(batch * (DECODER + WIDTH)),
        *biases,
        *lstm_cell(batch, DECODER + WIDTH, DECODER),
        elementwise(batch * DECODER),
        copy(batch * (DECODER + WIDTH)),
        copy(batch * MELS, count=2.0),
        linear(batch, DECODER + WIDTH, MELS, bias=True),
        linear(batch, DECODER + WIDTH, 1, bias=True),
    ]
    return attended + decoded


def _postnet(rows: float) -> list[Op]:
    widths = (MELS, WIDTH, WIDTH, WIDTH, WIDTH, MELS)
    ops: list[Op] = []
    for inputs, outputs in pairwise(widths):
        ops += _convolution(rows, inputs, outputs)
    return [*ops, elementwise(rows * MELS, reads=2.0)]


def _convolution(rows: float, inputs: int, outputs: int) -> list[Op]:
    return [
        conv(rows, inputs, outputs, TAPS),
        *normalise(Norm.LAYER, rows, outputs),
        elementwise(rows * outputs, count=2.0),
    ]


TACOTRON2 = Network(
    name="tacotron2",
    aliases=("tacotron-2", "nvidia-tacotron2"),
    family="audio",
    architecture="tacotron",
    source="Shen et al. 2018, arXiv:1712.05884; NVIDIA's PyTorch examples",
    length=850,
    length_unit="mel frames",
    build=_build,
    tables=float(SYMBOLS * WIDTH),
)
