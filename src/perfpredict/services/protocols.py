"""Evaluation protocols: train on some rows, answer for groups never seen, say how far off it was.

Which groups are held out is `protocols_splits`, what is computed of the answers is
`protocols_scores`; here the folds are run. A protocol knows nothing of how a predictor is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from perfpredict.errors import CannotAnswerError, TooFewRowsError
from perfpredict.models.predictor import Predictor
from perfpredict.services.progress import OnProgress, Progress
from perfpredict.services.protocols_rows import ScoredRow
from perfpredict.services.protocols_scores import GroupScore, SliceScore, score
from perfpredict.services.protocols_splits import ProtocolName, Split, SplitOptions, plan
from perfpredict.services.protocols_variants import Variant

__all__ = [
    "ProtocolName", "ProtocolResult", "ScoredRow", "SplitOptions", "Variant",
    "run_protocol", "run_protocols",
]  # fmt: skip

LEVEL = 0.9
ANSWERS = {
    "protocol": pl.String(), "shots": pl.Int64(), "seed": pl.Int64(), "fold": pl.String(),
    "row": pl.Int64(), "predicted": pl.Float64(), "lower": pl.Float64(), "upper": pl.Float64(),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolResult:
    """How one variant did under one protocol; for few-shot there is one result a count of rows."""

    protocol: ProtocolName
    variant: str
    shots: int
    """Rows of the device that the predictor was given, 0 but for few-shot."""
    seeds: int
    """Random choices of those rows that the figures are means over."""
    level: float
    fits: int
    slices: tuple[SliceScore, ...]
    groups: tuple[GroupScore, ...]
    """The held-out groups of every slice."""


def run_protocol(
    protocol: ProtocolName,
    rows: Sequence[ScoredRow],
    variant: Variant,
    *,
    level: float = LEVEL,
    seed: int = 0,
    options: SplitOptions | None = None,
) -> tuple[ProtocolResult, ...]:
    """Return how `variant` does under `protocol`: one result, for few-shot one a count of rows."""
    chosen = options or SplitOptions(seed=seed)
    return run_protocols([protocol], rows, variant, level=level, options=chosen)


def run_protocols(
    protocols: Sequence[ProtocolName],
    rows: Sequence[ScoredRow],
    variant: Variant,
    *,
    level: float = LEVEL,
    options: SplitOptions,
    on_progress: OnProgress | None = None,
) -> tuple[ProtocolResult, ...]:
    """Return how `variant` does under each of `protocols`; equal training rows are fitted once.

    Raises TooFewRowsError where a protocol has nothing to hold out.
    """
    splits = [split for protocol in protocols for split in plan(protocol, rows, options)]
    by_training: dict[bytes, list[Split]] = {}
    for split in splits:
        by_training.setdefault(split.train.tobytes(), []).append(split)
    parts: list[pl.DataFrame] = []
    for done, members in enumerate(by_training.values()):
        if on_progress is not None:
            label = f"{variant.name}: {members[0].fold}"
            on_progress(Progress(done=done, total=len(by_training), label=label))
        parts.extend(_answered(members, rows, variant, level))
    if not parts:
        raise TooFewRowsError("no group of rows can be held out")
    answers = pl.concat(parts)
    return tuple(_results(protocols, answers, rows, splits, variant, level))


def _answered(
    splits: Sequence[Split], rows: Sequence[ScoredRow], variant: Variant, level: float
) -> Iterator[pl.DataFrame]:
    """Yield the answers to the held-out rows of `splits`, which share their training rows."""
    fitted = variant.fit([rows[row] for row in splits[0].train])
    for split in splits:
        predictor = fitted
        if len(split.given):
            predictor = variant.calibrate(fitted, [rows[row] for row in split.given])
        yield _answers(split, rows, predictor, level)


def _answers(
    split: Split, rows: Sequence[ScoredRow], predictor: Predictor, level: float
) -> pl.DataFrame:
    estimates = predictor.predict([rows[row].case for row in split.test], level)
    values = np.array(
        [
            (one.latency_ms.value, one.latency_ms.interval.lower, one.latency_ms.interval.upper)
            for one in estimates
        ],
        dtype=np.float64,
    ).reshape(-1, 3)
    if len(values) != len(split.test) or not (np.isfinite(values).all() and (values > 0).all()):
        raise CannotAnswerError(f"'{predictor.name}' gave no usable number for some held-out rows")
    columns = {
        "protocol": [split.protocol.value] * len(values),
        "shots": [split.shots] * len(values),
        "seed": [split.seed] * len(values),
        "fold": [split.fold] * len(values),
        "row": split.test,
        **{name: values[:, place] for place, name in enumerate(("predicted", "lower", "upper"))},
    }
    return pl.DataFrame(columns, schema=ANSWERS)


def _results(
    protocols: Sequence[ProtocolName],
    answers: pl.DataFrame,
    rows: Sequence[ScoredRow],
    splits: Sequence[Split],
    variant: Variant,
    level: float,
) -> Iterator[ProtocolResult]:
    for protocol in dict.fromkeys(protocols):
        own = [split for split in splits if split.protocol is protocol]
        for shots in sorted({split.shots for split in own}):
            members = [split for split in own if split.shots == shots]
            chosen = answers.filter(pl.col("protocol") == protocol.value, pl.col("shots") == shots)
            slices, groups = score(chosen, rows, protocol)
            yield ProtocolResult(
                protocol=protocol,
                variant=variant.name,
                shots=shots,
                seeds=len({split.seed for split in members}),
                level=level,
                fits=len({split.train.tobytes() for split in members}),
                slices=slices,
                groups=groups,
            )
