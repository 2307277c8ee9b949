"""Stored predictors: loading them as predictors, finding the active one, listing, trusting."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from perfpredict.domain.families import canonical_family
from perfpredict.domain.metrics import Metric
from perfpredict.errors import CannotAnswerError, StoreUnusableError
from perfpredict.models import signing
from perfpredict.models.blobs import BlobFormat, PickleListing, list_globals
from perfpredict.models.predictor import Predictor
from perfpredict.models.reference import known_priors
from perfpredict.models.residual import ResidualPredictor
from perfpredict.models.serialized import CheckVector, LoadedObject, Seal, check_sha256, load_object
from perfpredict.models.user_model import Scope, UserModelPredictor
from perfpredict.store import predictors as stored
from perfpredict.store.gateway import Store
from perfpredict.store.predictors import PredictorRecord

_AUTOMATIC = (Metric.LATENCY, Metric.THROUGHPUT, Metric.MEMORY)
"""In this order an active predictor is looked for; one for `all` counts as latency."""


class Status(StrEnum):
    """Which stored predictors a list shows."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    STALE = "stale"
    """A measurement that it was trained on was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPredictor:
    """All that is known of a stored predictor without loading it."""

    record: PredictorRecord
    is_trusted: bool
    listing: PickleListing | None
    """What its pickle names; None where it is no pickle."""


def load_predictor(store: Store, id_or_prefix: str) -> Predictor:
    """Return the stored predictor, ready to answer.

    Raises UnknownIdError, UntrustedModelError, StoreUnusableError or CannotAnswerError.
    """
    record = stored.get_predictor(store, id_or_prefix)
    return predictor_of(record, stored.predictor_blob(store, record.model_id))


def predictor_of(record: PredictorRecord, blob: bytes, *, trust: bool = False) -> Predictor:
    """Return the predictor in `blob`; only a pickle needs trust, the other formats run no code."""
    if record.format == BlobFormat.RESIDUAL:
        check_sha256(blob, _sha256(record))
        return ResidualPredictor.from_bytes(blob, priors=known_priors(), name=record.model_id)
    loaded = loaded_object(record, blob, trust=trust)
    return UserModelPredictor(
        loaded.regressor,
        name=record.model_id,
        version=_sha256(record)[:12],
        features=record.features,
        target=Metric.LATENCY if record.target_metric == "all" else Metric(record.target_metric),
        scope=Scope(hardware_platform=record.hardware_platform, model_family=record.model_family),
        residuals=None,
        cautions=loaded.cautions,
    )


def loaded_object(record: PredictorRecord, blob: bytes, *, trust: bool = False) -> LoadedObject:
    """Return the object of another library that `blob` holds, if this user vouches for it."""
    if record.format == BlobFormat.RESIDUAL:
        raise CannotAnswerError(
            f"{record.model_id} is a predictor of perfpredict's own, not an object to hand out",
            hint="use it with --predictor, or export its bytes",
        )
    key = signing.signing_key()
    return load_object(blob, seal_of(record), features=record.features, key=key, trust=trust)


def active_predictor(store: Store) -> Predictor | None:
    """Return the predictor in force, ready to answer, or None where none was activated."""
    record = active_record(store)
    if record is None:
        return None
    return predictor_of(record, stored.predictor_blob(store, record.model_id))


def active_record(store: Store) -> PredictorRecord | None:
    """Return what is known of the predictor in force, None where none was activated."""
    found = (stored.active_predictor(store, metric.value) for metric in _AUTOMATIC)
    return next((record for record in found if record is not None), None)


def list_predictors(
    store: Store,
    *,
    target_metric: str | None = None,
    hardware_platform: str | None = None,
    model_family: str | None = None,
    model_type: str | None = None,
    status: Status | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return the stored predictors, newest first, with `is_trusted`; reads no blob."""
    is_active = None if status in {None, Status.STALE} else status is Status.ACTIVE
    frame = stored.list_predictors(
        store,
        target_metric=target_metric,
        hardware_platform=hardware_platform,
        model_family=None if model_family is None else canonical_family(model_family),
        model_type=model_type,
        is_active=is_active,
        limit=None if status is Status.STALE else limit,
    )
    if status is Status.STALE:
        frame = frame.filter(pl.col("is_stale"))
        frame = frame if limit is None else frame.head(limit)
    records = [stored.predictor_record(row) for row in frame.iter_rows(named=True)]
    trusted = pl.Series("is_trusted", [is_trusted(one) for one in records], dtype=pl.Boolean())
    return frame.with_columns(trusted)


def show_predictor(store: Store, id_or_prefix: str) -> ShownPredictor:
    """Return all that is known of a predictor; a pickle is read, not loaded."""
    record = stored.get_predictor(store, id_or_prefix)
    listing = None
    if record.format == BlobFormat.PICKLE:
        listing = list_globals(stored.predictor_blob(store, record.model_id))
    return ShownPredictor(record=record, is_trusted=is_trusted(record), listing=listing)


def importance(store: Store, id_or_prefix: str) -> pl.DataFrame:
    """Return rank, feature_name, importance_score, share and method; CannotAnswerError if none."""
    record = stored.get_predictor(store, id_or_prefix)
    frame = stored.list_importance(store, record.model_id)
    if frame.is_empty():
        raise CannotAnswerError(f"no feature importance is stored for {record.model_id}")
    return frame


def find_stored(
    store: Store,
    *,
    target_metric: str,
    hardware_platform: str | None = None,
    model_family: str | None = None,
) -> PredictorRecord:
    """Return the active, else the newest, predictor of this metric and scope.

    Raises CannotAnswerError where none was stored.
    """
    frame = stored.list_predictors(
        store,
        target_metric=target_metric,
        hardware_platform=hardware_platform,
        model_family=None if model_family is None else canonical_family(model_family),
    )
    if frame.is_empty():
        scope = ", ".join(part for part in (hardware_platform, model_family) if part)
        raise CannotAnswerError(
            f"no predictor of {target_metric} is stored" + (f" for {scope}" if scope else ""),
            hint="'perfpredict models list' shows those that are",
        )
    first = frame.sort("is_active", descending=True, maintain_order=True).row(0, named=True)
    return stored.predictor_record(first)


def get_record(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Return what is known of one stored predictor."""
    return stored.get_predictor(store, id_or_prefix)


def activate(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Put a predictor in force, after seeing that it loads; raises what loading it raises."""
    record = stored.get_predictor(store, id_or_prefix)
    predictor_of(record, stored.predictor_blob(store, record.model_id))
    return stored.activate(store, record.model_id)


def delete(store: Store, id_or_prefix: str) -> str:
    """Delete a predictor with all that belongs to it; returns its id."""
    return stored.delete_predictor(store, id_or_prefix)


def trust(store: Store, id_or_prefix: str) -> PredictorRecord:
    """Sign a stored predictor with this user's key, so that it loads without being asked."""
    record = stored.get_predictor(store, id_or_prefix)
    check_sha256(stored.predictor_blob(store, record.model_id), _sha256(record))
    signature = signing.sign(_sha256(record), signing.signing_key())
    return stored.set_trust(store, record.model_id, signature)


def is_trusted(record: PredictorRecord) -> bool:
    """Whether loading it needs no further word: it runs no code, or this user signed it."""
    if record.format != BlobFormat.PICKLE:
        return True
    key = signing.existing_key()
    return key is not None and signing.is_signed(_sha256(record), record.signature, key)


def seal_of(record: PredictorRecord) -> Seal:
    """Return what the stored bytes are checked against."""
    versions = record.metadata.get("library_versions")
    return Seal(
        sha256=_sha256(record),
        signature=record.signature,
        library_versions=(
            {str(name): str(version) for name, version in versions.items()}
            if isinstance(versions, Mapping)
            else {}
        ),
        check=_check_vector(record.metadata.get("check")),
    )


def with_check(record: PredictorRecord, check: CheckVector | None) -> PredictorRecord:
    """Return the record with known answers, which loading compares."""
    content = None
    if check is not None:
        content = {"rows": [list(row) for row in check.rows], "answers": list(check.answers)}
    return replace(record, metadata={**record.metadata, "check": content})


def _check_vector(content: object) -> CheckVector | None:
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise StoreUnusableError("the stored check vector is damaged")
    try:
        return CheckVector(
            rows=tuple(tuple(float(value) for value in row) for row in content["rows"]),
            answers=tuple(float(value) for value in content["answers"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise StoreUnusableError(f"the stored check vector is damaged: {exc}") from exc


def _sha256(record: PredictorRecord) -> str:
    if record.sha256 is None:
        raise StoreUnusableError(f"predictor '{record.model_id}' has no stored sha256")
    return record.sha256
