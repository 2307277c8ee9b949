"""Learners of log residuals from a feature matrix: gradient-boosted trees and ridge regression.

Both save to JSON (trees as LightGBM's text), so loading them runs no code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import InvalidInputError, StoreUnusableError
from perfpredict.models.boosted_trees import BoostedTrees
from perfpredict.models.signing import sha256_of

Floats = NDArray[np.float64]


class Algorithm(StrEnum):
    """How residuals are learned; `auto` takes whichever does best on held-out groups."""

    AUTO = "auto"
    LIGHTGBM = "lightgbm"
    RIDGE = "ridge"


class Learner(Protocol):
    """A fitted function from features to log residuals."""

    @property
    def algorithm(self) -> Algorithm:
        """How it was learned."""

    def predict(self, matrix: Floats) -> Floats:
        """Return one log residual a row of `matrix`, shape (rows, features)."""

    def importance(self) -> Floats:
        """Return one share a feature, adding up to 1, or all zeros where nothing was learned."""

    def to_json(self) -> dict[str, object]:
        """Return plain values, for `learner_from_json`."""


def fit_learner(
    algorithm: Algorithm, matrix: Floats, target: Floats, weights: Floats, *, seed: int
) -> Learner:
    """Return a learner of `target` (log residuals); the same arguments give the same learner."""
    if algorithm is Algorithm.RIDGE:
        return RidgeLearner.fit(matrix, target, weights)
    if algorithm is Algorithm.LIGHTGBM:
        return TreeLearner.fit(matrix, target, weights, seed=seed)
    raise InvalidInputError("algorithm 'auto' must be settled before fitting")


def learner_from_json(content: Mapping[str, object]) -> Learner:
    """Return the learner that `to_json` wrote; StoreUnusableError for damage."""
    algorithm = content.get("algorithm")
    if algorithm == Algorithm.LIGHTGBM:
        return TreeLearner.from_json(content)
    if algorithm == Algorithm.RIDGE:
        return RidgeLearner.from_json(content)
    raise StoreUnusableError(f"stored predictor: no algorithm named {algorithm!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How many and how fine trees suit a number of rows; compared in docs/accuracy.md."""

    rows_below: float
    rounds: int
    leaves: int
    leaf_rows: int
    learning_rate: float = 0.05
    l2: float = 1.0
    feature_fraction: float = 0.6
    has_random_thresholds: bool = False


_SIZES = (
    _Size(rows_below=200, rounds=200, leaves=7, leaf_rows=20),
    _Size(rows_below=4000, rounds=400, leaves=31, leaf_rows=20),
    _Size(
        rows_below=float("inf"), rounds=1000, leaves=47, leaf_rows=4, learning_rate=0.08, l2=0.3,
        feature_fraction=0.8, has_random_thresholds=True,
    ),
)  # fmt: skip
_STATISTICS = re.compile(
    r"^(internal_value|internal_weight|internal_count|leaf_weight|leaf_count|tree_sizes)"
    r"=.*\n",
    re.MULTILINE,
)


def _slim(text: str) -> str:
    """Return LightGBM's text without what only describes training; its answers stay the same."""
    return _STATISTICS.sub("", text)


def tree_parameters(rows: int, *, seed: int) -> tuple[dict[str, object], int]:
    """Return LightGBM's parameters for so many rows, and how many trees to grow."""
    size = next(size for size in _SIZES if rows < size.rows_below)
    parameters = {
        "objective": "huber",
        # in log units: beyond a factor of 1.35 a residual pulls with constant force
        "alpha": 0.3,
        "learning_rate": size.learning_rate,
        "num_leaves": size.leaves,
        "min_data_in_leaf": min(size.leaf_rows, max(3, rows // 25)),
        "lambda_l2": size.l2,
        "feature_fraction": size.feature_fraction,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "extra_trees": size.has_random_thresholds,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }
    return parameters, size.rounds


class TreeLearner:
    """LightGBM trees; one thread and fixed seeds, so equal rows give equal trees."""

    algorithm = Algorithm.LIGHTGBM

    def __init__(self, text: str) -> None:
        self._text = text
        self._trees: BoostedTrees | None = None

    @classmethod
    def fit(cls, matrix: Floats, target: Floats, weights: Floats, *, seed: int) -> Self:
        """Return trees fitted to `target`; the fewer rows, the fewer and the coarser the trees."""
        import lightgbm

        parameters, rounds = tree_parameters(len(target), seed=seed)
        data = lightgbm.Dataset(matrix, label=target, weight=weights, free_raw_data=False)
        booster = lightgbm.train(parameters, data, num_boost_round=rounds)
        return cls.from_text(booster.model_to_string())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the trees that LightGBM wrote as `text`."""
        return cls(_slim(text))

    def predict(self, matrix: Floats) -> Floats:
        return self._loaded().predict(matrix)

    def importance(self) -> Floats:
        return _as_shares(self._loaded().gain())

    def to_json(self) -> dict[str, object]:
        return {
            "algorithm": self.algorithm.value,
            "sha256": sha256_of(self._text.encode()),
            "text": self._text,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        text = content.get("text")
        # damaged text can crash the process inside LightGBM, so it never gets there
        if not isinstance(text, str) or sha256_of(text.encode()) != content.get("sha256"):
            raise StoreUnusableError("stored predictor: its trees do not have the stored sha256")
        return cls(text)

    def _loaded(self) -> BoostedTrees:
        if self._trees is None:
            self._trees = BoostedTrees(self._text)
        return self._trees


class RidgeLearner:
    """Linear in standardised features, with the penalty chosen by leave-one-out error.

    Answers are kept inside the range of the targets it was fitted to. A value that is not known
    (nan) counts as the mean.
    """

    algorithm = Algorithm.RIDGE

    def __init__(
        self, *, centre: Floats, scale: Floats, slopes: Floats, offset: float,
        lowest: float, highest: float,
    ) -> None:  # fmt: skip
        self._centre, self._scale, self._slopes = centre, scale, slopes
        self._offset, self._lowest, self._highest = offset, lowest, highest

    @classmethod
    def fit(cls, matrix: Floats, target: Floats, weights: Floats) -> Self:
        """Return the ridge regression of `target` with the best leave-one-out penalty."""
        share = weights / weights.sum()
        centre = _means(matrix, share)
        matrix = _filled(matrix, centre)
        scale = np.sqrt(share @ (matrix - centre) ** 2)
        scale = np.where(scale > 1e-9, scale, 1.0)
        offset = float(share @ target)
        root = np.sqrt(share * len(target))
        rows = (matrix - centre) / scale * root[:, None]
        slopes = _best_slopes(rows, (target - offset) * root)
        return cls(
            centre=centre, scale=scale, slopes=slopes, offset=offset,
            lowest=float(target.min()), highest=float(target.max()),
        )  # fmt: skip

    def predict(self, matrix: Floats) -> Floats:
        matrix = _filled(matrix, self._centre)
        answers = (matrix - self._centre) / self._scale @ self._slopes + self._offset
        return np.asarray(np.clip(answers, self._lowest, self._highest), dtype=np.float64)

    def importance(self) -> Floats:
        return _as_shares(np.abs(self._slopes))

    def to_json(self) -> dict[str, object]:
        return {
            "algorithm": self.algorithm.value,
            "centre": self._centre.tolist(),
            "scale": self._scale.tolist(),
            "slopes": self._slopes.tolist(),
            "offset": self._offset,
            "lowest": self._lowest,
            "highest": self._highest,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        return cls(
            centre=_floats(content, "centre"), scale=_floats(content, "scale"),
            slopes=_floats(content, "slopes"), offset=_float(content, "offset"),
            lowest=_float(content, "lowest"), highest=_float(content, "highest"),
        )  # fmt: skip


def _best_slopes(rows: Floats, target: Floats) -> Floats:
    """Return the slopes with the penalty of least leave-one-out squared error.

    With rows = U S V' the fit is U diag(s² / (s² + penalty)) U' y, and the error of a row that
    is left out is its residual / (1 - its diagonal element of that hat matrix).
    """
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    projected = left.T @ target
    best: tuple[float, Floats] | None = None
    for penalty in np.geomspace(0.1, 1000.0, 13):
        shrunk = singular**2 / (singular**2 + penalty)
        # the mean was taken off beforehand and leans on every row by 1 / n
        leverage = (left**2) @ shrunk + 1 / len(target)
        left_out = (target - left @ (shrunk * projected)) / np.maximum(1 - leverage, 1e-3)
        error = float(np.mean(left_out**2))
        if best is None or error < best[0]:
            best = (error, right.T @ (singular / (singular**2 + penalty) * projected))
    assert best is not None
    return best[1]


def _means(matrix: Floats, share: Floats) -> Floats:
    """Return the weighted mean of each column over the values that are known, 0 without any."""
    known = np.isfinite(matrix)
    weights = share @ known
    totals = share @ np.where(known, matrix, 0.0)
    return np.asarray(totals / np.where(weights > 0, weights, 1.0), dtype=np.float64)


def _filled(matrix: Floats, centre: Floats) -> Floats:
    return np.where(np.isfinite(matrix), matrix, centre)


def _as_shares(values: Floats) -> Floats:
    total = values.sum()
    return values / total if total > 0 else values


def _floats(content: Mapping[str, object], name: str) -> Floats:
    values = content.get(name)
    if not isinstance(values, Sequence):
        raise StoreUnusableError(f"stored predictor: '{name}' is missing")
    return np.asarray(values, dtype=np.float64)


def _float(content: Mapping[str, object], name: str) -> float:
    value = content.get(name)
    if not isinstance(value, int | float):
        raise StoreUnusableError(f"stored predictor: '{name}' is missing")
    return float(value)
