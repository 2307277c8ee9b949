"""Calibration on a user's own rows: a Gaussian process over what a predictor was off by.

Log residuals of one device have a level in common; rows of one framework, of alike operations or
of one model have more. How far a residual may reach is what the predictor's own interval says, so
a device that it knows well is hardly moved and one that it has never seen is moved at once. Three
suppositions stand beside each other, that the device's level is right, that it is off, and that
whole kinds of operation are off on it; the rows decide between them. Rows far from the rest are
weighted down (Student-t noise), so that one odd row cannot hurt.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.models.alikeness import alikeness, positions
from perfpredict.models.efficiency import load_constants
from perfpredict.models.predictor import Case, CaseEstimate, Predictor, blocks
from perfpredict.models.work_kinds import kind_of_work

Floats = NDArray[np.float64]

LEVEL = 0.9
"""Level of the intervals that the amplitudes are read from."""
NOISE = {"forward": 0.1, "training": 0.1, "generation": 0.1}
"""Log standard deviation of rows around their device's curve, by kind of work.

The median error of unseen models on known devices is 3 to 5 % (docs/accuracy.md), which for a
normal distribution is a deviation of 0.05 to 0.08; tails are heavier."""
LEAST_AMPLITUDE = 0.03
"""What even a well-known device may be off by: its driver, clocks and cooling."""
FREEDOM = 4.0
"""Degrees of freedom of the Student-t noise."""
NOISE_ROWS = 8.0
"""Rows that NOISE weighs against the noise seen on the device."""
MAX_ROWS = 400
"""Newest rows of a device and kind of work that are used; the time grows with their cube."""
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposition:
    """Parts of the variance that rows of a device share."""

    level: float
    """Always."""
    framework: float
    """By framework, precision and phase."""
    alike: float
    """By features near each other."""
    model: float
    length: float = 1.0
    """How far apart alike cases may be, in lengths of `alikeness`."""


LEVEL_IS_RIGHT = Supposition(level=0.01, framework=0.01, alike=0.35, model=0.05)
LEVEL_IS_OFF = Supposition(level=0.6, framework=0.1, alike=0.25, model=0.05)
OPERATIONS_ARE_OFF = Supposition(level=0.1, framework=0.05, alike=0.8, model=0.05, length=3.0)
"""As on a CPU whose depthwise convolutions take twice what is predicted and whose matrix products
take just that: with it, ten rows of 30 on such a machine leave 11 % median error and not 19 %."""
SUPPOSITIONS = (LEVEL_IS_RIGHT, LEVEL_IS_OFF, OPERATIONS_ARE_OFF)
"""Equally likely before any row. Compared on left-out devices, as they are and all of their rows
a constant factor off (docs/design.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCase:
    """A case and the latency in ms that was measured of it."""

    case: Case
    latency_ms: float


Key = tuple[str, str]
"""Device name and kind of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What the process knows of n cases."""

    amplitude: Floats
    """(n,) log standard deviation of what they share with their device."""
    positions: Floats
    """(n, features) where alike cases are near each other."""
    frameworks: NDArray[np.str_]
    models: NDArray[np.str_]

    @classmethod
    def of(cls, cases: Sequence[Case], estimates: Sequence[CaseEstimate], noise: float) -> "Points":
        spread = np.array([_spread(one.latency_ms) for one in estimates])
        return cls(
            amplitude=np.sqrt(np.maximum(spread**2 - noise**2, LEAST_AMPLITUDE**2)),
            positions=positions(cases, load_constants()),
            frameworks=np.array([_framework(case) for case in cases], dtype=str),
            models=np.array([case.workload.model for case in cases], dtype=str),
        )


class _Posterior:
    """What the rows of a device say under one supposition."""

    def __init__(
        self, points: Points, residuals: Floats, noise: float, supposition: Supposition
    ) -> None:
        self._points = points
        self._supposition = supposition
        shared = covariance(points, points, supposition)
        weights = np.ones(len(residuals))
        for _ in range(_ROUNDS):
            noisy = shared + np.diag(noise**2 / weights)
            solved = np.linalg.solve(noisy, residuals)
            errors = (residuals - shared @ solved) / noise
            weights = (FREEDOM + 1.0) / (FREEDOM + errors**2)
        noisy = shared + np.diag(noise**2 / weights)
        self._solved = solved
        self._precision = np.linalg.inv(noisy)
        self.square_errors = errors**2
        log_determinant = np.linalg.slogdet(noisy)[1]
        self.log_evidence = -0.5 * (log_determinant + residuals @ self._precision @ residuals)

    def at(self, points: Points) -> tuple[Floats, Floats]:
        """Return mean and variance of the log offset of each point."""
        shared = covariance(points, self._points, self._supposition)
        prior = points.amplitude**2 * _total(self._supposition)
        known = np.einsum("ij,jk,ik->i", shared, self._precision, shared)
        return shared @ self._solved, np.maximum(prior - known, 0.0)


class _DeviceProcess:
    """The posterior of one device and kind of work: a mixture over the suppositions."""

    def __init__(self, points: Points, residuals: Floats, noise: float) -> None:
        self.rows = len(residuals)
        self._parts = [_Posterior(points, residuals, noise, one) for one in SUPPOSITIONS]
        evidence = np.array([part.log_evidence for part in self._parts])
        likelihood = np.exp(evidence - evidence.max())
        self._weights = likelihood / likelihood.sum()
        errors = self._weights @ [part.square_errors for part in self._parts]
        seen = np.minimum(errors, 9.0).sum() * noise**2
        self._noise_square = (NOISE_ROWS * noise**2 + seen) / (NOISE_ROWS + self.rows)
        self._expected_square = noise**2

    def posterior(self, points: Points) -> tuple[Floats, Floats]:
        """Return the log offset of each point, and its interval's width over the one before."""
        found = [part.at(points) for part in self._parts]
        means, variances = (np.array(values) for values in zip(*found, strict=True))
        offsets = self._weights @ means
        left = self._weights @ (variances + (means - offsets) ** 2)
        prior = points.amplitude**2
        ratio = np.sqrt((left + self._noise_square) / (prior + self._expected_square))
        return offsets, ratio


class CalibratedPredictor:
    """Another predictor, with its answers on each device corrected by the device's rows."""

    def __init__(self, inner: Predictor, processes: dict[Key, _DeviceProcess]) -> None:
        self.inner = inner
        self._processes = processes

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        rows = sum(process.rows for process in self._processes.values())
        return f"{self.inner.version}+{rows}"

    @property
    def basis(self) -> Basis:
        return self.inner.basis

    def rows_of(self, case: Case) -> int:
        """Return how many rows correct `case`."""
        process = self._processes.get(device_and_kind(case))
        return 0 if process is None else process.rows

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return the inner predictor's estimates, corrected where the device has rows."""
        return [one for block in blocks(cases) for one in self._predict(block, level)]

    def _predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        estimates = self.inner.predict(cases, level)
        places: dict[Key, list[int]] = defaultdict(list)
        for place, case in enumerate(cases):
            if (key := device_and_kind(case)) in self._processes:
                places[key].append(place)
        for key, own in places.items():
            chosen = [cases[place] for place in own]
            # amplitudes are read at one level, so that the value does not depend on the level asked
            at_level = [estimates[place] for place in own]
            claims = at_level if level == LEVEL else self.inner.predict(chosen, LEVEL)
            points = Points.of(chosen, claims, NOISE[key[1]])
            process = self._processes[key]
            for place, offset, ratio in zip(own, *process.posterior(points), strict=True):
                estimates[place] = _moved(estimates[place], offset, ratio, process.rows)
        return estimates


def calibrate(inner: Predictor, rows: Sequence[MeasuredCase]) -> CalibratedPredictor:
    """Return `inner` corrected by measured rows, the newest first; milliseconds, no training."""
    by_key: dict[Key, list[MeasuredCase]] = defaultdict(list)
    for row in rows:
        own = by_key[device_and_kind(row.case)]
        if len(own) < MAX_ROWS:
            own.append(row)
    used = [row for own in by_key.values() for row in own]
    estimates = iter(inner.predict([row.case for row in used], LEVEL))
    processes: dict[Key, _DeviceProcess] = {}
    for key, own in by_key.items():
        answers = [next(estimates) for _ in own]
        residuals = [
            np.log(row.latency_ms / answer.latency_ms.value)
            for row, answer in zip(own, answers, strict=True)
        ]
        noise = NOISE[key[1]]
        points = Points.of([row.case for row in own], answers, noise)
        processes[key] = _DeviceProcess(points, np.array(residuals), noise)
    return CalibratedPredictor(inner, processes)


def covariance(left: Points, right: Points, supposition: Supposition) -> Floats:
    """Return (m, n): how what is off of cases `left` goes with what is off of cases `right`."""
    shared = (
        supposition.level
        + supposition.framework * (left.frameworks[:, None] == right.frameworks[None, :])
        + supposition.alike * _alikeness(left, right, supposition.length)
        + supposition.model * (left.models[:, None] == right.models[None, :])
    )
    return np.asarray(left.amplitude[:, None] * right.amplitude[None, :] * shared)


def _alikeness(left: Points, right: Points, length: float) -> Floats:
    return alikeness(left.positions / length, right.positions / length)


def _total(supposition: Supposition) -> float:
    return sum((supposition.level, supposition.framework, supposition.alike, supposition.model))


def _spread(estimate: Estimate) -> float:
    """Return the log standard deviation of a normal distribution with this interval."""
    interval = estimate.interval
    normal = 2.0 * NormalDist().inv_cdf((1.0 + interval.coverage) / 2.0)
    return float(np.log(interval.upper / interval.lower) / normal)


def _framework(case: Case) -> str:
    workload = case.workload
    parts = (
        workload.framework_name,
        workload.is_compiled,
        workload.memory_format,
        workload.precision,
    )
    return "/".join(str(part) for part in (*parts, workload.phase))


def device_and_kind(case: Case) -> Key:
    """Return which rows correct a case: those of its device and kind of work."""
    return case.device.name, kind_of_work(case.workload)


def _moved(estimate: CaseEstimate, offset: float, ratio: float, rows: int) -> CaseEstimate:
    before = estimate.latency_ms
    value = before.value * float(np.exp(offset))
    interval = Interval(
        lower=value * (before.interval.lower / before.value) ** float(ratio),
        upper=value * (before.interval.upper / before.value) ** float(ratio),
        coverage=before.interval.coverage,
    )
    return replace(
        estimate,
        latency_ms=Estimate(value=value, interval=interval),
        basis=Basis.LEARNED,
        similar_rows=max(estimate.similar_rows, rows),
        is_extrapolated=False,
    )
