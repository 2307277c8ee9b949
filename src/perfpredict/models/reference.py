"""The predictor that ships: trained on published rows, one learner a kind of work.

scripts/train_reference.py writes its files; docs/accuracy.md says how far off it is. A kind of work
or of device that it has not learned is answered by the roofline sum, and says so.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.prediction import Basis
from perfpredict.errors import StoreUnusableError
from perfpredict.models import generation
from perfpredict.models.calibration import CalibratedPredictor, MeasuredCase, calibrate
from perfpredict.models.collecting import without_collecting
from perfpredict.models.efficiency import Constants
from perfpredict.models.generation import CalibratedGeneration, GenerationPredictor
from perfpredict.models.predictor import Case, CaseEstimate, Predictor
from perfpredict.models.residual import Prior, ResidualPredictor
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.roofline_sum import Breakdown
from perfpredict.models.signing import sha256_of
from perfpredict.models.work_kinds import GENERATION, WORK_KINDS, kind_of_work

FOLDER = Path(__file__).parent
NAME = "reference"

Floats = NDArray[np.float64]


class ReferencePredictor:
    """Answers each kind of work by its own learner, else by the roofline sum."""

    name = NAME
    basis = Basis.LEARNED

    def __init__(self, roofline: RooflinePredictor, parts: Mapping[str, Prior]) -> None:
        self.roofline = roofline
        self.parts = dict(parts)

    @property
    def constants(self) -> Constants:
        return self.roofline.constants

    @property
    def version(self) -> str:
        """Return the first digits of a SHA-256 over the versions of what it consists of."""
        versions = [self.roofline.version, *(self.parts[k].version for k in sorted(self.parts))]
        return sha256_of("\n".join(versions).encode())[:12]

    @without_collecting()
    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        """Return one estimate a case; latency_ms is per batch, per step for decode."""
        by_predictor = self._by_predictor(cases)
        if len(by_predictor) == 1:  # all of one kind of work, so what is known of them is whole
            return by_predictor[0][0].predict(cases, level, breakdown)
        answers: list[CaseEstimate | None] = [None] * len(cases)
        for predictor, places in by_predictor:
            own = predictor.predict([cases[place] for place in places], level)
            for place, answer in zip(places, own, strict=True):
                answers[place] = answer
        return [answer for answer in answers if answer is not None]

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        """Return the latency in ms of each case, without intervals."""
        by_predictor = self._by_predictor(cases)
        if len(by_predictor) == 1:
            return by_predictor[0][0].latencies_ms(cases, breakdown)
        values = np.empty(len(cases))
        for predictor, places in by_predictor:
            values[places] = predictor.latencies_ms([cases[place] for place in places])
        return values

    def calibrated(self, rows: Sequence[MeasuredCase]) -> Predictor:
        """Return this predictor moved by measured rows, the newest first.

        Generation that was learned moves by its terms, all else by a Gaussian process.
        """
        if self.generation is None:
            return calibrate(self, rows)
        generated = [row for row in rows if kind_of_work(row.case.workload) == GENERATION]
        others = [row for row in rows if kind_of_work(row.case.workload) != GENERATION]
        return CalibratedReference(
            self, self.generation, generated, calibrate(self, others), len(rows)
        )

    @property
    def generation(self) -> "GenerationPredictor | _ShippedPart | None":
        """Return the part that answers generation by its terms, None where there is none."""
        part = self.parts.get(GENERATION)
        return part if isinstance(part, GenerationPredictor | _ShippedPart) else None

    def part(self, case: Case) -> Prior:
        """Return the learner that answers `case`, the roofline sum where its kind has none."""
        found = self.parts.get(kind_of_work(case.workload), self.roofline)
        return found.predictor() if isinstance(found, _ShippedPart) else found

    def _by_predictor(self, cases: Sequence[Case]) -> list[tuple[Prior, list[int]]]:
        places: dict[str, list[int]] = {}
        for place, case in enumerate(cases):
            places.setdefault(kind_of_work(case.workload), []).append(place)
        return [(self.parts.get(kind, self.roofline), own) for kind, own in places.items()]


class CalibratedReference:
    """The reference with its answers on some devices moved by the devices' rows."""

    basis = Basis.LEARNED

    def __init__(
        self,
        inner: ReferencePredictor,
        generation: "GenerationPredictor | _ShippedPart",
        generated: Sequence[MeasuredCase],
        others: CalibratedPredictor,
        row_count: int,
    ) -> None:
        self.inner = inner
        self._uncalibrated = generation
        self._generated = generated
        self._others = others
        self._row_count = row_count

    @cached_property
    def _generation(self) -> CalibratedGeneration:
        """What answers generation, read when it is first asked."""
        part = self._uncalibrated
        return (part.generation() if isinstance(part, _ShippedPart) else part).calibrated(
            self._generated
        )

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        return f"{self.inner.version}+{self._row_count}"

    @without_collecting()
    def predict(self, cases: Sequence[Case], level: float) -> list[CaseEstimate]:
        """Return one estimate a case, moved where its device has rows of its kind of work."""
        is_generated = [kind_of_work(case.workload) == GENERATION for case in cases]
        asked = list(zip(cases, is_generated, strict=True))
        questions = [case for case, own in asked if own]
        generated = iter(self._generation.predict(questions, level) if questions else ())
        others = iter(self._others.predict([c for c, own in asked if not own], level))
        return [next(generated if own else others) for own in is_generated]

    def part(self, case: Case) -> CalibratedGeneration | CalibratedPredictor:
        """Return the calibrated predictor that answers `case`."""
        is_generated = kind_of_work(case.workload) == GENERATION
        return self._generation if is_generated else self._others


class _ShippedPart:
    """One learner of the reference, read when it is first asked."""

    name = NAME
    basis = Basis.LEARNED

    def __init__(self, path: Path, roofline: RooflinePredictor) -> None:
        self._path = path
        self._roofline = roofline
        self._loaded: ResidualPredictor | GenerationPredictor | None = None
        self.version = sha256_of(path.read_bytes())[:12]

    @property
    def constants(self) -> Constants:
        return self._roofline.constants

    def latencies_ms(self, cases: Sequence[Case], breakdown: Breakdown | None = None) -> Floats:
        return self.predictor().latencies_ms(cases, breakdown)

    def predict(
        self, cases: Sequence[Case], level: float, breakdown: Breakdown | None = None
    ) -> list[CaseEstimate]:
        return self.predictor().predict(cases, level, breakdown)

    def generation(self) -> GenerationPredictor:
        """Return the predictor of generation; StoreUnusableError for another part."""
        loaded = self.predictor()
        if not isinstance(loaded, GenerationPredictor):
            raise StoreUnusableError(f"'{self._path.name}' holds no predictor of generation")
        return loaded

    def predictor(self) -> ResidualPredictor | GenerationPredictor:
        """Return the learner itself, read from its file on the first call."""
        if self._loaded is None:
            content = json.loads(gzip.decompress(self._path.read_bytes()))
            if content["format"] == generation.FORMAT:
                self._loaded = GenerationPredictor.from_json(content, self._roofline, name=NAME)
            else:
                self._loaded = ResidualPredictor.from_json(
                    content, priors=(self._roofline,), name=NAME
                )
        return self._loaded


def part_path(kind: str) -> Path:
    """Return where the learner of a kind of work ships."""
    return FOLDER / f"reference_{kind}.json.gz"


@cache
def load_reference() -> ReferencePredictor:
    """Return the shipped predictor; StoreUnusableError where its files are not there."""
    roofline = RooflinePredictor()
    parts = {
        kind: _ShippedPart(part_path(kind), roofline)
        for kind in WORK_KINDS
        if part_path(kind).exists()
    }
    if not parts:
        raise StoreUnusableError(
            "the trained predictor that ships with perfpredict is not installed",
            hint="install perfpredict again, or ask with --predictor roofline",
        )
    return ReferencePredictor(roofline, parts)


def known_priors() -> tuple[Prior, ...]:
    """Return what a stored predictor may correct: the shipped predictor and the roofline."""
    return (load_reference(), RooflinePredictor())


def calibrated_by(predictor: Predictor, rows: Sequence[MeasuredCase]) -> Predictor:
    """Return `predictor` moved by measured rows, the newest first, in the way that suits it."""
    if isinstance(predictor, ReferencePredictor):
        return predictor.calibrated(rows)
    return calibrate(predictor, rows)


def uncalibrated(predictor: Predictor) -> Predictor:
    """Return what `calibrated_by` was given."""
    if isinstance(predictor, CalibratedPredictor | CalibratedReference):
        return predictor.inner
    return predictor
