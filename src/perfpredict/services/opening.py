"""Opens the engine: the user's devices, the active predictor, and this user's own rows."""

from collections.abc import Iterable

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.device import Device, ResolvedDevice
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import Workload
from perfpredict.errors import PerfpredictError, UnknownIdError
from perfpredict.models.predictor import Predictor
from perfpredict.models.reference import ReferencePredictor, load_reference
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.engine import Engine
from perfpredict.services.hardware import device_catalog
from perfpredict.services.predictors import active_predictor, load_predictor
from perfpredict.store import measurements
from perfpredict.store.gateway import Store

CALIBRATION_ROWS = 2000
"""Newest measurements that correct the level of their devices."""
AUTO = "auto"
ROOFLINE = "roofline"
REFERENCE = "reference"

MeasuredRow = tuple[Workload, ResolvedDevice, float]


def load_engine(
    store: Store | None,
    *,
    predictor: str = AUTO,
    detected: Iterable[Device] = (),
    is_calibrated: bool = True,
) -> Engine:
    """Return the engine that answers from `store`, or from the catalog alone where it is None.

    `auto` is the active trained predictor if there is one, else the one that ships, corrected by
    the stored measurements; `reference` is the one that ships, `roofline` the bare roofline sum;
    anything else is the id of a stored predictor. Raises UnknownIdError,
    UntrustedModelError or StoreUnusableError for a predictor that cannot be used.
    """
    fallback = RooflinePredictor()
    chosen = _chosen(store, predictor, fallback)
    catalog = device_catalog(store, tuple(detected))
    engine = Engine(devices=catalog, predictor=chosen, fallback=fallback)
    # a trained predictor has seen these rows: its residuals on them would be too small
    is_shipped = isinstance(chosen, ReferencePredictor)
    if store is None or not is_calibrated or predictor != AUTO or not is_shipped:
        return engine
    rows = calibration_rows(store, catalog)
    return engine.calibrated(rows) if rows else engine


def _chosen(store: Store | None, predictor: str, fallback: RooflinePredictor) -> Predictor:
    if predictor == ROOFLINE:
        return fallback
    if predictor not in (AUTO, REFERENCE):
        if store is None:
            raise UnknownIdError(
                f"no predictor '{predictor}': there is no database",
                hint="auto, reference and roofline need none",
            )
        return load_predictor(store, predictor)
    active = active_predictor(store) if store is not None and predictor == AUTO else None
    return active or load_reference()


def calibration_rows(store: Store, catalog: DeviceCatalog) -> list[MeasuredRow]:
    """Return the newest measured latencies whose device is known; sample rows stay out."""
    rows: list[MeasuredRow] = []
    for row in measurements.latency_rows(store, RowFilter(limit=CALIBRATION_ROWS)):
        try:
            device = catalog.find(row.device)
        except PerfpredictError:
            continue  # a device that was removed from the catalog says nothing about others
        hardware = ResolvedDevice(requested=row.device, device=device, how="name")
        rows.append((row.workload, hardware, row.latency_ms))
    return rows
