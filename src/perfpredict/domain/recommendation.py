"""A ranked answer to 'which hardware', with the reason for every place."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.workload import Workload


class Objective(StrEnum):
    """What the ranking favours."""

    BALANCED = "balanced"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    COST = "cost"
    MEMORY = "memory"


class Meets(StrEnum):
    """Whether all limits hold at the asked confidence."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a device must keep; None is no limit."""

    max_latency_ms: float | None = None
    min_throughput_per_s: float | None = None
    max_memory_bytes: float | None = None
    max_price_per_hour: float | None = None
    confidence: float = 0.9
    """One-sided level at which the limits must hold."""

    @property
    def is_empty(self) -> bool:
        return self.max_price_per_hour is None and not self.are_predicted

    @property
    def are_predicted(self) -> bool:
        """Whether any of them is held against a prediction, and not a price alone."""
        limits = (self.max_latency_ms, self.min_throughput_per_s, self.max_memory_bytes)
        return any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One device in the ranking; score is higher for better and only comparable within it."""

    rank: int
    hardware: ResolvedDevice
    prediction: Prediction
    meets: Meets
    score: float
    reason: str
    price_per_hour: float | None = None
    currency: str | None = None
    cost_per_million: float | None = None
    """Price of a million samples or tokens at the predicted throughput."""
    rejections: int = 0
    """Times users rejected this device for the same family and limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A device that was considered and not ranked."""

    hardware: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Candidates best first; the first that meets the limits is the primary one."""

    workload: Workload
    objective: Objective
    limits: Limits
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...]
    explanation: str
    assumptions: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    recommendation_id: str | None = None
    created_at: datetime | None = None
    user: str | None = None

    @property
    def primary(self) -> Candidate | None:
        """Best-ranked candidate whose limits are met, None where none is."""
        return next((c for c in self.candidates if c.meets is Meets.YES), None)

    @property
    def fallbacks(self) -> tuple[Candidate, ...]:
        """Other candidates that meet the limits, in rank order."""
        return tuple(c for c in self.candidates if c.meets is Meets.YES and c is not self.primary)
