"""The part of the repository that stores predictors and what matters to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Unpack

from perfpredict.adapters import predictors
from perfpredict.adapters.answers import Row
from perfpredict.adapters.database import Database
from perfpredict.adapters.predictors import PredictorDetails, PredictorScope
from perfpredict.services.predictor_storing import save
from perfpredict.store import predictors as predictor_rows
from perfpredict.store.access import Access


class PredictorTables(Database):
    """Stores fitted regressors of other libraries, signed by this user, and lists them."""

    def store_prediction_model(
        self,
        model: object,
        model_type: str | None = None,
        target_metric: str = "throughput",
        hardware_platform: str | None = None,
        model_family: str | None = None,
        features: Sequence[str] = (),
        **details: Unpack[PredictorDetails],
    ) -> str:
        """Store a fitted regressor, signed by this user, with its feature importance.

        `features` name its columns in order; return its id.
        """
        ready = predictors.prepared(
            model,
            model_type=model_type,
            target_metric=target_metric,
            hardware_platform=hardware_platform,
            model_family=model_family,
            features=features,
            details=details,
            now=datetime.now(UTC),
        )
        with self.open(Access.WRITE) as store:
            save(store, ready)
        return ready.record.model_id

    def load_prediction_model(
        self, model_id: str | None = None, *, trust: bool = False, **scope: Unpack[PredictorScope]
    ) -> tuple[Any, Row]:
        """Return a stored regressor and what is known of it: this one, or the scope's active or
        newest; `trust` loads, and so runs, what somebody else stored.
        """
        with self.open(Access.READ) as store:
            return predictors.loaded(store, model_id, scope, trust=trust)

    def get_prediction_models(
        self, *, model_type: str | None = None, limit: int | None = None,
        **scope: Unpack[PredictorScope],
    ) -> list[Row]:  # fmt: skip
        """Return what is known of the stored predictors, without reading them."""
        with self.open(Access.READ) as store:
            return predictors.listed(store, scope, model_type=model_type, limit=limit)

    def store_feature_importance(
        self, model_id: str, importance: Mapping[str, float], method: str = "given"
    ) -> None:
        """Store how much each feature matters to a predictor, replacing what was known."""
        ranked = predictors.ranked_importance(importance, method)
        with self.open(Access.WRITE) as store:
            full = predictor_rows.get_predictor(store, model_id).model_id
            predictor_rows.insert_importance(store, full, ranked)

    def get_feature_importance(self, model_id: str) -> list[Row]:
        """Return feature_name, importance_score, share, rank and method, most important first."""
        with self.open(Access.READ) as store:
            frame = predictor_rows.list_importance(store, model_id)
        return frame.to_dicts()
