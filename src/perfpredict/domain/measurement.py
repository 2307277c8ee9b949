"""What was observed: one measured workload on one device."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perfpredict.domain.metrics import ThroughputUnit, work_per_batch
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError

CONSISTENT_RATIO = (0.8, 1.25)
"""throughput x latency / work per batch outside of this is warned about."""
CONTENDED = "contended"
"""In the note of a run whose threads waited for cores: how long it took says nothing of it alone.

Notes are names with commas between them; such a row neither calibrates nor trains unasked."""
DOES_NOT_FIT = "does not fit"
"""The note of a run that ended for lack of memory begins so; its memory is a lower bound."""


class Load(StrEnum):
    """Closed loop: the next batch starts when the last ended; open loop includes queueing."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Medians over runs; at least one of latency, throughput and memory is there."""

    workload: Workload
    device: str
    """Canonical device name."""
    hardware_platform: str
    """As the user gave it, e.g. `cuda`."""
    measured_at: datetime
    latency_ms: float | None = None
    """Median per batch; per step for decode, end to end for generate."""
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    throughput_per_s: float | None = None
    throughput_unit: ThroughputUnit = ThroughputUnit.SAMPLES
    memory_bytes: float | None = None
    runs: int | None = None
    warmup_runs: int | None = None
    load: Load = Load.CLOSED
    source: str = "library"
    note: str = ""
    environment: str = ""
    """Versions and machine state as JSON text, empty where unknown."""
    is_sample: bool = False
    measurement_id: str | None = None
    prediction_id: str | None = None
    import_id: str | None = None
    source_row: int | None = None
    """Line or row number in the imported file."""

    def __post_init__(self) -> None:
        if self.measured_at.tzinfo is None:
            raise InvalidInputError("measured_at must carry a time zone")
        values = (self.latency_ms, self.throughput_per_s, self.memory_bytes)
        if all(value is None for value in values):
            raise InvalidInputError("give at least one of throughput, latency and memory")
        for name in ("latency_ms", "latency_p90_ms", "latency_p99_ms", "throughput_per_s"):
            check_positive(name, getattr(self, name))
        check_positive("memory_bytes", self.memory_bytes, allow_zero=True)

    @property
    def consistency(self) -> float | None:
        """throughput x latency / work per batch: 1 where both say the same."""
        if self.latency_ms is None or self.throughput_per_s is None:
            return None
        return self.throughput_per_s * self.latency_ms / 1e3 / work_per_batch(self.workload)


def check_positive(name: str, value: float | None, *, allow_zero: bool = False) -> None:
    """Raise InvalidInputError naming the field unless `value` is None or a usable number."""
    if value is None:
        return
    lowest_text = "at least 0" if allow_zero else "above 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"{name} must be a number, got {value!r}")
    is_enough = value >= 0 if allow_zero else value > 0
    # subnormal numbers overflow the ratios that are computed from them
    if not math.isfinite(value) or not is_enough or 0 < value < 1e-300:
        raise InvalidInputError(f"{name} must be a finite number {lowest_text}, got {value}")


def explain_inconsistency(measurement: Measurement) -> str | None:
    """Return which usual mistake fits a throughput that contradicts its latency, else None."""
    ratio = measurement.consistency
    if ratio is None or CONSISTENT_RATIO[0] <= ratio <= CONSISTENT_RATIO[1]:
        return None
    batch_size = measurement.workload.batch_size
    causes = {
        f"throughput looks like batches/s, not {measurement.throughput_unit}": 1 / batch_size,
        "latency looks like seconds, not ms": 1e-3,
        "latency looks like microseconds, not ms": 1e3,
        "latency looks like the time per sample, not per batch": 1 / batch_size,
    }
    for cause, expected in causes.items():
        if expected != 1 and CONSISTENT_RATIO[0] <= ratio / expected <= CONSISTENT_RATIO[1]:
            return f"throughput x latency is {ratio:.3g} of the work per batch: {cause}"
    if ratio > 1:
        return (
            f"throughput x latency is {ratio:.3g} times the work per batch: "
            "concurrent requests, or latency measured under queueing?"
        )
    return f"throughput x latency is only {ratio:.3g} of the work per batch"
