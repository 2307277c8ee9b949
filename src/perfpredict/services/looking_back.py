"""What became of a stored prediction: the measurements it met and how far off it was."""

from dataclasses import dataclass

import polars as pl

from perfpredict.domain.row_filter import RowFilter
from perfpredict.store.accuracy import list_errors
from perfpredict.store.gateway import Store
from perfpredict.store.predictions import StoredPrediction, get_prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrediction:
    """A stored prediction with its errors, one row a measurement and metric."""

    prediction: StoredPrediction
    errors: pl.DataFrame


def show_prediction(store: Store, id_or_prefix: str) -> ShownPrediction:
    """Return a stored prediction and its errors; raises UnknownIdError or AmbiguousIdError."""
    prediction = get_prediction(store, id_or_prefix)
    everything = RowFilter(models=(prediction.workload.model,), include_sample=True)
    errors = list_errors(store, everything).filter(
        pl.col("prediction_id") == prediction.prediction_id
    )
    return ShownPrediction(prediction=prediction, errors=errors)
