"""What training and scoring need from the store, read at once so that no lock is held after."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.device import Device
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError, UntrustedModelError
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.hardware import device_catalog
from perfpredict.services.judging import ActivePredictor
from perfpredict.services.opening import ROOFLINE
from perfpredict.services.predictor_accuracy import Contender
from perfpredict.services.predictors import active_record, load_predictor, predictor_of
from perfpredict.store import predictors as stored
from perfpredict.store.gateway import Store
from perfpredict.store.measurements import list_measurements


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Measurements as the store lists them, the devices they name, and the predictor in force."""

    measurements: pl.DataFrame
    catalog: DeviceCatalog
    active: ActivePredictor | None = None
    notes: tuple[str, ...] = ()


def read_material(
    store: Store, row_filter: RowFilter, *, detected: Sequence[Device] = ()
) -> Material:
    """Return the measurements that fit, and the predictor in force if it can be used."""
    measurements = list_measurements(store, row_filter)
    catalog = device_catalog(store, detected=detected)
    record = active_record(store)
    if record is None:
        return Material(measurements=measurements, catalog=catalog)
    try:
        predictor = predictor_of(record, stored.predictor_blob(store, record.model_id))
    except (UntrustedModelError, CannotAnswerError) as error:
        note = f"not compared with the active {record.model_id}: {error.message}"
        return Material(measurements=measurements, catalog=catalog, notes=(note,))
    seen = stored.training_measurement_ids(store, record.model_id)
    active = ActivePredictor(predictor=predictor, measurement_ids=seen)
    return Material(measurements=measurements, catalog=catalog, active=active)


def read_contender(store: Store, name: str) -> Contender:
    """Return the predictor `name`, an id or `roofline`, and what it was trained on."""
    if name == ROOFLINE:
        return Contender(name=ROOFLINE, predictor=RooflinePredictor(), measurement_ids=frozenset())
    predictor = load_predictor(store, name)
    seen = stored.training_measurement_ids(store, predictor.name)
    return Contender(name=predictor.name, predictor=predictor, measurement_ids=seen)
