"""Rows whose latency is known: the roofline's, times what a test says of model and device."""

from datetime import date
from functools import cache

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.prediction import Basis, Estimate, Interval
from perfpredict.domain.workload import Workload
from perfpredict.models.predictor import Case, CaseEstimate
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.services.protocols_rows import ScoredRow

MODELS = ("bert-base-uncased", "bert-tiny", "bert-mini", "gpt2", "distilgpt2", "resnet50")
DEVICES = ("nvidia-rtx-4090", "nvidia-rtx-3090", "nvidia-l4", "nvidia-t4", "intel-i9-10940x")


@cache
def made_case(model_name, device_name, batch_size=1):
    device, model = DeviceCatalog().find(device_name), find_model(model_name)
    shape = {"image_size": 224} if model.is_vision else {"sequence_length": 128}
    workload = Workload(model=model.name, family=model.family, batch_size=batch_size, **shape)
    return Case(workload=workload, device=device, profile=profile(model, workload))


@cache
def roofline_ms(case_key):
    case = made_case(*case_key)
    return RooflinePredictor().predict([case], 0.9)[0].latency_ms.value


def made_row(model, device, *, batch_size=1, factor=1.0, day=None, latency_ms=None):
    case = made_case(model, device, batch_size)
    return ScoredRow(
        case=case,
        latency_ms=latency_ms or roofline_ms((model, device, batch_size)) * factor,
        model=model,
        architecture=model.split("-")[0],
        family=case.workload.family,
        source="made",
        measured_on=None if day is None else date(2026, 1, day),
        ranked_as=model,
    )


def made_rows(models=MODELS, devices=DEVICES, batch_sizes=(1, 2, 4), factors=None):
    """Return one row a model, device and batch size; `factors` by device name, else 1."""
    return [
        made_row(model, device, batch_size=size, factor=(factors or {}).get(device, 1.0))
        for device in devices
        for model in models
        for size in batch_sizes
    ]


class Knowing:
    """Answers with the true latency times a factor, and an interval of that ratio around it."""

    name = "knowing"
    version = "1"
    basis = Basis.LEARNED

    def __init__(self, rows, *, factor=1.0, width=1.1):
        self._truth = {id(row.case): row.latency_ms for row in rows}
        self._factor = factor
        self._width = width

    def scaled(self, factor):
        other = Knowing([], factor=self._factor * factor, width=self._width)
        other._truth = self._truth
        return other

    def predict(self, cases, level):
        return [self._answer(case, level) for case in cases]

    def _answer(self, case, level):
        value = self._truth[id(case)] * self._factor
        interval = Interval(lower=value / self._width, upper=value * self._width, coverage=level)
        estimate = Estimate(value=value, interval=interval)
        return CaseEstimate(latency_ms=estimate, memory_bytes=estimate, basis=self.basis)
