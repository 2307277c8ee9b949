"""What is known of a network that is written out as a function of batch and length."""

from collections.abc import Callable
from dataclasses import dataclass

from perfpredict.domain.operations import Op, OpProfile, merge_equal_ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One named network; equal names are equal networks."""

    name: str
    aliases: tuple[str, ...]
    family: str
    architecture: str
    source: str
    """Where its layers are described."""
    length: int
    """Default length of one sample, in `length_unit`."""
    length_unit: str
    build: Callable[[float, int], list[Op]]
    """Operations of one forward pass over (batch, length)."""
    tables: float = 0.0
    """Embedding weights of which a pass reads only some rows (count)."""


def network_parameters(network: Network) -> float:
    """Return the weights of the network, all embeddings included (count)."""
    return network.tables + _read_weights(network)


def network_profile(network: Network, batch: int, length: int) -> OpProfile:
    """Return one forward pass over `batch` samples of `length`; its widest launch is the peak."""
    ops = network.build(float(batch), length)
    widest = max(op.activation_elements_read + op.elements_written for op in ops)
    return OpProfile(
        ops=merge_equal_ops(ops),
        parameters=network_parameters(network),
        peak_activation_elements=1.5 * widest,
    )


def _read_weights(network: Network) -> float:
    """Return the weights of all matrices, each counted once however often it is used.

    A recurrent matrix is read at every step of a sequence, so a pass of length 1 is what reads
    each of them once.
    """
    dense = [op for op in network.build(1.0, 1) if op.flops > 0.0]
    return sum(op.count * op.weight_elements_read for op in dense)
