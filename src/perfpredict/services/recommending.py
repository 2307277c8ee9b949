"""What a stored recommendation leaves behind: its row, and how the workload stands per device."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import Limits, Recommendation
from perfpredict.services.recommend import RankingInputs
from perfpredict.store import devices as device_rows
from perfpredict.store.gateway import Store
from perfpredict.store.mappings import HardwareMapping, upsert_mappings
from perfpredict.store.predictions import insert_predictions
from perfpredict.store.recommendations import insert_recommendation, rejections


def ranking_inputs(store: Store | None, family: str | None, limits: Limits) -> RankingInputs:
    """Return prices and rejections; none of either without a database."""
    if store is None:
        return RankingInputs(prices={}, rejections={})
    return RankingInputs(
        prices=device_rows.prices(store),
        rejections=rejections(store, family, limits=limits),
    )


def stamped_recommendation(
    recommendation: Recommendation,
    *,
    recommendation_id: str,
    now: datetime,
    user: str | None,
    make_prediction_id: Callable[[], str],
) -> Recommendation:
    """Return `recommendation` with its id, and ids for the predictions it rests on."""
    candidates = tuple(
        replace(
            candidate,
            prediction=replace(
                candidate.prediction, prediction_id=make_prediction_id(), created_at=now
            ),
        )
        for candidate in recommendation.candidates
    )
    return replace(
        recommendation,
        candidates=candidates,
        recommendation_id=recommendation_id,
        created_at=now,
        user=user,
    )


def store_recommendation(
    store: Store, recommendation: Recommendation, *, is_sample: bool = False
) -> None:
    """Store a stamped recommendation, its predictions and its mappings in one transaction."""
    predictions: list[Prediction] = [c.prediction for c in recommendation.candidates]
    with store.transaction():
        insert_predictions(store, predictions, user=recommendation.user)
        insert_recommendation(store, recommendation, is_sample=is_sample)
        upsert_mappings(store, _mappings(recommendation, is_sample=is_sample))


def _mappings(recommendation: Recommendation, *, is_sample: bool) -> list[HardwareMapping]:
    assert recommendation.created_at is not None
    best = max((c.score for c in recommendation.candidates), default=0.0)
    return [
        HardwareMapping(
            workload=candidate.prediction.workload,
            hardware_platform=candidate.hardware.requested,
            device=candidate.hardware.device.name,
            device_platform=candidate.hardware.device.platform.value,
            fits=True,
            compatibility_score=candidate.score / best if best else None,
            rank=candidate.rank,
            is_primary=candidate is recommendation.primary,
            reason=candidate.reason,
            updated_at=recommendation.created_at,
            recommendation_id=recommendation.recommendation_id,
            is_sample=is_sample,
        )
        for candidate in recommendation.candidates
    ]
