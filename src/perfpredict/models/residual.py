"""The learned predictor: a prior times a learned factor, with conformal intervals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.errors import CannotAnswerError, InvalidInputError, StoreUnusableError
from perfpredict.features import FEATURES
from perfpredict.models.conformal import LogFactors
from perfpredict.models.corrector import (
    Corrector,
    corrector_from_json,
    corrector_to_json,
)
from perfpredict.models.efficiency import Constants
from perfpredict.models.json_parts import mapping
from perfpredict.models.memory_fit import MemoryCorrection
from perfpredict.models.observations import Described, Target, describe
from perfpredict.models.predictor import Case, CaseEstimate, blocks
from perfpredict.models.roofline_sum import Breakdown
from perfpredict.models.signing import sha256_of
from perfpredict.models.standing import standings_of

FORMAT = "perfpredict residual 5"

Floats = NDArray[np.float64]


class Prior(Protocol):
    """What is corrected: a predictor whose constants also scale the features."""

    @property
    def name(self) -> str:
        """`roofline`, `reference` or the id of a stored predictor."""

    @property
    def basis(self) -> Basis:
        """Where its numbers come from."""

    @property
    def version(self) -> str:
        """Changes whenever the same case could be answered differently."""

    @property
    def constants(self) -> Constants:
        """Of the roofline sum."""

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        """Return the latency in ms of each case; `breakdown` is theirs where it is known."""

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case."""


class ResidualPredictor:
    """Corrects a prior by what measurements taught; made by `fit_residual`."""

    basis = Basis.LEARNED

    def __init__(
        self,
        *,
        prior: Prior,
        corrector: Corrector | None,
        memory: MemoryCorrection | None = None,
        name: str = "residual",
    ) -> None:
        if corrector is None and memory is None:
            raise CannotAnswerError("an untrained predictor cannot predict")
        self.name = name
        self.prior = prior
        self.corrector = corrector
        self.memory = memory
        self._version: str | None = None

    @property
    def constants(self) -> Constants:
        return self.prior.constants

    def algorithm(self, target: Target) -> str:
        """Return how a target was learned: a learner's name, or `parts` for memory."""
        if target is Target.MEMORY or self.corrector is None:
            return "parts"
        return self.corrector.learner.algorithm.value

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return which quantities are corrected."""
        latency = () if self.corrector is None else (Target.LATENCY,)
        return (*latency, *(() if self.memory is None else (Target.MEMORY,)))

    @property
    def row_count(self) -> int:
        """Return how many configurations it was trained on."""
        if self.corrector is not None:
            return self.corrector.experience.rows
        return 0 if self.memory is None else self.memory.row_count

    @property
    def version(self) -> str:
        """Return the first digits of the SHA-256 of everything it consists of."""
        if self._version is None:
            self._version = sha256_of(self.to_bytes())[:12]
        return self._version

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode."""
        if breakdown is not None:
            return self._predict(cases, level, breakdown)
        return [one for block in blocks(cases) for one in self._predict(block, level, None)]

    def _predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None
    ) -> list[CaseEstimate]:
        described = describe(cases, self.constants, breakdown)
        estimates = self.prior.predict(cases, level, described.breakdown)
        if self.corrector is not None:
            estimates = self._with_latency(self.corrector, cases, estimates, described, level)
        if self.memory is not None:
            estimates = _with_memory(self.memory, cases, estimates, level)
        return estimates

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        """Return the corrected latency in ms of each case, without intervals."""
        if breakdown is not None:
            return self._latencies_ms(cases, breakdown)
        return np.concatenate(
            [np.empty(0), *(self._latencies_ms(block, None) for block in blocks(cases))]
        )

    def _latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None) -> Floats:
        described = describe(cases, self.constants, breakdown)
        values = self.prior.latencies_ms(cases, described.breakdown)
        if self.corrector is None:
            return values
        return values * _factors(self.corrector, cases, described.matrix)

    def _with_latency(
        self, corrector: Corrector, cases: Sequence[Case], estimates: Sequence[CaseEstimate],
        described: Described, level: float,
    ) -> list[CaseEstimate]:  # fmt: skip
        values = [estimate.latency_ms.value for estimate in estimates]
        factors = _factors(corrector, cases, described.matrix)
        return _corrected(corrector, cases, estimates, np.array(values) * factors, level)

    def to_bytes(self) -> bytes:
        """Return JSON with trees as LightGBM's text; equal predictors give equal bytes."""
        return json.dumps(self.to_json(), allow_nan=False).encode()

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`; of the prior only its version is kept."""
        return {
            "format": FORMAT,
            "features": list(FEATURES),
            "prior": self.prior.version,
            "corrector": None if self.corrector is None else corrector_to_json(self.corrector),
            "memory": None if self.memory is None else self.memory.to_json(),
        }

    @classmethod
    def from_bytes(cls, blob: bytes, *, priors: Sequence[Prior], name: str = "residual") -> Self:
        """Return the predictor that `to_bytes` wrote; no code in `blob` is run.

        Raises StoreUnusableError for damage, CannotAnswerError where it corrects none of `priors`
        or was trained on other features than today's.
        """
        try:
            content = json.loads(blob)
        except (UnicodeDecodeError, json.JSONDecodeError) as exc:
            raise StoreUnusableError(f"the stored predictor is damaged: {exc}") from exc
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise StoreUnusableError(f"the stored predictor is not of the format '{FORMAT}'")
        return cls.from_json(content, priors=priors, name=name)

    @classmethod
    def from_json(
        cls, content: Mapping[str, object], *, priors: Sequence[Prior], name: str = "residual"
    ) -> Self:
        """Return the predictor that `to_json` wrote, as `from_bytes` does."""
        if content.get("features") != list(FEATURES):
            raise CannotAnswerError(
                "the stored predictor was trained on other features than this version computes",
                hint="train it again: 'perfpredict models train'",
            )
        try:
            corrector, memory, version = content["corrector"], content["memory"], content["prior"]
            prior = next((one for one in priors if one.version == version), None)
            if prior is None:
                raise CannotAnswerError(
                    "the stored predictor corrects one that this version does not ship",
                    hint="train it again: 'perfpredict models train'",
                )
            return cls(
                prior=prior,
                corrector=None if corrector is None else corrector_from_json(corrector),
                memory=None if memory is None else MemoryCorrection.from_json(mapping(memory)),
                name=name,
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as exc:
            raise StoreUnusableError(f"the stored predictor is damaged: {exc}") from exc


def _factors(corrector: Corrector, cases: Sequence[Case], matrix: Floats) -> Floats:
    """Return corrected / prior, 1 for a case that is nothing like what was learned from."""
    places = [place for place, case in enumerate(cases) if corrector.covers(case)]
    if len(places) == len(cases):
        return np.exp(corrector.log_factors(cases, matrix))
    factors = np.ones(len(cases))
    if places:
        chosen = [cases[place] for place in places]
        factors[places] = np.exp(corrector.log_factors(chosen, matrix[places]))
    return factors


def _at_least(estimate: Estimate, low: float, high: float) -> Estimate:
    """Return the estimate with an interval that holds its own and `low` to `high`."""
    own = estimate.interval
    wide = replace(own, lower=min(own.lower, low), upper=max(own.upper, high))
    return replace(estimate, interval=wide)


def _corrected(
    corrector: Corrector, cases: Sequence[Case], estimates: Sequence[CaseEstimate],
    values: Floats, level: float,
) -> list[CaseEstimate]:  # fmt: skip
    """Return the estimates with `values` of latency in ms, where something alike was learned."""
    standings = standings_of(corrector, level)
    found = [standings.of(case) for case in cases]
    lower, upper = standings.log_factors(cases, found)
    bounds = zip((values * np.exp(lower)).tolist(), (values * np.exp(upper)).tolist(), strict=True)
    rows_by_model = corrector.experience.by_model
    answers: list[CaseEstimate] = []
    asked = zip(cases, estimates, found, values.tolist(), bounds, strict=True)
    for case, estimate, standing, value, (low, high) in asked:
        if not corrector.covers(case):
            said = f"no device of kind {case.device.kind} was learned"
            latency = _at_least(estimate.latency_ms, low, high)
            cautions = (*estimate.cautions, said)
            answers.append(replace(estimate, latency_ms=latency, cautions=cautions))
            continue
        cautions = standing.cautions_at(case.workload.batch_size)
        answers.append(
            CaseEstimate(
                latency_ms=Estimate(
                    value=value, interval=Interval(lower=low, upper=high, coverage=level)
                ),
                memory_bytes=estimate.memory_bytes,
                basis=Basis.LEARNED if standing.is_learned else estimate.basis,
                time_shares=estimate.time_shares,
                launch_share=estimate.launch_share,
                similar_rows=max(standing.device_rows, rows_by_model.get(case.workload.model, 0)),
                is_extrapolated=bool(cautions),
                cautions=(*estimate.cautions, *cautions),
            )
        )
    return answers


def _with_memory(
    memory: MemoryCorrection, cases: Sequence[Case], estimates: Sequence[CaseEstimate],
    level: float,
) -> list[CaseEstimate]:  # fmt: skip
    values = memory.predict(cases)
    return [
        replace(
            estimate, memory_bytes=_estimate(float(value), memory.quantiles(case, level), level)
        )
        for case, estimate, value in zip(cases, estimates, values, strict=True)
    ]


def _estimate(value: float, factors: LogFactors, level: float) -> Estimate:
    return Estimate(
        value=value,
        interval=Interval(
            lower=value * float(np.exp(factors.lower)),
            upper=value * float(np.exp(factors.upper)),
            coverage=level,
        ),
    )
