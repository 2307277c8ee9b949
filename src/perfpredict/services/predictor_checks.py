"""Whether stored predictors still are what was stored, and their bytes as a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from perfpredict.errors import PerfpredictError
from perfpredict.models.blobs import BlobFormat
from perfpredict.services.predictors import is_trusted, loaded_object, predictor_of
from perfpredict.store import predictors as stored
from perfpredict.store.gateway import Store
from perfpredict.store.predictors import PredictorRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether a stored predictor still is what was stored."""

    model_id: str
    is_intact: bool
    is_trusted: bool
    is_same: bool | None
    """Whether it loads and answers as when it was stored; None where it was not loaded."""
    note: str

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against using it; being untrusted does not."""
        return self.is_intact and self.is_same is not False


def verify(store: Store, ids: Sequence[str]) -> list[Verification]:
    """Return what holds of each predictor in `ids`, of all where it is empty.

    Only predictors that this user vouches for are loaded.
    """
    names = list(ids) or stored.list_predictors(store, include_sample=True)["model_id"].to_list()
    return [_verified(store, stored.get_predictor(store, name)) for name in names]


def read_bytes(store: Store, id_or_prefix: str) -> tuple[PredictorRecord, bytes]:
    """Return what is known of a predictor, and its bytes as stored; nothing is loaded."""
    record = stored.get_predictor(store, id_or_prefix)
    return record, stored.predictor_blob(store, record.model_id)


def _verified(store: Store, record: PredictorRecord) -> Verification:
    trusted = is_trusted(record)
    try:
        blob = stored.predictor_blob(store, record.model_id)
    except PerfpredictError as error:
        return Verification(
            model_id=record.model_id, is_intact=False, is_trusted=trusted, is_same=None,
            note=error.message,
        )  # fmt: skip
    if not trusted:
        note = "not loaded: nobody here vouches for it"
        return Verification(
            model_id=record.model_id, is_intact=True, is_trusted=False, is_same=None, note=note
        )
    is_same, note = _loads(record, blob)
    return Verification(
        model_id=record.model_id, is_intact=True, is_trusted=True, is_same=is_same, note=note
    )


def _loads(record: PredictorRecord, blob: bytes) -> tuple[bool, str]:
    try:
        if record.format == BlobFormat.RESIDUAL:
            predictor_of(record, blob)
            return True, ""
        return True, "; ".join(loaded_object(record, blob).cautions)
    except PerfpredictError as error:
        return False, error.message
