"""What the learned parts say of cases of text generation, before any calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.models.generation_factors import groups_of
from perfpredict.models.generation_parts import Part, manner_of
from perfpredict.models.generation_sum import FACTORS, Timing, add_up
from perfpredict.models.generation_trees import tree_features
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is predicted of n cases, and how it comes about."""

    seconds: Floats
    """(n, terms) at full rate."""
    log_factors: Floats
    """(n, factors)"""
    host_overlap: Floats
    """(n,) p of the norm that joins device and host."""
    offsets: Floats
    """(n,) what the trees add to ln latency."""
    timing: Timing

    @property
    def log_latency_s(self) -> Floats:
        """(n,)"""
        return np.asarray(np.log(self.timing.latency_s) + self.offsets)

    def at(self, places: Ints) -> "Answer":
        """Return the answer to some of the cases."""
        return Answer(
            seconds=self.seconds[places],
            log_factors=self.log_factors[places],
            host_overlap=self.host_overlap[places],
            offsets=self.offsets[places],
            timing=Timing(
                latency_s=self.timing.latency_s[places],
                term_shares=self.timing.term_shares[places],
            ),
        )


def answer_by(parts: Mapping[str, Part], cases: Sequence[Case], seconds: Floats) -> Answer:
    """Return the latency of each case, given its terms (n, terms), and how it comes about."""
    groups = groups_of(cases)
    manners = np.array([manner_of(case) for case in cases], dtype=str)
    log_factors = np.zeros((len(cases), len(FACTORS)))
    overlap, offsets = np.ones(len(cases)), np.zeros(len(cases))
    for manner, part in parts.items():
        own = manners == manner
        members = {level: names[own] for level, names in groups.items()}
        log_factors[own] = part.factors.log_factors(members)
        overlap[own] = part.factors.host_overlap
    timing = add_up(seconds, log_factors, overlap)
    for manner, part in parts.items():
        places = np.flatnonzero(manners == manner)
        if part.trees is not None and len(places):
            chosen = [cases[place] for place in places.tolist()]
            shares = timing.factor_shares[places]
            features = tree_features(chosen, seconds[places], shares)
            offsets[places] = part.trees.predict(features)
    return Answer(
        seconds=seconds,
        log_factors=log_factors,
        host_overlap=overlap,
        offsets=offsets,
        timing=timing,
    )
