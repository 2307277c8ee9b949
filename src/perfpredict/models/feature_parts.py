"""Features of many rows, in parts on the disk, and trees that are fitted without all in memory.

LightGBM reads the parts in pieces and keeps one byte a feature and row: the bin of its value.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from perfpredict.models.learners import TreeLearner, tree_parameters

Floats = NDArray[np.float64]

_READ_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePart:
    """Some rows to learn from, in three files of one folder."""

    folder: Path
    number: int
    rows: int
    weight_sum: float

    def file(self, content: str) -> Path:
        return self.folder / f"{self.number:06d}.{content}.npy"


def write_part(
    folder: Path, number: int, matrices: Sequence[Floats], target: Floats, weights: Floats
) -> FeaturePart:
    """Write features (in single precision), log residuals and weights, and return where."""
    part = FeaturePart(
        folder=folder, number=number, rows=len(target), weight_sum=float(weights.sum())
    )
    single = [matrix.astype(np.float32) for matrix in matrices]
    np.save(part.file("features"), np.concatenate(single))
    np.save(part.file("target"), target)
    np.save(part.file("weights"), weights)
    return part


def fit_parts(parts: Sequence[FeaturePart], *, seed: int) -> TreeLearner:
    """Return trees fitted to the rows of all `parts`, on all cores of this machine."""
    threads: dict[str, object] = {"num_threads": os.cpu_count() or 1}
    return TreeLearner.from_text(fit_share(parts, parts, seed=seed, more=threads))


def fit_share(
    own: Sequence[FeaturePart],
    parts: Sequence[FeaturePart],
    *,
    seed: int,
    more: dict[str, object],
) -> str:
    """Return LightGBM's text of trees fitted to `own` parts, of all `parts` that are learned from.

    `more` are further parameters; with those of several machines each fits its own parts, and all
    get the same trees.
    """
    import lightgbm

    class Rows(lightgbm.Sequence):
        """The features of one part, read as they are asked for."""

        batch_size = _READ_AT_ONCE

        def __init__(self, part: FeaturePart) -> None:
            self._matrix = open_memmap(part.file("features"), mode="r")

        def __len__(self) -> int:
            return len(self._matrix)

        def __getitem__(self, place: int | slice | list[int]) -> Floats:
            return np.asarray(self._matrix[place], dtype=np.float64)

    rows = sum(part.rows for part in parts)
    mean_weight = sum(part.weight_sum for part in parts) / rows
    parameters, rounds = tree_parameters(rows, seed=seed)
    data = lightgbm.Dataset(
        [Rows(part) for part in own],
        label=np.concatenate([open_memmap(part.file("target"), mode="r") for part in own]),
        weight=np.concatenate([open_memmap(part.file("weights"), mode="r") for part in own])
        / mean_weight,
        params={"verbosity": -1},
    )
    booster = lightgbm.train({**parameters, **more}, data, num_boost_round=rounds)
    return str(booster.model_to_string())
