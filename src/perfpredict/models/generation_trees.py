"""What is left after the terms of text generation: small trees on the log residual."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perfpredict.domain.workload import Phase
from perfpredict.errors import InvalidInputError
from perfpredict.models.boosted_trees import BoostedTrees
from perfpredict.models.generation_factors import framework_of, precision_of
from perfpredict.models.generation_sum import FACTORS
from perfpredict.models.generation_terms import TERMS, Term, prompt_tokens, waves
from perfpredict.models.predictor import Case

Floats = NDArray[np.float64]

MIN_ROWS = 60
"""Rows from which trees are grown."""
_TINY_S = 1e-9
_PLACE = {term: place for place, term in enumerate(TERMS)}
_RATIOS = (
    (Term.STEP_CACHE, Term.STEP_WEIGHTS),
    (Term.STEP_PRODUCTS, Term.STEP_WEIGHTS),
    (Term.STEP_UNSHARED_CACHE, Term.STEP_CACHE),
    (Term.STEP_SMALL_LAUNCHES, Term.STEP_MATRIX_LAUNCHES),
    (Term.PROMPT_SMALL_LAUNCHES, Term.PROMPT_MATRIX_LAUNCHES),
)
_PRECISIONS = ("fp32", "fp8", "int4/bnb", "int8/bnb", "int8", "int4/q4_k_m")
_FRAMEWORKS = (
    "transformers", "vllm", "tensorrt-llm", "llama.cpp", "deepspeed", "deepspeed-mii",
    "sambaflow", "llama.cpp-vulkan",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSize:
    """How far the trees may follow the rows."""

    trees: int
    leaves: int
    rows_a_leaf: int
    learning_rate: float


class Trees:
    """A LightGBM model of the log residual; no device or model is named to it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._trees = BoostedTrees(text)
        if self._trees.feature_count != _FEATURE_COUNT:
            raise InvalidInputError(
                f"expected {_FEATURE_COUNT} features, got {self._trees.feature_count}"
            )

    @classmethod
    def fit(
        cls, features: Floats, residuals: Floats, weights: Floats, size: TreeSize, seed: int
    ) -> Self:
        """Return trees grown on log residuals (n,) with Huber's loss, on one thread."""
        import lightgbm

        settings = {
            "objective": "huber", "alpha": 0.1, "learning_rate": size.learning_rate,
            "num_leaves": size.leaves, "min_child_samples": size.rows_a_leaf, "lambda_l2": 5.0,
            "feature_fraction": 0.6, "bagging_fraction": 0.8, "bagging_freq": 1,
            "num_threads": 1, "verbose": -1, "deterministic": True, "seed": seed,
        }  # fmt: skip
        data = lightgbm.Dataset(features, residuals, weight=weights)
        return cls(lightgbm.train(settings, data, size.trees).model_to_string())

    def predict(self, features: Floats) -> Floats:
        """Return the log residual of each case."""
        return self._trees.predict(features)


def tree_features(cases: Sequence[Case], seconds: Floats, factor_shares: Floats) -> Floats:
    """Return shares of the time, logarithms of the shape, ratios of terms, and flags."""
    logs = np.log(np.array([_amounts(case) for case in cases]).reshape(len(cases), -1))
    ratios = np.stack([
        np.log((seconds[:, _PLACE[one]] + _TINY_S) / (seconds[:, _PLACE[other]] + _TINY_S))
        for one, other in _RATIOS
    ], axis=1)  # fmt: skip
    flags = np.array([_flags(case) for case in cases], dtype=np.float64).reshape(len(cases), -1)
    return np.hstack([factor_shares, logs, ratios, flags])


def _amounts(case: Case) -> tuple[float, ...]:
    workload = case.workload
    batch, prompt = float(workload.batch_size), prompt_tokens(workload)
    output = float(workload.output_tokens or 1)
    return (
        batch, prompt, output, float(workload.device_count), waves(case),
        batch * (prompt + output), case.profile.parameters,
    )  # fmt: skip


def _flags(case: Case) -> list[bool]:
    phase, precision, framework = case.workload.phase, precision_of(case), framework_of(case)
    return [
        phase is Phase.PREFILL,
        phase is Phase.DECODE,
        *(precision == name for name in _PRECISIONS),
        *(framework == name for name in _FRAMEWORKS),
    ]


_FEATURE_COUNT = len(FACTORS) + 7 + len(_RATIOS) + 2 + len(_PRECISIONS) + len(_FRAMEWORKS)
