"""Google's neural machine translation: LSTMs on both sides of an additive attention."""

from perfpredict.catalog.networks.lstm import lstm_layer
from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.transformers.ops import (
    elementwise,
    gather,
    linear,
    matmul,
    reduction,
    softmax,
    times,
)
from perfpredict.domain.operations import Op

VOCABULARY = 32_320
HIDDEN = 1024


def _build(batch: float, length: int) -> list[Op]:
    rows = batch * length
    ops = times(2.0, [gather(rows, HIDDEN)])
    return ops + _encoder(batch, length) + _decoder(batch, length) + _classifier(rows)


def _encoder(batch: float, length: int) -> list[Op]:
    """Return one layer in both directions and three in one; the last two add their input."""
    rows = batch * length
    ops = times(2.0, lstm_layer(batch, length, HIDDEN, HIDDEN))
    ops += lstm_layer(batch, length, 2 * HIDDEN, HIDDEN)
    ops += times(2.0, lstm_layer(batch, length, HIDDEN, HIDDEN))
    dropped = [elementwise(rows * HIDDEN, count=4.0)]
    return ops + dropped + [elementwise(rows * HIDDEN, reads=2.0, count=2.0)]


def _decoder(batch: float, length: int) -> list[Op]:
    """Return four layers; the attention of the first one feeds the three above it."""
    rows = batch * length
    ops = lstm_layer(batch, length, HIDDEN, HIDDEN) + _attention(batch, length)
    ops += times(3.0, lstm_layer(batch, length, 2 * HIDDEN, HIDDEN))
    joined = elementwise(rows * 2 * HIDDEN, count=3.0)
    dropped = elementwise(rows * HIDDEN, count=4.0)
    return [*ops, joined, dropped, elementwise(rows * HIDDEN, reads=2.0, count=2.0)]


def _attention(batch: float, length: int) -> list[Op]:
    """Return the normalised additive attention; every pair of positions holds a whole vector."""
    rows, pairs = batch * length, batch * length * length
    return [
        linear(rows, HIDDEN, HIDDEN),
        linear(rows, HIDDEN, HIDDEN),
        elementwise(pairs * HIDDEN, count=3.0),
        reduction(pairs * HIDDEN, pairs),
        softmax(rows, length),
        matmul(batch, length, length, HIDDEN),
    ]


def _classifier(rows: float) -> list[Op]:
    logits = linear(rows, HIDDEN, VOCABULARY, bias=True)
    return [logits, softmax(rows, VOCABULARY), reduction(rows * VOCABULARY, rows)]


GNMT = Network(
    name="gnmt",
    aliases=("gnmt-v2", "gnmt_v2"),
    family="text2text",
    architecture="gnmt",
    source="Wu et al. 2016, arXiv:1609.08144; version 2 of NVIDIA's PyTorch examples",
    length=30,
    length_unit="tokens",
    build=_build,
    tables=float(VOCABULARY * HIDDEN),
)
