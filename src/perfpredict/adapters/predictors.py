"""Stored predictors under the documented keys: storing, loading, listing."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from perfpredict.adapters.accuracy import parse_metrics
from perfpredict.adapters.answers import Row, predictor_row
from perfpredict.adapters.workloads import check_keys, real
from perfpredict.catalog.devices import parse_platform
from perfpredict.domain.measurement import check_positive
from perfpredict.domain.names import clean_name
from perfpredict.errors import InvalidInputError
from perfpredict.services.predictor_storing import Description, Prepared, prepare_object
from perfpredict.services.predictors import (
    find_stored,
    get_record,
    is_trusted,
    list_predictors,
    loaded_object,
)
from perfpredict.store import predictors as stored
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.predictors import FeatureImportance, PredictorRecord


class PredictorDetails(TypedDict, total=False):
    """What else can be said of a predictor that is stored."""

    training_score: float | None
    """As its maker measured it, usually R²."""
    validation_score: float | None
    test_score: float | None
    user_id: str | None
    note: str
    compress: int
    """0 to 9, of zlib."""


class PredictorScope(TypedDict, total=False):
    """Which stored predictors are meant."""

    target_metric: str | None
    hardware_platform: str | None
    model_family: str | None


def prepared(
    model: object,
    *,
    model_type: str | None,
    target_metric: str,
    hardware_platform: str | None,
    model_family: str | None,
    features: Sequence[str],
    details: PredictorDetails,
    now: datetime,
) -> Prepared:
    """Return a fitted object ready to be stored, signed by this user."""
    check_keys(details, PredictorDetails)
    (metric,) = parse_metrics(target_metric)
    description = Description(
        target_metric=metric,
        features=tuple(features),
        model_type=None if model_type is None else clean_name("model_type", model_type),
        hardware_platform=platform_name(hardware_platform),
        model_family=None if model_family is None else clean_name("model_family", model_family),
        training_score=_score(details.get("training_score")),
        validation_score=_score(details.get("validation_score")),
        test_score=_score(details.get("test_score")),
        user=details.get("user_id"),
        note=details.get("note", ""),
    )
    return prepare_object(
        model,
        description,
        model_id=new_id(IdKind.MODEL, now),
        now=now,
        compress=details.get("compress", 3),
    )


def loaded(
    store: Store, model_id: str | None, scope: PredictorScope, *, trust: bool
) -> tuple[object, Row]:
    """Return the stored object of this id, else the active or newest one of the scope.

    Raises CannotAnswerError where there is none, UntrustedModelError for what somebody else
    stored, unless `trust`.
    """
    record = get_record(store, model_id) if model_id else _find(store, scope)
    found = loaded_object(record, stored.predictor_blob(store, record.model_id), trust=trust)
    row = predictor_row(record, is_trusted=is_trusted(record))
    return found.regressor, row | {"cautions": list(found.cautions)}


def listed(
    store: Store, scope: PredictorScope, *, model_type: str | None, limit: int | None
) -> list[Row]:
    """Return what is known of the stored predictors, newest first; reads no blob."""
    metric = scope.get("target_metric")
    frame = list_predictors(
        store,
        target_metric=None if metric is None else _metric(metric),
        hardware_platform=platform_name(scope.get("hardware_platform")),
        model_family=scope.get("model_family"),
        model_type=model_type,
        limit=limit,
    )
    records = [stored.predictor_record(row) for row in frame.iter_rows(named=True)]
    return [predictor_row(record, is_trusted=is_trusted(record)) for record in records]


def platform_name(name: str | None) -> str | None:
    """Return a platform's own spelling, any other name as it is."""
    if name is None:
        return None
    platform = parse_platform(name)
    return clean_name("hardware_platform", name) if platform is None else platform.value


def _find(store: Store, scope: PredictorScope) -> PredictorRecord:
    metric = scope.get("target_metric")
    if metric is None:
        raise InvalidInputError("give target_metric or model_id")
    return find_stored(
        store,
        target_metric=_metric(metric),
        hardware_platform=platform_name(scope.get("hardware_platform")),
        model_family=scope.get("model_family"),
    )


def _metric(name: str) -> str:
    if name == "all":
        return name
    (metric,) = parse_metrics(name)
    return metric.value


def _score(value: float | None) -> float | None:
    return None if value is None else float(value)


def ranked_importance(
    importance: Mapping[str, float], method: str
) -> tuple[FeatureImportance, ...]:
    """Return scores of at least 0 with their ranks, and their shares, which add up to 1."""
    for name, score in importance.items():
        check_positive(f"importance of '{name}'", real(score), allow_zero=True)
    total = math.fsum(importance.values())
    if not total > 0:
        raise InvalidInputError("importance: at least one score must be above 0")
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        FeatureImportance(
            feature_name=name,
            importance_score=float(score),
            share=float(score) / total,
            rank=rank,
            method=clean_name("method", method),
        )
        for rank, (name, score) in enumerate(ordered, 1)
    )
