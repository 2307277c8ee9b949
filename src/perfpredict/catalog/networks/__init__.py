"""Networks that are neither transformers nor image models, written out operation by operation."""

from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.networks.registry import (
    find_network,
    network_aliases,
    network_names,
)

__all__ = ["Network", "find_network", "network_aliases", "network_names"]
