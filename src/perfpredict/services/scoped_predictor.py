"""Which of the predictors that users stored answers for one device and family of models."""

from dataclasses import dataclass

from perfpredict.domain.device import ResolvedDevice
from perfpredict.models.blobs import BlobFormat
from perfpredict.models.named_features import unknown_features
from perfpredict.services.predictors import is_trusted
from perfpredict.store.gateway import Store
from perfpredict.store.predictors import PredictorRecord, list_predictors, predictor_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped:
    """The stored predictor that answers, if one does, and why others of its scope do not."""

    record: PredictorRecord | None
    cautions: tuple[str, ...] = ()


def scoped_predictor(store: Store, hardware: ResolvedDevice, family: str | None) -> Scoped:
    """Return the user's stored predictor that fits best.

    An active one comes first, then the narrower scope, then the newer one. Those that cannot
    answer, being untrusted or with features that nothing here computes, are named in the cautions
    where none can.
    """
    in_scope = [
        record
        for record in _records(store)
        if record.format != BlobFormat.RESIDUAL
        and record.hardware_platform in {None, *_names(hardware)}
        and record.model_family in {None, family}
    ]
    usable = [record for record in in_scope if _why_not(record) is None]
    if usable:
        return Scoped(record=max(usable, key=_preference))
    cautions = tuple(
        f"stored predictor {record.model_id} was not used: {_why_not(record)}"
        for record in in_scope
    )
    return Scoped(record=None, cautions=cautions)


def _why_not(record: PredictorRecord) -> str | None:
    unknown = unknown_features(record.features)
    if unknown:
        return f"nothing here computes the feature '{unknown[0]}'"
    return None if is_trusted(record) else "somebody else stored it, and it is not trusted"


def _records(store: Store) -> list[PredictorRecord]:
    return [predictor_record(row) for row in list_predictors(store).iter_rows(named=True)]


def _names(hardware: ResolvedDevice) -> set[str]:
    device = hardware.device
    return {hardware.requested, device.name, device.platform.value, *device.aliases}


def _preference(record: PredictorRecord) -> tuple[bool, bool, int, str]:
    # throughput and latency both follow from a predictor of either
    is_of_time = record.target_metric != "memory"
    narrowness = (record.hardware_platform is not None) + (record.model_family is not None)
    # ids sort by time
    return record.is_active, is_of_time, narrowness, record.model_id
