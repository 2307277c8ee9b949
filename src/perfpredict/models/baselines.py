"""The two simplest predictors that any other must beat; they see totals, never single operations.

`ConstantRoofline` is max(compute, memory) of a model's totals times one constant a kind of work.
`TotalsTrees` is LightGBM on the same totals, the shape of the workload and the device's rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perfpredict.catalog.models import WorkloadProfile
from perfpredict.domain.device import DeviceKind
from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.domain.rates import arithmetic_rate
from perfpredict.domain.workload import Mode, Phase
from perfpredict.errors import CannotAnswerError
from perfpredict.features import FRAMEWORKS
from perfpredict.models.conformal import LogFactors, Residuals
from perfpredict.models.observations import fold_numbers
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import memory_estimate
from perfpredict.models.work_kinds import kind_of_work

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]

_FOLDS = 3
"""One fold of so many, by model, is left out once for the interval of the trees."""
_ANY = "any"
"""Stands for all kinds of work together."""
_ROUNDS = 500
_PARAMETERS = {
    "objective": "huber", "alpha": 0.3, "learning_rate": 0.1, "num_leaves": 63,
    "min_data_in_leaf": 5, "num_threads": 1, "deterministic": True, "force_row_wise": True,
    "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all passes of one workload add up to, forward only, whole batch."""

    flops: float
    activation_elements: float
    """Read and written."""
    weight_elements: float
    """Read."""


class TotalsCache:
    """Adds up the operations of each profile once, however many rows share it."""

    def __init__(self) -> None:
        # the profile is kept, so that its id stays its own
        self._known: dict[int, tuple[WorkloadProfile, Totals]] = {}

    def of(self, profile: WorkloadProfile) -> Totals:
        """Return the totals of `profile`."""
        found = self._known.get(id(profile))
        if found is None:
            found = (profile, _totals(profile))
            self._known[id(profile)] = found
        return found[1]


class ConstantRoofline:
    """max(compute, memory) of the totals times one fitted constant for each kind of work."""

    name = "roofline-constant"
    version = "1"
    basis = Basis.ROOFLINE

    def __init__(self, residuals: Mapping[str, Residuals], totals: TotalsCache) -> None:
        self._residuals = residuals
        self._constants = {kind: _median(own) for kind, own in residuals.items()}
        self._totals = totals

    @classmethod
    def fit(
        cls, cases: Sequence[Case], latency_ms: Floats, totals: TotalsCache
    ) -> "ConstantRoofline":
        """Return the predictor whose constants are the medians of log(measured / roofline).

        Its intervals are quantiles of the residuals on the rows that it was fitted to.
        """
        ratios = np.log(latency_ms / _roofline_ms(cases, totals))
        kinds = np.array([kind_of_work(case.workload) for case in cases])
        residuals = {str(kind): _each_alone(ratios[kinds == kind]) for kind in np.unique(kinds)}
        return cls({**residuals, _ANY: _each_alone(ratios)}, totals)

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case; a kind of work without rows has the constant of all rows."""
        if not cases:
            return []
        roofline_ms = _roofline_ms(cases, self._totals)
        factors = {kind: _about_median(own, level) for kind, own in self._residuals.items()}
        estimates = []
        for case, value in zip(cases, roofline_ms, strict=True):
            own = kind_of_work(case.workload)
            kind = own if own in self._constants else _ANY
            centred = float(value * np.exp(self._constants[kind]))
            estimates.append(_estimate(case, centred, factors[kind], level, self.basis))
        return estimates


class TotalsTrees:
    """LightGBM on log latency from totals, workload shape and device rates; no op profile."""

    name = "lightgbm-totals"
    version = "1"
    basis = Basis.LEARNED

    def __init__(
        self, booster: "lightgbm.Booster", residuals: Residuals, totals: TotalsCache
    ) -> None:
        self._booster = booster
        self._residuals = residuals
        self._totals = totals

    @classmethod
    def fit(
        cls, cases: Sequence[Case], latency_ms: Floats, totals: TotalsCache, *, seed: int
    ) -> "TotalsTrees":
        """Return trees fitted to all rows; intervals are those of a third of the models left out.

        Raises CannotAnswerError where all rows are of one model.
        """
        models = [case.workload.model for case in cases]
        if len(set(models)) < 2:
            raise CannotAnswerError(
                "lightgbm-totals needs rows of two models at least in every fold",
                hint="more folds hold out less; or leave it out with --variant",
            )
        matrix, target = _matrix(cases, totals), np.log(latency_ms)
        is_out = fold_numbers(models, seed=seed, folds=min(_FOLDS, len(set(models)))) == 0
        booster = _trees(matrix[~is_out], target[~is_out], seed)
        residuals = _each_alone(target[is_out] - _answers(booster, matrix[is_out]))
        return cls(_trees(matrix, target, seed), residuals, totals)

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case."""
        if not cases:
            return []
        values = np.exp(_answers(self._booster, _matrix(cases, self._totals)))
        factors = self._residuals.factors(level)
        return [
            _estimate(case, float(value), factors, level, self.basis)
            for case, value in zip(cases, values, strict=True)
        ]


def _about_median(residuals: Residuals, level: float) -> LogFactors:
    """Return the factors around the prediction, which the constant has moved to the median."""
    centre = _median(residuals)
    values = tuple(value - centre for value in residuals.values)
    return replace(residuals, values=values).factors(level)


def _each_alone(residuals: Floats) -> Residuals:
    """Return residuals of rows that count one by one, as a baseline would have it."""
    return Residuals.of(residuals, [str(row) for row in range(len(residuals))])


def _median(residuals: Residuals) -> float:
    mass = np.cumsum(residuals.weights)
    return residuals.values[min(int(np.searchsorted(mass, 0.5)), len(mass) - 1)]


def _totals(profile: WorkloadProfile) -> Totals:
    flops = activations = weights = 0.0
    for repeats, one in profile.passes:
        for op in one.ops:
            times = repeats * op.count
            flops += times * op.flops
            activations += times * (op.activation_elements_read + op.elements_written)
            weights += times * op.weight_elements_read
    return Totals(flops=flops, activation_elements=activations, weight_elements=weights)


def _roofline_ms(cases: Sequence[Case], totals: TotalsCache) -> Floats:
    """Return max(FLOPs / peak, bytes / bandwidth) in ms, work split evenly over the devices."""
    values = []
    for case in cases:
        total, precision = totals.of(case.profile), case.workload.precision
        moved_bytes = (
            total.activation_elements * precision.activation_bytes
            + total.weight_elements * precision.weight_bytes
        )
        seconds = max(total.flops / _peak(case), moved_bytes / case.device.bandwidth_bytes_per_s)
        values.append(seconds / case.workload.device_count * 1e3)
    return np.array(values, dtype=np.float64)


def _peak(case: Case) -> float:
    workload = case.workload
    rate = arithmetic_rate(case.device, workload.precision, quantization=workload.quantization)
    return rate.flops_per_s


def _matrix(cases: Sequence[Case], totals: TotalsCache) -> Floats:
    return np.array([_features(case, totals.of(case.profile)) for case in cases], dtype=np.float64)


def _features(case: Case, total: Totals) -> list[float]:
    workload, device = case.workload, case.device
    phase = None if workload.phase is None else list(Phase).index(workload.phase)
    amounts = (
        case.profile.parameters, total.flops, total.activation_elements, total.weight_elements,
        workload.batch_size, workload.sequence_length or workload.input_tokens or 1,
        workload.output_tokens or 1, workload.image_size or 1, workload.device_count,
        workload.concurrency, _peak(case), device.bandwidth_bytes_per_s,
    )  # fmt: skip
    return [
        *(float(np.log(max(amount, 1.0))) for amount in amounts),
        workload.precision.weight_bytes,
        workload.precision.activation_bytes,
        float(workload.mode is Mode.TRAINING),
        -1.0 if phase is None else float(phase),
        float(device.kind is DeviceKind.CPU),
        float(workload.is_compiled),
        float(workload.memory_format == "nhwc"),
        *(float(workload.framework_name == name) for name in FRAMEWORKS),
    ]


def _trees(matrix: Floats, target: Floats, seed: int) -> "lightgbm.Booster":
    import lightgbm

    data = lightgbm.Dataset(matrix, label=target)
    return lightgbm.train({**_PARAMETERS, "seed": seed}, data, num_boost_round=_ROUNDS)


def _answers(booster: "lightgbm.Booster", matrix: Floats) -> Floats:
    return np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)


def _estimate(
    case: Case, latency_ms: float, factors: LogFactors, level: float, basis: Basis
) -> CaseEstimate:
    interval = Interval(
        lower=latency_ms * float(np.exp(factors.lower)),
        upper=latency_ms * float(np.exp(factors.upper)),
        coverage=level,
    )
    return CaseEstimate(
        latency_ms=Estimate(value=latency_ms, interval=interval),
        memory_bytes=memory_estimate(case, level),
        basis=basis,
    )
