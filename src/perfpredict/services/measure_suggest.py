"""Which measurements would tell most about a question, before any of them is made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.models import profile
from perfpredict.domain.device import ResolvedDevice
from perfpredict.domain.workload import Workload
from perfpredict.errors import CannotAnswerError, InvalidInputError, PerfpredictError
from perfpredict.models.expected_widths import ExpectedWidths, expected_widths
from perfpredict.models.predictor import Case, Predictor
from perfpredict.models.reference import ReferencePredictor, uncalibrated
from perfpredict.services.engine import Engine, Pair
from perfpredict.services.measurable import is_measured_by_run
from perfpredict.services.model_source import known_model
from perfpredict.services.opening import MeasuredRow

MAX_WORKLOADS = 500
"""On one device; memory and time grow with their square."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One measurement to make, and what it is expected to do."""

    workload: Workload
    hardware: ResolvedDevice
    width_before: float
    """Geometric mean of upper / lower over everything asked, after the suggestions before."""
    width_after: float
    is_runnable: bool
    """Whether `measure run` measures just this, given a machine with the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What to measure, the most telling first."""

    chosen: tuple[Suggestion, ...]
    asked: tuple[Pair, ...]
    """Workloads on devices whose intervals are counted."""
    unfitting: int
    """Those left out, as they do not fit into the memory of their device."""
    level: float
    is_moved_by_rows: bool
    """Whether the predictor in force is one that new rows correct at once."""


def suggest(
    engine: Engine,
    workloads: Sequence[Workload],
    hardware: Sequence[ResolvedDevice],
    *,
    known: Sequence[MeasuredRow],
    budget: int,
    level: float,
) -> Suggestions:
    """Return at most `budget` measurements of what is asked, chosen greedily one after another.

    Each is the one after which the mean log interval width over everything asked is expected to
    be least. `known` are the rows, newest first, that correct the engine. Raises CannotAnswerError
    where nothing fits, and what makes the first workload unanswerable.
    """
    if len(workloads) > MAX_WORKLOADS:
        raise InvalidInputError(
            f"{len(workloads)} workloads are asked about, more than {MAX_WORKLOADS}",
            hint="ask about fewer models or batch sizes",
        )
    pairs = [(workload, one) for one in hardware for workload in workloads]
    fitting, widths = _log_widths(engine, pairs, level)
    if not fitting:
        raise CannotAnswerError("none of the workloads fits into the memory of its device")
    inner = uncalibrated(engine.predictor)
    # rows that do not correct the engine are in its intervals already, or do not count for it
    rows = known if inner is not engine.predictor else ()
    cases = [_case(workload, one) for workload, one in fitting]
    choices = most_telling(inner, _known_cases(rows), cases, widths, budget)
    return Suggestions(
        chosen=tuple(_suggestion(fitting[choice.place], choice) for choice in choices),
        asked=tuple(fitting),
        unfitting=len(pairs) - len(fitting),
        level=level,
        is_moved_by_rows=isinstance(inner, ReferencePredictor),
    )


def width_now(engine: Engine, asked: Sequence[Pair], level: float) -> float:
    """Return the geometric mean of upper / lower over everything asked, as `engine` answers it."""
    _, widths = _log_widths(engine, asked, level)
    return float(np.exp(widths.mean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One case to measure, and the geometric mean width over all cases before and after it."""

    place: int
    width_before: float
    width_after: float


def most_telling(
    inner: Predictor, known: Sequence[Case], asked: Sequence[Case], log_widths: Floats, budget: int
) -> list[Choice]:
    """Return at most `budget` of `asked`, the one first that narrows the intervals of all most.

    `inner` is the predictor before calibration by rows of the cases `known`, newest first, and
    `log_widths` are ln(upper / lower) of `asked` after it.
    """
    groups = expected_widths(inner, known, asked)
    candidates = [_Candidates(group, log_widths[list(group.places)]) for group in groups]
    chosen: list[Choice] = []
    total, count = float(log_widths.sum()), len(asked)
    for _ in range(min(budget, count)):
        best = max(candidates, key=lambda one: one.gain)
        before, total = total, total - best.gain
        chosen.append(
            Choice(
                place=best.take(),
                width_before=float(np.exp(before / count)),
                width_after=float(np.exp(total / count)),
            )
        )
    return chosen


def _suggestion(pair: Pair, choice: Choice) -> Suggestion:
    workload, hardware = pair
    return Suggestion(
        workload=workload,
        hardware=hardware,
        width_before=choice.width_before,
        width_after=choice.width_after,
        is_runnable=is_measured_by_run(workload),
    )


def _log_widths(engine: Engine, pairs: Sequence[Pair], level: float) -> tuple[list[Pair], Floats]:
    """Return the pairs that fit their devices, and the log width of each one's interval now."""
    fitting: list[Pair] = []
    widths: list[float] = []
    for pair, answer in zip(pairs, engine.predict_many(pairs, level=level), strict=True):
        if isinstance(answer, PerfpredictError):
            raise answer
        if answer.latency_ms is not None:
            interval = answer.latency_ms.interval
            fitting.append(pair)
            widths.append(float(np.log(interval.upper / interval.lower)))
    return fitting, np.array(widths)


def _case(workload: Workload, hardware: ResolvedDevice) -> Case:
    model = known_model(workload.model)
    filled, _ = with_defaults(workload, model)
    return Case(workload=filled, device=hardware.device, profile=profile(model, filled))


def _known_cases(rows: Iterable[MeasuredRow]) -> list[Case]:
    found = []
    for workload, hardware, _ in rows:
        try:
            found.append(_case(workload, hardware))
        except PerfpredictError:
            continue  # a model that is no longer known corrects nothing either
    return found


class _Candidates:
    """The cases of one device and kind of work, each of which can be measured once."""

    def __init__(self, group: ExpectedWidths, widths: Floats) -> None:
        self._group = group
        # a width moves from where it is now, which knows what the rows so far say
        self._width_per_ratio = widths / group.ratios()
        self._is_taken = np.zeros(len(widths), dtype=bool)
        self._weigh()

    def take(self) -> int:
        """Measure the best case, and return its place."""
        self._is_taken[self._best] = True
        taken = self._group.places[self._best]
        self._group = self._group.with_row(self._best)
        self._weigh()
        return taken

    def _weigh(self) -> None:
        narrowed = self._group.ratios()[None, :] - self._group.ratios_after_each()
        gains = np.where(self._is_taken, -np.inf, narrowed @ self._width_per_ratio)
        self._best = int(gains.argmax())
        self.gain = float(gains[self._best])
        """Log widths, summed over all cases, that the best case is expected to take away."""
