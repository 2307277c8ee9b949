"""Where nothing was measured, a prediction names the line that would check it."""

import shlex

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.workload import Mode, Phase, Workload
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.reports.measure_lines import record_line, run_line
from perfpredict.reports.perf import predictions_report
from perfpredict.services.engine import Engine
from perfpredict.services.measurable import is_measured_by_run


def predicted(model, **shape):
    roofline = RooflinePredictor()
    engine = Engine(devices=DeviceCatalog(), predictor=roofline, fallback=roofline)
    hardware = engine.resolve_devices(["nvidia-l4"])
    return engine.predict(Workload(model=model, **shape), hardware)


def test_a_run_line_says_all_that_differs_from_the_defaults():
    workload = Workload(model="gpt2", batch_size=4, sequence_length=64, phase=Phase.DECODE)

    assert run_line(workload, "cpu") == (
        "perfpredict measure run gpt2 --hardware cpu --batch-size 4 --seq-length 64 --phase decode"
    )


def test_a_record_line_leaves_the_latency_open_and_quotes_names():
    workload = Workload(model="my net", mode=Mode.TRAINING, is_compiled=True)

    *words, option, value = shlex.split(record_line(workload, "nvidia-l4"))

    assert words[3] == "my net"
    assert words[-3:] == ["--mode", "training", "--compile"]
    assert (option, value) == ("--latency", "MS")


@pytest.mark.parametrize(("is_run", "start"), [(True, "measure run"), (False, "measure record")])
def test_a_prediction_of_which_nothing_was_measured_names_its_line(is_run, start):
    found = predicted("resnet50", batch_size=8)

    note = predictions_report(found, is_measured_by_run=is_run).notes[-1]

    assert f"perfpredict {start} resnet50 --hardware nvidia-l4 --batch-size 8" in note


@pytest.mark.parametrize(
    ("model", "changes", "is_measured"),
    [
        ("resnet50", {}, True),
        ("bert-base-uncased", {"framework": "pytorch"}, True),
        ("bert-base-uncased", {"framework": "onnxruntime"}, False),
        ("bert-base-uncased", {"framework_version": "2.1.0", "framework": "pytorch"}, False),
        ("bert-base-uncased", {"mode": Mode.TRAINING}, False),
        ("gpt2", {}, False),
        ("gpt2", {"phase": Phase.DECODE}, True),
        ("whisper-small", {}, False),
        ("unheard-of", {}, False),
    ],
)
def test_measure_run_is_offered_where_it_measures_just_that(model, changes, is_measured):
    assert is_measured_by_run(Workload(model=model, **changes)) is is_measured
