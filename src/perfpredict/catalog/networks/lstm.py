"""Recurrent layers: one large product over all steps, then one small one a step."""

from perfpredict.catalog.transformers.ops import elementwise, linear, times
from perfpredict.domain.operations import Op

GATES = 4
"""Input, forget, cell and output gate (Hochreiter and Schmidhuber 1997, with forget gate)."""


def lstm_layer(batch: float, steps: float, inputs: int, hidden: int) -> list[Op]:
    """Return one direction of an LSTM layer as cuDNN runs it.

    The inputs of all steps are multiplied at once; each step then multiplies the state before it
    and applies the gates in one fused launch.
    """
    ahead = linear(batch * steps, inputs, GATES * hidden, bias=True)
    return [ahead, *times(steps, _recurrence(batch, hidden))]


def lstm_cell(batch: float, inputs: int, hidden: int) -> list[Op]:
    """Return one step of an LSTM whose input depends on the step before it."""
    return [linear(batch, inputs, GATES * hidden, bias=True), *_recurrence(batch, hidden)]


def _recurrence(batch: float, hidden: int) -> list[Op]:
    gates = elementwise(batch * 2 * hidden, reads=(2 * GATES + 1) / 2)
    return [linear(batch, hidden, GATES * hidden, bias=True), gates]
