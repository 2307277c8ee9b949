"""WaveGlow: mel spectrogram to sound through twelve invertible flows of dilated convolutions."""

from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.transformers.ops import conv, copy, elementwise, reduction, times
from perfpredict.domain.operations import Op

FLOWS, GROUP, EARLY_EVERY, EARLY_SIZE = 12, 8, 4, 2
LAYERS, CHANNELS, TAPS = 8, 512, 3
MELS, HOP, WINDOW = 80, 256, 1024
CONDITIONS = MELS * GROUP


def _build(batch: float, length: int) -> list[Op]:
    """Return a pass over `length` sound samples, eight of which make one position."""
    positions = batch * max(length / GROUP, 1.0)
    ops = _upsampling(batch * length)
    channels = GROUP
    for flow in range(FLOWS):
        if flow and flow % EARLY_EVERY == 0:
            channels -= EARLY_SIZE
        ops += _flow(positions, channels)
    return ops


def _upsampling(samples: float) -> list[Op]:
    """Return the transposed convolution from frames to samples, and its cut into groups."""
    frames = max(samples / HOP, 1.0)
    grown = conv(frames, MELS, MELS, WINDOW)
    return [grown, copy(samples * MELS, count=2.0)]


def _flow(positions: float, channels: int) -> list[Op]:
    """Return an invertible 1x1 convolution and the coupling network on half of the channels."""
    half = channels // 2
    return [
        conv(positions, channels, channels, 1, bias=False),
        conv(positions, half, CHANNELS, 1),
        *times(float(LAYERS - 1), _layer(positions, 2 * CHANNELS)),
        *_layer(positions, CHANNELS),
        conv(positions, CHANNELS, channels, 1),
        elementwise(positions * half, reads=2.0, count=3.0),
        reduction(positions * half, 1.0),
        copy(positions * channels, count=2.0),
    ]


def _layer(positions: float, outputs: int) -> list[Op]:
    """Return one gated layer: dilated convolution, condition, gate, residual and skip."""
    return [
        conv(positions, CHANNELS, 2 * CHANNELS, TAPS),
        conv(positions, CONDITIONS, 2 * CHANNELS, 1),
        elementwise(positions * 2 * CHANNELS, reads=2.0),
        elementwise(positions * CHANNELS, count=2.0),
        elementwise(positions * CHANNELS, reads=2.0),
        conv(positions, CHANNELS, outputs, 1),
        elementwise(positions * CHANNELS, reads=2.0, count=outputs / CHANNELS),
    ]


WAVEGLOW = Network(
    name="waveglow",
    aliases=("nvidia-waveglow",),
    family="audio",
    architecture="waveglow",
    source="Prenger et al. 2018, arXiv:1811.00002; NVIDIA's PyTorch examples",
    length=8000,
    length_unit="sound samples",
    build=_build,
)
