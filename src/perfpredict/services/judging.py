"""Judges predictors on rows that none of them has seen, beside what is in force."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from perfpredict.domain.accuracy import Accuracy, Pair, measure_accuracy
from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.observations import Observations, Target
from perfpredict.models.predictor import Predictor
from perfpredict.models.reference import calibrated_by
from perfpredict.models.residual import Prior, ResidualPredictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.training_rows import MeasuredConfig, Split, group_of, observations


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePredictor:
    """The predictor in force, and what it was trained on."""

    predictor: Predictor
    measurement_ids: Set[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well one quantity of held-out groups is predicted, and how well by others."""

    target: Target
    algorithm: str
    training_configs: int
    training_groups: int
    held_out: tuple[str, ...]
    """Names of the groups that were held out."""
    accuracy: Accuracy
    roofline_geo_error_factor: float
    calibrated_geo_error_factor: float | None
    """Of the prior calibrated by the same training rows; None for memory."""
    active_geo_error_factor: float | None
    """Of the predictor in force; None where it has seen all held-out rows or there is none."""
    compared_geo_error_factor: float
    """Own factor on the rows that the active predictor was scored on, else on all."""

    @property
    def is_better(self) -> bool:
        """Whether it beats everything it was compared with."""
        others = [self.roofline_geo_error_factor]
        if self.calibrated_geo_error_factor is not None:
            others.append(self.calibrated_geo_error_factor)
        own = self.accuracy.geo_error_factor
        if self.active_geo_error_factor is None:
            return own < min(others)
        return own < min(others) and self.compared_geo_error_factor < self.active_geo_error_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Scores predictors on the held-out rows."""

    prior: Prior
    learned: Sequence[MeasuredConfig]
    tested: Sequence[MeasuredConfig]
    split: Split
    level: float
    active: ActivePredictor | None

    def score(self, predictor: ResidualPredictor, target: Target) -> Score:
        """Return how `predictor` does on the held-out rows, beside the others."""
        tested = [config for config in self.tested if config.value(target)]
        known = observations(self.learned, target, self.split)
        unseen_by_active = self._unseen_by_active(tested)
        is_latency = target is Target.LATENCY
        return Score(
            target=target,
            algorithm=predictor.algorithm(target),
            training_configs=len(known),
            training_groups=len(set(known.groups)),
            held_out=tuple(sorted({group_of(c, self.split) for c in tested})),
            accuracy=self._accuracy(predictor, tested, target),
            roofline_geo_error_factor=self._factor(RooflinePredictor(), tested, target),
            calibrated_geo_error_factor=(
                self._factor(self._calibrated(), tested, target) if is_latency else None
            ),
            active_geo_error_factor=(
                self._factor(self.active.predictor, unseen_by_active, target)
                if self.active is not None and unseen_by_active
                else None
            ),
            compared_geo_error_factor=self._factor(predictor, unseen_by_active or tested, target),
        )

    def _unseen_by_active(self, tested: Sequence[MeasuredConfig]) -> list[MeasuredConfig]:
        if self.active is None:
            return []
        seen = self.active.measurement_ids
        return [config for config in tested if not seen & set(config.measurement_ids)]

    def _calibrated(self) -> Predictor:
        """Return the prior calibrated by the training rows."""
        known = observations(self.learned, Target.LATENCY, self.split)
        rows = [
            MeasuredCase(case=case, latency_ms=float(measured))
            for case, measured in zip(known.cases, known.measured, strict=True)
        ]
        return calibrated_by(self.prior, rows[::-1])

    def _factor(
        self, predictor: Predictor, configs: Sequence[MeasuredConfig], target: Target
    ) -> float:
        return self._accuracy(predictor, configs, target).geo_error_factor

    def _accuracy(
        self, predictor: Predictor, configs: Sequence[MeasuredConfig], target: Target
    ) -> Accuracy:
        return measure_accuracy(
            accuracy_pairs(predictor, observations(configs, target, self.split), self.level)
        )


def accuracy_pairs(predictor: Predictor, rows: Observations, level: float) -> list[Pair]:
    """Return what `predictor` says beside what was measured, with its intervals."""
    estimates = predictor.predict(rows.cases, level)
    chosen = [
        one.latency_ms if rows.target is Target.LATENCY else one.memory_bytes for one in estimates
    ]
    return [
        Pair(
            predicted=one.value,
            actual=float(measured),
            lower=one.interval.lower,
            upper=one.interval.upper,
        )
        for one, measured in zip(chosen, rows.measured, strict=True)
    ]
