"""Storing predictors: those trained here, and those fitted elsewhere, with what proves them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np

from perfpredict.domain.families import canonical_family
from perfpredict.domain.metrics import Metric
from perfpredict.errors import InvalidInputError
from perfpredict.features import FEATURES
from perfpredict.models import signing
from perfpredict.models.blobs import (
    MAX_BLOB_BYTES,
    BlobFormat,
    check_size,
    compressed,
    detect_format,
)
from perfpredict.models.named_features import unknown_features
from perfpredict.models.reference import known_priors
from perfpredict.models.residual import ResidualPredictor
from perfpredict.models.residual_fit import Importance, own_importance
from perfpredict.models.serialized import (
    Floats,
    Regressor,
    Seal,
    as_regressor,
    check_feature_count,
    current_versions,
    dump_object,
    load_object,
    make_check_vector,
    native_importance,
)
from perfpredict.services.predictors import with_check
from perfpredict.services.train import Trained
from perfpredict.store import predictors as stored
from perfpredict.store.gateway import Store
from perfpredict.store.predictors import FeatureImportance, PredictorRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What somebody who stores a predictor says of it."""

    target_metric: Metric
    features: tuple[str, ...]
    model_type: str | None = None
    """The class's name where None."""
    hardware_platform: str | None = None
    model_family: str | None = None
    training_score: float | None = None
    validation_score: float | None = None
    test_score: float | None = None
    user: str | None = None
    note: str = ""
    is_sample: bool = False

    def __post_init__(self) -> None:
        if not self.features:
            raise InvalidInputError("features: name at least one")
        if any(not name.strip() for name in self.features):
            raise InvalidInputError("features: a name is blank")
        if len(set(self.features)) != len(self.features):
            raise InvalidInputError("features: a name is given twice")
        for name in ("training_score", "validation_score", "test_score"):
            score = getattr(self, name)
            if score is not None and not np.isfinite(score):
                raise InvalidInputError(f"{name} must be finite, got {score}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A predictor ready to be stored."""

    record: PredictorRecord
    blob: bytes
    importances: tuple[FeatureImportance, ...]
    cautions: tuple[str, ...] = ()
    measurement_ids: tuple[str, ...] = ()


def prepare_object(
    model: object, description: Description, *, model_id: str, now: datetime, compress: int = 3
) -> Prepared:
    """Return a fitted object, serialized, signed by this user, with its feature importance."""
    regressor = as_regressor(model)
    check_feature_count(regressor, description.features)
    blob = dump_object(model, compress=compress)
    return _prepared(regressor, blob, description, model_id=model_id, now=now)


def prepare_file(
    blob: bytes,
    file_name: str,
    description: Description,
    *,
    model_id: str,
    now: datetime,
    trust: bool = False,
    compress: int = 3,
    max_bytes: int = MAX_BLOB_BYTES,
) -> Prepared:
    """Return the contents of a file, checked by loading it.

    Raises UntrustedModelError for a pickle without `trust`: it is neither loaded nor stored.
    """
    check_size(len(blob), max_bytes)
    blob_format = detect_format(blob, file_name)
    if blob_format is BlobFormat.RESIDUAL:
        raise InvalidInputError(
            "this predictor was trained by perfpredict and describes itself",
            hint="take it in with 'perfpredict models load FILE'",
        )
    key = signing.signing_key()
    seal = Seal(sha256=signing.sha256_of(blob), signature=None, library_versions={}, check=None)
    loaded = load_object(blob, seal, features=description.features, key=key, trust=trust)
    kept = compressed(blob, compress) if blob_format is BlobFormat.PICKLE else blob
    return _prepared(loaded.regressor, kept, description, model_id=model_id, now=now)


def prepare_exported(
    blob: bytes, *, model_id: str, now: datetime, activate: bool, user: str | None = None
) -> Prepared:
    """Return a predictor that `models export` wrote here or elsewhere; it holds no code.

    Which measurements it was trained on is not in the file, so none of them counts as seen.
    """
    check_size(len(blob))
    if detect_format(blob) is not BlobFormat.RESIDUAL:
        raise InvalidInputError(
            "this is not a predictor that perfpredict trained",
            hint="store those of other libraries with 'perfpredict models store'",
        )
    predictor = ResidualPredictor.from_bytes(blob, priors=known_priors(), name=model_id)
    target = predictor.targets[0]
    record = PredictorRecord(
        model_id=model_id,
        created_at=now,
        model_type=f"{predictor.algorithm(target)}-residual",
        target_metric="all" if len(predictor.targets) > 1 else target.value,
        format=BlobFormat.RESIDUAL.value,
        features=FEATURES,
        training_configs=predictor.row_count,
        metadata={"library_versions": current_versions(blob)},
        is_active=activate,
        user=user,
        note="loaded from a file",
    )
    return Prepared(
        record=record,
        blob=blob,
        importances=_ranked(own_importance(predictor)),
        cautions=("its training rows are not in the file: its accuracy here may flatter it",),
    )


def prepare_trained(
    trained: Trained, *, model_id: str, now: datetime, activate: bool, user: str | None = None
) -> Prepared:
    """Return a predictor that was trained here, with its scores and training rows."""
    first = trained.scores[0]
    targets = [score.target.value for score in trained.scores]
    metric = "all" if len(targets) > 1 else targets[0]
    plan = asdict(trained.plan)
    record = PredictorRecord(
        model_id=model_id,
        created_at=now,
        model_type=f"{first.algorithm}-residual",
        target_metric=metric,
        format=BlobFormat.RESIDUAL.value,
        features=FEATURES,
        test_score=1 - first.accuracy.mape,
        geo_error_factor_test=first.accuracy.geo_error_factor,
        coverage_test=first.accuracy.coverage,
        training_rows=trained.training_rows,
        training_configs=trained.training_configs,
        training_cut_off=trained.cut_off,
        metadata={
            "plan": plan,
            "held_out": list(first.held_out),
            "roofline_geo_error_factor": first.roofline_geo_error_factor,
            "library_versions": current_versions(trained.predictor.to_bytes()),
            "left_out": dict(trained.left_out),
        },
        is_active=activate,
        is_sample=trained.is_sample,
        user=user,
    )
    return Prepared(
        record=record,
        blob=trained.predictor.to_bytes(),
        importances=_ranked(trained.importances),
        cautions=trained.notes,
        measurement_ids=trained.measurement_ids,
    )


def save(store: Store, prepared: Prepared) -> None:
    """Store a prepared predictor with all that belongs to it, or nothing."""
    stored.insert_predictor(
        store,
        prepared.record,
        prepared.blob,
        prepared.importances,
        training_measurement_ids=prepared.measurement_ids,
    )


def _prepared(
    regressor: Regressor, blob: bytes, description: Description, *, model_id: str, now: datetime
) -> Prepared:
    sha256 = signing.sha256_of(blob)
    check = make_check_vector(regressor, len(description.features))
    family = description.model_family
    values, method = native_importance(regressor, len(description.features))
    record = PredictorRecord(
        model_id=model_id,
        created_at=now,
        model_type=description.model_type or type(regressor).__name__,
        target_metric=description.target_metric.value,
        format=detect_format(blob).value,
        features=description.features,
        hardware_platform=description.hardware_platform,
        model_family=family and canonical_family(family),
        training_score=description.training_score,
        validation_score=description.validation_score,
        test_score=description.test_score,
        metadata={"library_versions": current_versions(blob)},
        signature=signing.sign(sha256, signing.signing_key()),
        is_sample=description.is_sample,
        user=description.user,
        note=description.note,
    )
    return Prepared(
        record=with_check(record, check),
        blob=blob,
        importances=_importances(description.features, values, method),
        cautions=_cautions(description.features, has_check=check is not None),
    )


def _cautions(features: Sequence[str], *, has_check: bool) -> tuple[str, ...]:
    found = []
    unknown = unknown_features(features)
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        found.append(f"cannot answer predictions: nothing here computes the feature {names}")
    if not has_check:
        found.append("it gives no finite numbers on made-up inputs, so answers are not compared")
    return tuple(found)


def _importances(
    features: Sequence[str], values: Floats, method: str
) -> tuple[FeatureImportance, ...]:
    total = float(values.sum())
    if not np.isfinite(values).all() or total <= 0:
        return ()
    order = sorted(range(len(features)), key=lambda column: (-values[column], column))
    return tuple(
        FeatureImportance(
            feature_name=features[column],
            importance_score=float(values[column]),
            share=float(values[column]) / total,
            rank=rank,
            method=method,
        )
        for rank, column in enumerate(order, 1)
    )


def _ranked(importances: Sequence[Importance]) -> tuple[FeatureImportance, ...]:
    return tuple(
        FeatureImportance(
            feature_name=one.feature,
            importance_score=one.importance,
            share=one.share,
            rank=rank,
            method=one.method,
        )
        for rank, one in enumerate(importances, 1)
    )
