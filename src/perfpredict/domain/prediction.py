"""What is answered: estimates with intervals, where they come from, and what to be wary of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.metrics import Metric, ThroughputUnit
from perfpredict.domain.operations import OpClass
from perfpredict.domain.workload import Workload


class Basis(StrEnum):
    """Where a predicted number comes from."""

    MEASURED = "measured"
    """Looked up: this very workload was measured on this device."""
    LEARNED = "learned"
    """A trained predictor on top of the roofline sum."""
    ROOFLINE = "roofline"
    """The roofline sum with fitted efficiencies alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Range built to contain one future measurement."""

    lower: float
    upper: float
    coverage: float
    """Share of future measurements it is built to contain, e.g. 0.9."""

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    @property
    def ratio(self) -> float:
        """Upper over lower bound: 1 is exact, 4 is 'within a factor of two'."""
        return self.upper / self.lower


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One predicted quantity in the unit its field names."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeShare:
    """Part of the predicted time that one class of operations takes."""

    op_class: OpClass
    share: float
    """0 to 1; the shares of all classes and the launch share add up to 1."""
    bound: str
    """`compute` or `memory`, whichever side of the roofline takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Answer for one workload on one device; numbers are None where it does not fit."""

    workload: Workload
    hardware: ResolvedDevice
    latency_ms: Estimate | None
    throughput_per_s: Estimate | None
    throughput_unit: ThroughputUnit
    memory_bytes: Estimate
    """Peak memory on each device."""
    memory_capacity_bytes: float
    """Of one device."""
    fits: bool
    basis: Basis
    predictor: str
    """`roofline` or the id of a stored predictor."""
    predictor_version: str
    similar_rows: int = 0
    """Measurements of the same model or device that the answer rests on."""
    is_extrapolated: bool = False
    cautions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    time_shares: tuple[TimeShare, ...] = ()
    launch_share: float = 0.0
    prediction_id: str | None = None
    created_at: datetime | None = None
    is_sample: bool = False
    is_retrospective: bool = False
    """Made after the measurement it is compared with; left out of accuracy."""

    def estimate(self, metric: Metric) -> Estimate | None:
        """Return the estimate of `metric`, None where the workload does not fit."""
        estimates = {
            Metric.LATENCY: self.latency_ms,
            Metric.THROUGHPUT: self.throughput_per_s,
            Metric.MEMORY: self.memory_bytes,
        }
        return estimates[metric]
