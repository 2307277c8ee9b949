"""What every predictor takes and gives; intervals are part of the answer, not an extra."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.device import Device
from perfpredict.domain.prediction import Basis, Estimate, TimeShare
from perfpredict.domain.workload import Workload

CASES_AT_ONCE = 1024
"""Cases whose operations are added up at once: their arrays stay in the processor's cache, and a
million cases need no more memory for them than a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One workload on one device, with the operations it launches."""

    workload: Workload
    device: Device
    profile: WorkloadProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEstimate:
    """A predictor's answer to one case; latency is per batch (per step for decode)."""

    latency_ms: Estimate
    memory_bytes: Estimate
    basis: Basis
    time_shares: tuple[TimeShare, ...] = ()
    launch_share: float = 0.0
    similar_rows: int = 0
    is_extrapolated: bool = False
    cautions: tuple[str, ...] = ()


def blocks(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """Yield `cases` in order, CASES_AT_ONCE at most in each block; no block where there is none."""
    if len(cases) <= CASES_AT_ONCE:
        yield from [cases] if cases else []
        return
    for start in range(0, len(cases), CASES_AT_ONCE):
        yield cases[start : start + CASES_AT_ONCE]


class Predictor(Protocol):
    """Code that answers; a trained one has a version."""

    @property
    def name(self) -> str:
        """`roofline` or the id of a stored predictor."""

    @property
    def version(self) -> str:
        """Changes whenever the same case could be answered differently."""

    @property
    def basis(self) -> Basis:
        """Where its numbers come from."""

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case, in order, with intervals of nominal coverage `level`."""
