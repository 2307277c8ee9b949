"""Looks up the written-out networks by name or alias."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from perfpredict.catalog.networks.dlrm import DLRM, DLRM_V2
from perfpredict.catalog.networks.gnmt import GNMT
from perfpredict.catalog.networks.network import Network
from perfpredict.catalog.networks.rnnt import RNNT
from perfpredict.catalog.networks.tacotron import TACOTRON2
from perfpredict.catalog.networks.waveglow import WAVEGLOW
from perfpredict.catalog.transformers.registry import fold

_NETWORKS = (DLRM, DLRM_V2, GNMT, RNNT, TACOTRON2, WAVEGLOW)


def find_network(name: str) -> Network | None:
    """Return the network that `name` or an alias of it names, None where there is none."""
    canonical = network_aliases().get(fold(name))
    return next((one for one in _NETWORKS if one.name == canonical), None)


def network_names() -> tuple[str, ...]:
    """Return the canonical names."""
    return tuple(network.name for network in _NETWORKS)


@cache
def network_aliases() -> Mapping[str, str]:
    """Return every folded name and alias with the canonical name it stands for."""
    return MappingProxyType(
        {
            fold(alias): network.name
            for network in _NETWORKS
            for alias in (network.name, *network.aliases)
        }
    )
