"""What became of a measurement: times, no room for it, or a failure that says why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from perfpredict.measuring.timing import Sampled

Fact: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the process held, in bytes; None where this system or place does not tell."""

    baseline_bytes: float | None = None
    """Resident before the model was built, the framework loaded."""
    peak_bytes: float | None = None
    """Highest resident, of the whole process."""
    allocated_bytes: float | None = None
    """Highest that tensors took on the accelerator."""
    reserved_bytes: float | None = None
    """Highest that the accelerator's caching allocator held."""

    @property
    def used_bytes(self) -> float | None:
        """What the workload itself took: allocated on an accelerator, else the rise of the peak."""
        if self.allocated_bytes is not None:
            return self.allocated_bytes
        if self.peak_bytes is None or self.baseline_bytes is None:
            return None
        return max(self.peak_bytes - self.baseline_bytes, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The workload ran."""

    sampled: Sampled
    load_ms: float
    """From the start of the process to the model being ready, frameworks' import included."""
    memory: Memory
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Versions, threads and what the backend found, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DidNotFit:
    """There was not enough memory for the workload."""

    reason: str
    peak_bytes: float
    """Highest resident that was seen: the workload needs more."""
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The workload did not run."""

    message: str
    hint: str | None
    kind: str
    """Name of the error's class, or `crash`."""


Outcome: TypeAlias = Completed | DidNotFit | Failed
