"""The predictor of text generation: terms times learned factors, then small trees.

Made from rows by models/generation_training.py; docs/generation.md says why it looks as it does.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.errors import CannotAnswerError, InvalidInputError, StoreUnusableError
from perfpredict.models.calibration import MeasuredCase
from perfpredict.models.conformal import LogFactors
from perfpredict.models.efficiency import Constants
from perfpredict.models.generation_answer import Answer, answer_by
from perfpredict.models.generation_calibration import (
    FAMILIAR,
    MAX_ROWS,
    PLAUSIBLE,
    UNFAMILIAR,
    DeviceCalibration,
    Freedom,
)
from perfpredict.models.generation_factors import framework_of
from perfpredict.models.generation_intervals import LIKE_VENDORS, MIN_CELL_ROWS, Widths
from perfpredict.models.generation_parts import EAGER, SERVED, Part, Seen, manner_of
from perfpredict.models.generation_sum import time_shares
from perfpredict.models.generation_terms import TERMS, terms_of
from perfpredict.models.json_parts import mapping
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import RooflinePredictor, memory_estimate
from perfpredict.models.roofline_sum import Breakdown
from perfpredict.models.signing import sha256_of

FORMAT = "perfpredict generation 1"

Floats = NDArray[np.float64]


class GenerationPredictor:
    """Answers prefill, decode and generate of any framework on any device."""

    basis = Basis.LEARNED

    def __init__(
        self,
        *,
        roofline: RooflinePredictor,
        parts: Mapping[str, Part],
        widths: Widths,
        seen: Seen,
        name: str = "generation",
    ) -> None:
        self.name = name
        self.roofline = roofline
        self.parts = dict(parts)
        self.widths = widths
        self.seen = seen
        self._version: str | None = None

    @property
    def constants(self) -> Constants:
        return self.roofline.constants

    @property
    def version(self) -> str:
        """Return the first digits of the SHA-256 of everything it consists of."""
        if self._version is None:
            content = json.dumps(self.to_json(), allow_nan=False)
            self._version = sha256_of(content.encode())[:12]
        return self._version

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        """Return the latency in ms of each case; it has terms of its own and needs no breakdown."""
        del breakdown
        return np.asarray(np.exp(self.answer(cases).log_latency_s) * 1e3)

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode."""
        del breakdown
        answer = self.answer(cases)
        return [
            self.estimate(case, float(log_s), shares, self.factors(case), level)
            for case, log_s, shares in zip(
                cases, answer.log_latency_s, answer.timing.term_shares, strict=True
            )
        ]

    def answer(self, cases: Sequence[Case]) -> Answer:
        """Return the latency of each case and how it comes about."""
        if any(case.workload.phase is None for case in cases):
            raise CannotAnswerError("a predictor of generation answers no workload without a phase")
        return answer_by(self.parts, cases, terms_of(cases))

    def term_shares(self, case: Case) -> Floats:
        """Return the share of the time of `case` that each of TERMS takes; they add up to 1."""
        return np.asarray(self.answer([case]).timing.term_shares[0])

    def factors(self, case: Case) -> LogFactors:
        """Return the log factors of the 90 % interval around the latency."""
        is_known = framework_of(case) in self.seen.frameworks
        return self.widths.factors(case, self.seen.cell_rows(case), is_known)

    def estimate(
        self, case: Case, log_latency_s: float, term_shares: Floats, factors: LogFactors,
        level: float,
    ) -> CaseEstimate:  # fmt: skip
        """Return the answer to one case; `factors` are those of the 90 % interval."""
        value = float(np.exp(log_latency_s)) * 1e3
        scaled = self.widths.scaled(factors, level)
        shares, launch_share = time_shares(term_shares)
        cautions = self.seen.cautions(case)
        return CaseEstimate(
            latency_ms=Estimate(
                value=value,
                interval=Interval(
                    lower=value * float(np.exp(scaled.lower)),
                    upper=value * float(np.exp(scaled.upper)),
                    coverage=level,
                ),
            ),
            memory_bytes=memory_estimate(case, level),
            basis=self.basis,
            time_shares=shares,
            launch_share=launch_share,
            similar_rows=self.seen.similar_rows(case),
            is_extrapolated=bool(cautions),
            cautions=cautions,
        )

    def calibrated(self, rows: Sequence[MeasuredCase]) -> "CalibratedGeneration":
        """Return this predictor moved by measured rows, the newest first; some 10 ms a device."""
        by_device: dict[str, list[MeasuredCase]] = {}
        for row in rows:
            own = by_device.setdefault(row.case.device.name, [])
            if len(own) < MAX_ROWS:
                own.append(row)
        return CalibratedGeneration(
            self, {device: self._calibration(own) for device, own in by_device.items()}
        )

    def _calibration(self, rows: Sequence[MeasuredCase]) -> DeviceCalibration:
        cases = [row.case for row in rows]
        frameworks = [framework_of(case) for case in cases]
        return DeviceCalibration(
            self.answer(cases),
            frameworks,
            np.log([row.latency_ms / 1e3 for row in rows]),
            self._freedom(cases),
            np.array([self._learned_width(case) for case in cases]),
        )

    def _freedom(self, cases: Sequence[Case]) -> Freedom:
        """Return what a device may differ by of which these cases were measured."""
        is_like = cases[0].device.vendor in LIKE_VENDORS
        if all(
            framework_of(case) in self.seen.frameworks and (is_like or self.is_learned(case))
            for case in cases
        ):
            return FAMILIAR
        is_eager = all(manner_of(case) == EAGER for case in cases)
        return PLAUSIBLE if is_like and is_eager else UNFAMILIAR

    def is_learned(self, case: Case) -> bool:
        """Return whether many rows of the case's framework on its device were learned from."""
        return self.seen.cell_rows(case) >= MIN_CELL_ROWS

    def _learned_width(self, case: Case) -> float:
        """Return the log half-width of 90 % that learned rows gave, not a number without them."""
        factors = self.factors(case)
        return (factors.upper - factors.lower) / 2.0 if self.is_learned(case) else math.nan

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `from_json`; what the trees are is LightGBM's own text."""
        return {
            "format": FORMAT,
            "terms": [term.value for term in TERMS],
            "parts": {name: part.to_json() for name, part in self.parts.items()},
            "widths": self.widths.to_json(),
            "seen": self.seen.to_json(),
        }

    @classmethod
    def from_json(
        cls,
        content: Mapping[str, object],
        roofline: RooflinePredictor,
        *,
        name: str = "generation",
    ) -> Self:
        """Return the predictor that `to_json` wrote; no code in `content` is run.

        Raises StoreUnusableError for damage, CannotAnswerError where it was trained on other
        terms than today's.
        """
        if content.get("format") != FORMAT:
            raise StoreUnusableError(f"the stored predictor is not of the format '{FORMAT}'")
        if content.get("terms") != [term.value for term in TERMS]:
            raise CannotAnswerError(
                "the stored predictor was trained on other terms than this version computes",
                hint="train it again",
            )
        try:
            parts = mapping(content["parts"])
            return cls(
                roofline=roofline,
                parts={manner: Part.from_json(parts[manner]) for manner in (EAGER, SERVED)},
                widths=Widths.from_json(mapping(content["widths"])),
                seen=Seen.from_json(content["seen"]),
                name=name,
            )
        except (KeyError, TypeError, ValueError, InvalidInputError) as exc:
            raise StoreUnusableError(f"the stored predictor is damaged: {exc}") from exc


class CalibratedGeneration:
    """A predictor of generation whose answers on some devices are moved by the devices' rows."""

    basis = Basis.LEARNED

    def __init__(
        self, inner: GenerationPredictor, devices: Mapping[str, DeviceCalibration]
    ) -> None:
        self.inner = inner
        self._devices = dict(devices)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        rows = sum(device.rows for device in self._devices.values())
        return f"{self.inner.version}+{rows}"

    def rows_of(self, case: Case) -> int:
        """Return how many rows move the answer to `case`."""
        device = self._devices.get(case.device.name)
        return 0 if device is None else device.rows

    def term_shares(self, case: Case) -> Floats:
        """Return the share of the time of `case` that each of TERMS takes; they add up to 1."""
        device = self._devices.get(case.device.name)
        if device is None:
            return self.inner.term_shares(case)
        moved = device.answer(self.inner.answer([case]), [framework_of(case)])
        return np.asarray(moved.timing.term_shares[0])

    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case, moved where its device has rows."""
        estimates = self.inner.predict(cases, level)
        before = self.inner.answer(cases)
        names = np.array([case.device.name for case in cases], dtype=str)
        for name, device in self._devices.items():
            places = np.flatnonzero(names == name)
            own = [cases[place] for place in places.tolist()]
            answer = device.answer(before.at(places), [framework_of(case) for case in own])
            for row, (place, case) in enumerate(zip(places.tolist(), own, strict=True)):
                factors = device.factors(
                    self.inner.factors(case),
                    float(answer.variance[row]),
                    is_learned=self.inner.is_learned(case),
                )
                log_s, shares = float(answer.log_latency_s[row]), answer.timing.term_shares[row]
                estimate = self.inner.estimate(case, log_s, shares, factors, level)
                estimates[place] = replace(
                    estimate,
                    similar_rows=max(estimate.similar_rows, device.rows),
                    is_extrapolated=False,
                )
        return estimates
