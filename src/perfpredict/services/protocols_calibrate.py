"""Calibration that any predictor can have: the level of a device, shrunk, from its own rows."""

from collections.abc import Sequence

import numpy as np

from perfpredict.models.calibration import CalibratedPredictor, SpreadQuantiles, fit_offsets
from perfpredict.models.efficiency import RESIDUAL_LEVELS, load_constants
from perfpredict.models.predictor import Predictor
from perfpredict.services.protocols_rows import ScoredRow

_LEVEL = 0.9
"""Of intervals that are thrown away here."""


def calibrate_by_offset(predictor: Predictor, rows: Sequence[ScoredRow]) -> Predictor:
    """Return `predictor` with the level of the rows' devices corrected, as stored rows would."""
    estimates = predictor.predict([row.case for row in rows], _LEVEL)
    residuals = [
        (row.device, row.case.workload, float(np.log(row.latency_ms / one.latency_ms.value)))
        for row, one in zip(rows, estimates, strict=True)
    ]
    pooled = load_constants().residual_quantiles["within_device"]
    quantiles = SpreadQuantiles(RESIDUAL_LEVELS, pooled)
    return CalibratedPredictor(predictor, fit_offsets(residuals, quantiles.spread), quantiles)
