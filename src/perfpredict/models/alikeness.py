"""How alike two cases are: near each other in the features that predictors learn from."""

from collections.abc import Sequence

import numpy as np

from perfpredict.features import FEATURES
from perfpredict.models.efficiency import Constants
from perfpredict.models.observations import describe
from perfpredict.models.op_arrays import Floats
from perfpredict.models.predictor import Case

SHARE_LENGTH, LOG_LENGTH, FLAG_LENGTH = 0.3, 3.0, 1.5
"""How far apart shares, natural logarithms and flags are that have little to do with each other;
compared on left-out devices (docs/accuracy.md)."""


def _scale(feature: str) -> float:
    if feature == "framework_released":  # not a number where the version is not known
        return 0.0
    if "share" in feature:
        return 1.0 / SHARE_LENGTH
    return 1.0 / (LOG_LENGTH if feature.startswith(("log_", "mean_log_")) else FLAG_LENGTH)


_SCALE = np.array([_scale(feature) for feature in FEATURES])


def positions(cases: Sequence[Case], constants: Constants) -> Floats:
    """Return (m, features): where each case lies, in lengths of the process."""
    matrix = np.nan_to_num(describe(cases, constants).matrix)
    return np.asarray(matrix * _SCALE, dtype=np.float64)


def alikeness(left: Floats, right: Floats) -> Floats:
    """Return (m, n): 1 for the same place, towards 0 far apart; a squared exponential."""
    square = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    return np.asarray(np.exp(-np.maximum(square, 0.0) / 2.0), dtype=np.float64)
