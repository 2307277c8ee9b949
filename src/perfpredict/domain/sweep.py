"""One workload at growing batch sizes or sequence lengths on one device."""

from dataclasses import dataclass
from enum import StrEnum

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.prediction import Prediction


class Over(StrEnum):
    """What grows."""

    BATCH_SIZE = "batch-size"
    SEQUENCE_LENGTH = "seq-length"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One size; its numbers are None where it does not fit."""

    size: int
    prediction: Prediction
    is_knee: bool = False
    is_largest: bool = False

    @property
    def power(self) -> float | None:
        """Throughput over latency (Kleinrock): highest at the knee."""
        latency, throughput = self.prediction.latency_ms, self.prediction.throughput_per_s
        if latency is None or throughput is None:
            return None
        return throughput.value / latency.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Points in order of size."""

    hardware: ResolvedDevice
    over: Over
    points: tuple[SweepPoint, ...]
    largest: int | None
    """Largest size whose estimated memory fits at once; None where not even 1 does."""
    surely_largest: int | None
    """Largest size that fits at the upper end of its memory's interval; None where none does."""
    highest: int
    """Largest size that was tried."""
    accepted: int | None = None
    """Longest sequence that the model accepts, where lengths grow and it is known."""

    @property
    def is_bounded(self) -> bool:
        """Whether a larger size was tried and did not fit."""
        return self.largest is None or self.largest < self.highest

    @property
    def knee(self) -> SweepPoint | None:
        """Where a larger batch begins to cost more latency than it brings throughput."""
        return next((point for point in self.points if point.is_knee), None)
