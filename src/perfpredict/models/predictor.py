"""What every predictor takes and gives; intervals are part of the answer, not an extra."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.device import Device
from perfpredict.domain.prediction import Basis, Estimate, TimeShare
from perfpredict.domain.workload import Workload


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
