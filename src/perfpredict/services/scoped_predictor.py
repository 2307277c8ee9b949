"""Which of the predictors that users stored answers for one device and family of models."""

from perfpredict.domain.device import ResolvedDevice
from perfpredict.models.blobs import BlobFormat
from perfpredict.models.named_features import unknown_features
from perfpredict.services.predictors import is_trusted
from perfpredict.store.gateway import Store
from perfpredict.store.predictors import PredictorRecord, list_predictors, predictor_record


def scoped_predictor(
    store: Store, hardware: ResolvedDevice, family: str | None
) -> PredictorRecord | None:
    """Return the user's stored predictor that fits best, None where none fits.

    Only those that can answer count: trusted, and with features that can be computed here. An
    active one comes first, then the narrower scope, then the newer one.
    """
    fitting = [
        record
        for record in _records(store)
        if record.format != BlobFormat.RESIDUAL
        and record.hardware_platform in {None, *_names(hardware)}
        and record.model_family in {None, family}
        and not unknown_features(record.features)
        and is_trusted(record)
    ]
    return max(fitting, key=_preference, default=None)


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
