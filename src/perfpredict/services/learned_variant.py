"""The learned predictor as the protocols take it: fitted from scratch, calibrated on few rows."""

from collections.abc import Sequence

import numpy as np

from perfpredict.models.learners import Algorithm
from perfpredict.models.observations import Observations, Target
from perfpredict.models.predictor import Predictor
from perfpredict.models.residual_fit import fit_residual
from perfpredict.services.protocols_calibrate import Remembering, calibrate_by_offset
from perfpredict.services.protocols_rows import ScoredRow

NAME = "learned"


def fit_learned(rows: Sequence[ScoredRow]) -> Predictor:
    """Return the learned predictor, trained on `rows` alone."""
    fitted = fit_residual([observations_of(rows)], algorithm=Algorithm.LIGHTGBM, name=NAME)
    return Remembering(fitted)


def calibrate_learned(predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
    """Return `predictor` corrected by `rows` of a device, as a user's own rows would do it."""
    return calibrate_by_offset(predictor, rows)


def observations_of(rows: Sequence[ScoredRow]) -> Observations:
    """Return the latencies of `rows`; rows of one model are siblings."""
    return Observations(
        target=Target.LATENCY,
        cases=tuple(row.case for row in rows),
        measured=np.array([row.latency_ms for row in rows], dtype=np.float64),
        groups=tuple(row.model for row in rows),
    )
