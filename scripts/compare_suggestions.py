"""Compares the measurements that `measure suggest` picks with as many random ones.

    python scripts/compare_suggestions.py MEASUREMENTS.parquet [--only NAME ...]

Each device is left out in turn and what ships is trained anew on the others (at most `--most` rows
of a device). Then questions are asked about the device: `--asked` of its published workloads each.
The predictor is told the measured latency of `--budget` of them, those that are suggested or random
ones, and answers the rest. A draw and the suggestions are scored on the same workloads, those that
neither took. Prints a Markdown table; figures are means over questions and draws.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import read_measurements
from perfpredict.models.predictor import Predictor
from perfpredict.models.work_kinds import FORWARD, GENERATION, TRAINING, kind_of_work
from perfpredict.services.evaluate_rows import ScoredFilter
from perfpredict.services.learned_variant import FitLearned, calibrate_learned
from perfpredict.services.measure_suggest import most_telling
from perfpredict.services.opening import load_engine
from perfpredict.services.protocols_rows import ScoredRow, rows_of_file

LEVEL = 0.9
READ_AT = datetime(2100, 1, 1, tzinfo=UTC)
"""Time of rows without one, the same in every run; it decides nothing here."""
LEFT_OUT = (
    ("nvidia-rtx-3090", FORWARD),
    ("nvidia-rtx-4090", FORWARD),
    ("intel-i9-10940x", FORWARD),
    ("nvidia-a100-sxm-40gb", GENERATION),
    ("nvidia-h100-sxm", GENERATION),
    ("nvidia-a10g", GENERATION),
    ("nvidia-a100-sxm-80gb", GENERATION),
    ("amd-mi250", GENERATION),
    ("nvidia-h100-sxm", TRAINING),
    ("nvidia-rtx-3090", TRAINING),
)
"""Devices whose rows of one kind of work are enough to ask about."""
HEAD = (
    "device", "kind of work", "rows", "median APE, no rows", "suggested", "random",
    "draws that suggested beats", "coverage, suggested", "random", "upper/lower, no rows",
    "suggested", "random",
)  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far off answers are, and their 90 % intervals."""

    median_ape: float
    coverage: float
    width: float
    """Median of upper / lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a predictor says of n rows, in ms, and what was measured."""

    measured: Floats
    value: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, predictor: Predictor, rows: Sequence[ScoredRow]) -> "Answers":
        found = [
            answer.latency_ms for answer in predictor.predict([row.case for row in rows], LEVEL)
        ]
        return cls(
            measured=np.array([row.latency_ms for row in rows]),
            value=np.array([one.value for one in found]),
            lower=np.array([one.interval.lower for one in found]),
            upper=np.array([one.interval.upper for one in found]),
        )

    def score(self, kept: NDArray[np.bool_]) -> Score:
        """Return how far off the answers to the rows `kept` are."""
        errors = np.abs(self.value / self.measured - 1.0)[kept]
        is_inside = ((self.lower <= self.measured) & (self.measured <= self.upper))[kept]
        return Score(
            median_ape=float(np.median(errors)),
            coverage=float(is_inside.mean()),
            width=float(np.median((self.upper / self.lower)[kept])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """One draw beside the suggestions, on the workloads that neither took."""

    none: Score
    suggested: Score
    random: Score


def read_rows(path: Path) -> list[ScoredRow]:
    """Return the rows whose batch size is stated, as evaluations read them."""
    engine = load_engine(None, predictor="roofline", is_calibrated=False)
    options = ReadOptions(resolve_device=engine.devices.resolve, now=READ_AT)
    gathered = rows_of_file(engine, read_measurements([str(path)], options), ScoredFilter())
    return [row for row in gathered.rows if not row.is_batch_assumed]


def at_most(rows: Sequence[ScoredRow], most: int, seed: int) -> list[ScoredRow]:
    """Return `rows` in their order, of each device `most` random ones."""
    generator = np.random.default_rng(seed)
    by_device: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        by_device.setdefault(row.device, []).append(place)
    kept = [generator.permutation(places)[:most] for places in by_device.values()]
    return [rows[place] for place in np.sort(np.concatenate(kept))]


def duels(
    predictor: Predictor, asked: Sequence[ScoredRow], budget: int, draws: int, seed: int
) -> list[Duel]:
    """Return every draw of `budget` rows beside those that are suggested of `asked`."""
    none = Answers.of(predictor, asked)
    cases, widths = [row.case for row in asked], np.log(none.upper / none.lower)
    suggested = [one.place for one in most_telling(predictor, [], cases, widths, budget)]
    informed = Answers.of(told(predictor, asked, suggested), asked)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = generator.permutation(len(asked))[:budget].tolist()
        lucky = Answers.of(told(predictor, asked, drawn), asked)
        kept = ~np.isin(np.arange(len(asked)), [*suggested, *drawn])
        found.append(
            Duel(none=none.score(kept), suggested=informed.score(kept), random=lucky.score(kept))
        )
    return found


def told(predictor: Predictor, asked: Sequence[ScoredRow], places: Sequence[int]) -> Predictor:
    """Return `predictor` corrected by what was measured of the rows at `places`."""
    return calibrate_learned(predictor, [asked[place] for place in places])


def table_row(device: str, kind: str, rows: int, found: Sequence[Duel]) -> str:
    """Return the line of one device."""
    scores = [(duel.none, duel.suggested, duel.random) for duel in found]
    ape = np.array([[one.median_ape for one in three] for three in scores]).mean(axis=0)
    coverage = np.array([[one.coverage for one in three] for three in scores]).mean(axis=0)
    width = np.array([[one.width for one in three] for three in scores]).mean(axis=0)
    wins = sum(duel.suggested.median_ape < duel.random.median_ape for duel in found)
    cells = [
        device, kind, str(rows), *(f"{value:.1%}" for value in ape), f"{wins} of {len(found)}",
        *(f"{value:.0%}" for value in coverage[1:]), *(f"{value:.2f}" for value in width),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="DEVICE")
    parser.add_argument("--most", type=int, default=1500, help="rows of a device")
    parser.add_argument("--asked", type=int, default=120, help="workloads in a question")
    parser.add_argument("--questions", type=int, default=20, help="of each device")
    parser.add_argument("--budget", type=int, default=10)
    parser.add_argument("--draws", type=int, default=20, help="random choices a question")
    arguments = parser.parse_args()
    every = read_rows(arguments.measurements)
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
    for device, kind in LEFT_OUT:
        if arguments.only and device not in arguments.only:
            continue
        started = time.monotonic()
        rows = [row for row in every if kind_of_work(row.case.workload) == kind]
        rows = at_most(rows, arguments.most, seed=0)
        own = [row for row in rows if row.device == device]
        predictor = FitLearned()([row for row in rows if row.device != device])
        found: list[Duel] = []
        for question in range(arguments.questions):
            places = np.random.default_rng(question).permutation(len(own))[: arguments.asked]
            asked = [own[place] for place in places]
            found += duels(predictor, asked, arguments.budget, arguments.draws, seed=question)
        print(table_row(device, kind, len(own), found), flush=True)
        print(f"{device}: {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
