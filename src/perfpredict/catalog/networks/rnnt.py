"""RNN transducer of MLPerf Inference: LSTMs over sound features, a greedy search over letters."""

from perfpredict.catalog.networks.lstm import lstm_cell, lstm_layer
from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.transformers.ops import copy, elementwise, gather, linear, reduction, times
from perfpredict.domain.operations import Op

FEATURES, ENCODER, PREDICTOR, JOINT, LABELS = 240, 1024, 320, 512, 29
EARLY_LAYERS, LATE_LAYERS, PREDICTOR_LAYERS, STACKED = 2, 3, 2, 2
LETTERS_PER_FRAME = 0.45
"""LibriSpeech's dev-clean: about 14 letters a second at 33 frames a second."""


def _build(batch: float, length: int) -> list[Op]:
    """Return a pass over `length` frames of three stacked windows of 10 ms each."""
    late = max(length // STACKED, 1)
    ops = lstm_layer(batch, length, FEATURES, ENCODER)
    ops += times(EARLY_LAYERS - 1.0, lstm_layer(batch, length, ENCODER, ENCODER))
    ops += lstm_layer(batch, late, STACKED * ENCODER, ENCODER)
    ops += times(LATE_LAYERS - 1.0, lstm_layer(batch, late, ENCODER, ENCODER))
    ops.append(linear(batch * late, ENCODER, JOINT, bias=True))
    letters = max(round(length * LETTERS_PER_FRAME), 0)
    return ops + times(float(late + letters), _step(batch))


def _step(batch: float) -> list[Op]:
    """Return one step of the greedy search: a letter or the next frame."""
    return [
        gather(batch, PREDICTOR),
        *times(float(PREDICTOR_LAYERS), lstm_cell(batch, PREDICTOR, PREDICTOR)),
        linear(batch, PREDICTOR, JOINT, bias=True),
        elementwise(batch * JOINT, reads=2.0),
        linear(batch, JOINT, LABELS, bias=True),
        reduction(batch * LABELS, batch),
        copy(batch * PREDICTOR),
    ]


RNNT = Network(
    name="rnnt",
    aliases=("rnn-t", "mlperf-rnnt", "rnnt-99"),
    family="audio",
    architecture="rnnt",
    source="MLPerf Inference, speech recognition; He et al. 2018, arXiv:1811.06621",
    length=247,
    length_unit="frames of 30 ms",
    build=_build,
)
