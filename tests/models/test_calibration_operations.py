"""Rows tell apart the kinds of operation that a device is slower at than predicted."""

import math

import numpy as np

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.workload import Workload
from perfpredict.models.calibration import MeasuredCase, calibrate
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor

ROOFLINE = RooflinePredictor()
CPU = DeviceCatalog().find("intel-i9-10940x")
DEPTHWISE = ("mobilenetv3-large-100", "mixnet-s", "mnasnet-100", "ghostnet-100")
PRODUCTS = ("bert-mini", "bert-small", "vit-tiny-patch16-224", "distilbert-base-uncased")


def cases(*names):
    made = []
    for name in names:
        model = find_model(name)
        shape = {"image_size": 224} if model.is_vision else {"sequence_length": 128}
        workload = Workload(model=model.name, family=model.family, batch_size=4, **shape)
        made.append(Case(workload=workload, device=CPU, profile=profile(model, workload)))
    return made


def factors(predictor, asked):
    pairs = [one.predict(asked, 0.9) for one in (predictor, ROOFLINE)]
    return [a.latency_ms.value / b.latency_ms.value for a, b in zip(*pairs, strict=True)]


def test_a_cpu_that_is_slow_at_depthwise_convolutions_is_told_so_for_others_of_their_kind():
    slow, exact = cases(*DEPTHWISE), cases(*PRODUCTS)
    rows = [
        MeasuredCase(case=case, latency_ms=float(before) * factor)
        for asked, factor in ((slow, 2.0), (exact, 1.0))
        for case, before in zip(asked, ROOFLINE.latencies_ms(asked), strict=True)
    ]

    moved = calibrate(ROOFLINE, rows)

    alike = cases("efficientnet-b0", "mobilenetv2-100", "regnety-008")
    assert (np.log(factors(moved, alike)) > 0.5 * math.log(2)).all()
    unlike = cases("vit-small-patch16-224", "all-minilm-l6-v2", "bert-base-uncased")
    assert (np.abs(np.log(factors(moved, unlike))) < 0.1 * math.log(2)).all()
