"""Where a prediction comes from: parts that add up to it, and steps that lead to it."""

from dataclasses import dataclass
from enum import StrEnum

from perfpredict.domain.operations import OpClass
from perfpredict.domain.prediction import Prediction


class Bound(StrEnum):
    """What a part of the time waits for."""

    COMPUTE = "compute"
    MEMORY = "memory"
    HOST = "host"
    """Launching, scheduling and what else the host does between operations."""
    LINK = "link"
    """Exchange between devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePart:
    """Part of the predicted latency; all parts of a prediction add up to it."""

    name: str
    """A class of operations, or a term of text generation."""
    share: float
    """0 to 1."""
    bound: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWork:
    """What the operations of one class do in the whole workload, at the device's full rates."""

    op_class: OpClass
    launches: float
    flops: float
    """On one device."""
    moved_bytes: float
    """Read and written on one device."""
    compute_ms: float
    """At the peak arithmetic rate."""
    memory_ms: float
    """At the full bandwidth."""
    full_rate_ms: float
    """The longer of the two for each operation, added up."""

    @property
    def arithmetic_intensity(self) -> float | None:
        """FLOP per byte moved; None where nothing is moved."""
        return self.flops / self.moved_bytes if self.moved_bytes > 0 else None

    @property
    def bound(self) -> Bound:
        """Which side of the roofline takes longer."""
        return Bound.COMPUTE if self.compute_ms > self.memory_ms else Bound.MEMORY


class StepKind(StrEnum):
    """What one step on the way to a prediction takes into account."""

    FULL_RATES = "full rates"
    """Every operation at peak arithmetic or full bandwidth, whichever takes longer."""
    ROOFLINE = "roofline sum"
    """Efficiencies, caches and launches that were fitted to published rows."""
    PHYSICS = "physical terms"
    """The terms of text generation with the factors that physics expects."""
    LEARNING = "learning"
    """What a trained predictor corrects."""
    STORED = "stored predictor"
    """The answer of a predictor that a user stored."""
    CALIBRATION = "calibration"
    """What this user's own measurements move."""
    WAVES = "waves"
    """A batch that does not fit at once is run in several waves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The latency once one more thing is taken into account; the last one is the prediction."""

    kind: StepKind
    latency_ms: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """How many measurements that are alike an answer rests on."""

    learned_from_device: int
    """Training rows of this device under this framework."""
    learned_from_model: int
    """Training rows of this model on any device."""
    own_of_device: int
    """This user's rows of this device and kind of work, which calibrate it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPart:
    """Part of the predicted peak memory."""

    name: str
    share: float
    """0 to 1; all parts add up to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A prediction taken apart; there are neither parts nor steps where it does not fit."""

    prediction: Prediction
    parts: tuple[TimePart, ...]
    work: tuple[ClassWork, ...]
    steps: tuple[Step, ...]
    memory: tuple[MemoryPart, ...]
    neighbours: Neighbours
    not_modelled: tuple[str, ...]
    is_measured_by_run: bool
    """Whether `measure run` measures just this workload, on a machine with the device."""
