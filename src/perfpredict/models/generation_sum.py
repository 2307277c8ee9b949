"""How the terms of text generation add up to a latency, and which share of it each one is.

Every term is multiplied by a factor of its own. Products and the reading of their weights overlap,
and so do the device's work and the launching by the host: those are joined by a p-norm,
(a^p + b^p)^(1/p), which is the larger of both for large p and their sum for p = 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.operations import OpClass
from perfpredict.domain.prediction import TimeShare
from perfpredict.models.generation_terms import TERMS, Term

Floats = NDArray[np.float64]

WEIGHT_OVERLAP = 2.0
"""p that joins a prompt's products with the reading of their weights, both by tiles."""

_SHARED_FACTOR = {
    Term.PROMPT_MATRIX_LAUNCHES: Term.STEP_MATRIX_LAUNCHES,
    Term.PROMPT_SMALL_LAUNCHES: Term.STEP_SMALL_LAUNCHES,
}
"""Launching takes as long in a prompt as in a step."""
FACTORS = tuple(term for term in TERMS if term not in _SHARED_FACTOR)
"""Terms with a factor of their own."""
FACTOR_OF_TERM = np.array([FACTORS.index(_SHARED_FACTOR.get(term, term)) for term in TERMS])
"""(terms,) place in FACTORS."""

_PLACE = {term: place for place, term in enumerate(TERMS)}
_TINY_S = 1e-15
"""Keeps the p-norm of two zeros differentiable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What n cases take."""

    latency_s: Floats
    """(n,)"""
    term_shares: Floats
    """(n, terms) d ln latency / d ln term; they add up to 1, for the sum is of first degree."""

    @property
    def factor_shares(self) -> Floats:
        """(n, factors) d ln latency / d ln factor."""
        found = np.zeros((len(self.term_shares), len(FACTORS)))
        for term, factor in enumerate(FACTOR_OF_TERM):
            found[:, factor] += self.term_shares[:, term]
        return found


def add_up(seconds: Floats, log_factors: Floats, host_overlap: Floats) -> Timing:
    """Return the latency of terms (n, terms) with factors (n, factors).

    `host_overlap` (n,) is the p between device and host.
    """
    scaled = seconds * np.exp(log_factors)[:, FACTOR_OF_TERM]
    slopes = np.ones_like(scaled)
    prompt = _joined(scaled, slopes, _PROMPT_DEVICE, _PROMPT_HOST, host_overlap)
    step = _joined(scaled, slopes, _STEP_DEVICE, _STEP_HOST, host_overlap)
    latency_s = prompt + step + scaled[:, _ALONE].sum(axis=1)
    return Timing(latency_s=latency_s, term_shares=scaled * slopes / latency_s[:, None])


def _joined(
    scaled: Floats, slopes: Floats, device: list[int], host: list[int], overlap: Floats
) -> Floats:
    """Return the p-norm of device and host, and write d result / d term into `slopes`."""
    device_s = scaled[:, device].sum(axis=1) + _TINY_S
    if _PRODUCTS in device:
        products, weights = scaled[:, _PRODUCTS] + _TINY_S, scaled[:, _WEIGHTS] + _TINY_S
        power = np.full(len(scaled), WEIGHT_OVERLAP)
        both, slopes[:, _PRODUCTS], slopes[:, _WEIGHTS] = _norm(products, weights, power)
        device_s = device_s - scaled[:, _PRODUCTS] - scaled[:, _WEIGHTS] + both
    host_s = scaled[:, host].sum(axis=1) + _TINY_S
    joined, by_device, by_host = _norm(device_s, host_s, overlap)
    slopes[:, device] *= by_device[:, None]
    slopes[:, host] *= by_host[:, None]
    return joined


def _norm(one: Floats, other: Floats, power: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the p-norm and its derivatives."""
    joined = (one**power + other**power) ** (1.0 / power)
    return joined, (one / joined) ** (power - 1.0), (other / joined) ** (power - 1.0)


def time_shares(term_shares: Floats) -> tuple[tuple[TimeShare, ...], float]:
    """Return the share of each class of operation, largest first, and that of launching."""
    by_bound: dict[OpClass, dict[str, float]] = {}
    for term, (op_class, bound) in _SORTS.items():
        own = by_bound.setdefault(op_class, {"compute": 0.0, "memory": 0.0})
        own[bound] += max(float(term_shares[_PLACE[term]]), 0.0)
    totals = {op_class: sum(own.values()) for op_class, own in by_bound.items()}
    shares = tuple(
        TimeShare(
            op_class=op_class,
            share=totals[op_class],
            bound="compute" if own["compute"] > own["memory"] else "memory",
        )
        for op_class, own in sorted(by_bound.items(), key=lambda one: -totals[one[0]])
        if totals[op_class] > 0.0
    )
    return shares, max(1.0 - sum(totals.values()), 0.0)


_PRODUCTS, _WEIGHTS = _PLACE[Term.PROMPT_PRODUCTS], _PLACE[Term.PROMPT_WEIGHTS]
_PROMPT_DEVICE = [
    _PRODUCTS, _WEIGHTS,
    *(_PLACE[t] for t in (Term.PROMPT_ATTENTION, Term.PROMPT_TRAFFIC, Term.PROMPT_UNPACKING)),
]  # fmt: skip
_PROMPT_HOST = [_PLACE[Term.PROMPT_MATRIX_LAUNCHES], _PLACE[Term.PROMPT_SMALL_LAUNCHES]]
_STEP_DEVICE = [
    _PLACE[term]
    for term in (
        Term.STEP_WEIGHTS, Term.STEP_CACHE, Term.STEP_UNSHARED_CACHE, Term.STEP_PRODUCTS,
        Term.STEP_TRAFFIC, Term.STEP_UNPACKING,
    )
]  # fmt: skip
_STEP_HOST = [_PLACE[Term.STEP_MATRIX_LAUNCHES], _PLACE[Term.STEP_SMALL_LAUNCHES]]
_JOINED = {*_PROMPT_DEVICE, *_PROMPT_HOST, *_STEP_DEVICE, *_STEP_HOST}
_ALONE = [place for place in range(len(TERMS)) if place not in _JOINED]
_SORTS = {
    Term.PROMPT_PRODUCTS: (OpClass.LINEAR, "compute"),
    Term.PROMPT_ATTENTION: (OpClass.ATTENTION, "compute"),
    Term.PROMPT_WEIGHTS: (OpClass.LINEAR, "memory"),
    Term.PROMPT_TRAFFIC: (OpClass.ELEMENTWISE, "memory"),
    Term.PROMPT_UNPACKING: (OpClass.LINEAR, "compute"),
    Term.STEP_WEIGHTS: (OpClass.LINEAR, "memory"),
    Term.STEP_CACHE: (OpClass.ATTENTION, "memory"),
    Term.STEP_UNSHARED_CACHE: (OpClass.ATTENTION, "memory"),
    Term.STEP_PRODUCTS: (OpClass.LINEAR, "compute"),
    Term.STEP_TRAFFIC: (OpClass.ELEMENTWISE, "memory"),
    Term.STEP_UNPACKING: (OpClass.LINEAR, "compute"),
    Term.OTHER_LAYERS: (OpClass.LINEAR, "memory"),
    Term.SYNC_TRAFFIC: (OpClass.DATA_MOVEMENT, "memory"),
}
"""Class of operation, and what bounds it there; terms that are not here are launching."""
