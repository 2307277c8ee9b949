"""The three predicted quantities, their units and which direction is better."""

from dataclasses import dataclass
from enum import StrEnum

from perfpredict.domain.workload import Phase, Workload


class Metric(StrEnum):
    """A predicted and measured quantity."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"
    MEMORY = "memory"


class ThroughputUnit(StrEnum):
    """Which work is counted; samples and tokens are different metrics, never converted."""

    SAMPLES = "samples/s"
    TOKENS = "tokens/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """How a metric is shown and judged."""

    metric: Metric
    unit: str
    is_lower_better: bool


METRICS = {
    Metric.THROUGHPUT: MetricInfo(metric=Metric.THROUGHPUT, unit="/s", is_lower_better=False),
    Metric.LATENCY: MetricInfo(metric=Metric.LATENCY, unit="ms", is_lower_better=True),
    Metric.MEMORY: MetricInfo(metric=Metric.MEMORY, unit="MiB", is_lower_better=True),
}


def throughput_unit(workload: Workload) -> ThroughputUnit:
    """Return the unit in which the throughput of `workload` is counted."""
    return ThroughputUnit.SAMPLES if workload.phase is None else ThroughputUnit.TOKENS


def work_per_batch(workload: Workload) -> float:
    """Return samples or tokens that one batch completes, so throughput = work / latency.

    Prefill counts prompt tokens, decode one token a sample, generation the output tokens.
    """
    per_sample = 1.0
    if workload.phase is Phase.PREFILL:
        per_sample = float(workload.input_tokens or workload.sequence_length or 1)
    elif workload.phase is Phase.GENERATE:
        per_sample = float(workload.output_tokens or 1)
    return workload.batch_size * workload.concurrency * per_sample


def throughput_per_s(workload: Workload, latency_ms: float) -> float:
    """Return the closed-loop throughput that `latency_ms` per batch means (Little's law)."""
    return work_per_batch(workload) / latency_ms * 1e3
