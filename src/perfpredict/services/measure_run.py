"""Carries out planned measurements one by one, and turns each into a row to keep."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from perfpredict.domain.measurement import CONSISTENT_RATIO, DOES_NOT_FIT, Measurement
from perfpredict.domain.metrics import throughput_unit, work_per_batch
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Workload
from perfpredict.errors import (
    CannotAnswerError,
    GateFailedError,
    InvalidInputError,
    PerfpredictError,
)
from perfpredict.measuring.machine_state import MachineState, machine_state
from perfpredict.measuring.outcome import Completed, DidNotFit, Failed, Outcome
from perfpredict.measuring.process import OnProgress, measure
from perfpredict.measuring.request import Place, RunRequest
from perfpredict.measuring.timing import Summary, summarize
from perfpredict.measuring.warnings import (
    RunWarning,
    run_warnings,
    state_warnings,
    threads_warning,
    waiting_warning,
    weights_warning,
)
from perfpredict.services.measure import Prepared, record
from perfpredict.services.measure_plan import PlannedRun
from perfpredict.services.progress import OnProgress as OnSweepProgress
from perfpredict.services.progress import Progress
from perfpredict.services.uninterrupted import heard, uninterrupted
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import Recorded

SOURCE = "measure-run"
KEPT_TIMES = 500
"""Single times are stored with the row up to so many runs."""

Execute = Callable[[RunRequest, OnProgress | None], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One measurement with what it says; `recorded` is None where nothing is stored."""

    planned: PlannedRun
    outcome: Outcome | None
    """None in a dry run."""
    summary: Summary | None = None
    measurement: Measurement | None = None
    warnings: tuple[RunWarning, ...] = ()
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Everything that was measured before the end, or before Ctrl-C."""

    finished: tuple[Finished, ...]
    planned: int
    is_interrupted: bool = False

    @property
    def failures(self) -> list[Failed]:
        return [one.outcome for one in self.finished if isinstance(one.outcome, Failed)]


def unmeasured(planned: PlannedRun) -> Finished:
    """Return a run that is only planned, for a report of what would be done."""
    return Finished(planned=planned, outcome=None)


def carry_out(
    planned: Sequence[PlannedRun],
    *,
    keep: Callable[[Finished], Finished],
    clock: Callable[[], datetime],
    on_progress: OnSweepProgress | None = None,
    execute: Execute = measure,
) -> Sweep:
    """Measure one after another; `keep` stores each result as soon as it is there."""
    finished: list[Finished] = []
    is_interrupted = False
    try:
        for place, one in enumerate(planned):
            follow = _follower(one, place, len(planned), on_progress)
            measured = _measured(one, clock, follow, execute)
            with uninterrupted():  # what is stored is told
                finished.append(keep(measured))
    except KeyboardInterrupt:
        heard()
        is_interrupted = True
    return Sweep(finished=tuple(finished), planned=len(planned), is_interrupted=is_interrupted)


def store_result(store: Store, finished: Finished, *, now: datetime) -> Finished:
    """Store the row of a finished measurement, linked to the prediction made before it.

    What did not fit is stored unlinked: its memory is a lower bound and no measurement of it.
    """
    measurement, prediction = finished.measurement, finished.planned.prediction
    if measurement is None:
        return finished
    device = finished.planned.hardware.device
    is_linked = isinstance(finished.outcome, Completed) and prediction is not None
    prepared = Prepared(
        measurement=measurement, device_platform=device.platform.value, notes=(), warnings=()
    )
    recorded = record(
        store, prepared, link=is_linked, force=False, now=now,
        prediction_id=prediction.prediction_id if is_linked and prediction else None,
    )  # fmt: skip
    return replace(finished, recorded=recorded)


def raise_failures(sweep: Sweep) -> None:
    """Raise the first failure of a sweep, saying how many there were."""
    if not sweep.failures:
        return
    first = sweep.failures[0]
    kinds: Mapping[str, type[PerfpredictError]] = {
        "CannotAnswerError": CannotAnswerError,
        "InvalidInputError": InvalidInputError,
    }
    message = first.message
    if len(sweep.failures) > 1:
        message = f"{len(sweep.failures)} of {sweep.planned} measurements failed: {message}"
    raise kinds.get(first.kind, GateFailedError)(message, hint=first.hint)


def _follower(
    planned: PlannedRun,
    place: int,
    total: int,
    on_progress: OnSweepProgress | None,
) -> OnProgress | None:
    if on_progress is None:
        return None
    workload = planned.workload
    phase = f" {workload.phase}" if workload.phase else ""
    name = f"{workload.model}{phase} batch {workload.batch_size} {workload.precision}"

    def follow(runs: int, median_ms: float | None) -> None:
        so_far = "warming up" if median_ms is None else f"{runs} runs, {median_ms:.4g} ms"
        on_progress(Progress(done=place, total=total, label=f"{name}: {so_far}"))

    on_progress(Progress(done=place, total=total, label=f"{name}: loading"))
    return follow


def _measured(
    planned: PlannedRun,
    clock: Callable[[], datetime],
    follow: OnProgress | None,
    execute: Execute,
) -> Finished:
    before = machine_state()
    outcome = execute(planned.request, follow)
    after = machine_state()
    measured_at = clock()
    if isinstance(outcome, Failed):
        return Finished(planned=planned, outcome=outcome)
    if isinstance(outcome, DidNotFit):
        return Finished(
            planned=planned,
            outcome=outcome,
            measurement=_unfit_row(planned, outcome, before, measured_at),
        )
    summary = summarize(outcome.sampled.times_ms)
    warnings = (
        *state_warnings(before, planned.cores),
        *run_warnings(summary, outcome.sampled, planned.request.limits, before, after),
        *_differences(planned, outcome),
    )
    return Finished(
        planned=planned,
        outcome=outcome,
        summary=summary,
        measurement=_row(planned, outcome, summary, warnings, before, measured_at),
        warnings=warnings,
    )


def _differences(planned: PlannedRun, outcome: Completed) -> list[RunWarning]:
    """Return in what the run was not what had been predicted, or not undisturbed."""
    request, built = planned.request, outcome.facts.get("parameters")
    doubts = []
    waited = outcome.facts.get("waited_share")
    if isinstance(waited, float):
        doubts.append(waiting_warning(waited))
    if request.place is Place.CPU:
        doubts.append(threads_warning(request.threads, planned.cores))
    # quantised layers hide their weights from the count
    if isinstance(built, int) and planned.entry and request.precision is not Precision.INT8:
        doubts.append(weights_warning(built, planned.entry.parameters))
    return [doubt for doubt in doubts if doubt is not None]


def _row(
    planned: PlannedRun,
    outcome: Completed,
    summary: Summary,
    warnings: Sequence[RunWarning],
    state: MachineState,
    measured_at: datetime,
) -> Measurement:
    workload = planned.workload
    environment = {
        **_environment(planned, state),
        **outcome.facts,
        "cold_ms": outcome.sampled.cold_ms,
        "load_ms": outcome.load_ms,
        "mean_ms": summary.mean_ms,
        "variation": summary.variation,
        "p10_ms": summary.p10_ms,
        "median_interval_ms": [summary.median_lower_ms, summary.median_upper_ms],
        "memory": asdict(outcome.memory),
        "warnings": [one.name for one in warnings],
    }
    if summary.runs <= KEPT_TIMES:
        environment["times_ms"] = [round(time, 6) for time in outcome.sampled.times_ms]
    return Measurement(
        workload=workload,
        device=planned.hardware.device.name,
        hardware_platform=planned.hardware.requested,
        measured_at=measured_at,
        latency_ms=summary.median_ms,
        latency_p90_ms=summary.p90_ms,
        latency_p99_ms=summary.p99_ms,
        throughput_per_s=_throughput_per_s(workload, summary),
        throughput_unit=throughput_unit(workload),
        memory_bytes=outcome.memory.used_bytes,
        runs=summary.runs,
        warmup_runs=outcome.sampled.warmup_runs,
        source=SOURCE,
        note=", ".join(one.name for one in warnings),
        environment=json.dumps(environment, ensure_ascii=False, allow_nan=False),
    )


def _throughput_per_s(workload: Workload, summary: Summary) -> float | None:
    """Return all work over all time, None where stalls make it contradict the median latency.

    Such a pair would be taken for a mistake of units, and kept out of every comparison.
    """
    lowest, highest = CONSISTENT_RATIO
    if not lowest <= summary.median_ms / summary.mean_ms <= highest:
        return None
    return work_per_batch(workload) / summary.mean_ms * 1e3


def _unfit_row(
    planned: PlannedRun, outcome: DidNotFit, state: MachineState, measured_at: datetime
) -> Measurement:
    environment = {
        **_environment(planned, state),
        "outcome": "does_not_fit",
        "reason": outcome.reason,
        "prediction_id": planned.prediction.prediction_id if planned.prediction else None,
    }
    return Measurement(
        workload=planned.workload,
        device=planned.hardware.device.name,
        hardware_platform=planned.hardware.requested,
        measured_at=measured_at,
        memory_bytes=outcome.peak_bytes,
        source=SOURCE,
        note=f"{DOES_NOT_FIT}: {outcome.reason[:160]}; the memory is what it held before",
        environment=json.dumps(environment, ensure_ascii=False, allow_nan=False),
    )


def _environment(planned: PlannedRun, state: MachineState) -> dict[str, object]:
    request = planned.request
    return {
        "backend": request.backend.value,
        "device": request.place.value,
        "threads": request.threads,
        "memory_limit_bytes": request.memory_limit_bytes,
        "machine": asdict(state),
    }
