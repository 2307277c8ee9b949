"""The loop closes on this machine: what is measured of some workloads corrects the others.

Takes minutes, as it runs 30 real models, and prints what it finds:

    python -m pytest -n 0 -m slow -s tests/services/test_loop_closes.py

It needs the cores for itself: on a busy Linux machine, `chrt -r 1` before it, as root.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec

import numpy as np
import pytest

from perfpredict.domain.measurement import CONTENDED
from perfpredict.domain.workload import Workload
from perfpredict.measuring.request import Backend
from perfpredict.measuring.timing import Limits
from perfpredict.services.hardware import add_device, resolve_alias, set_alias
from perfpredict.services.machine import probe_this_machine, survey_machine
from perfpredict.services.measure_plan import RunSettings, plan
from perfpredict.services.measure_run import carry_out, store_result
from perfpredict.services.measure_suggest import suggest
from perfpredict.services.model_source import known_model
from perfpredict.services.opening import load_engine
from perfpredict.services.suggest_run import plan_suggested
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store

MISSING = [name for name in ("torch", "timm", "transformers") if find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"needs the extra 'measure': no {MISSING}"),
]

MODELS = (
    "resnet18", "resnet50", "mobilenetv3_large_100", "efficientnet_b0", "regnety_008",
    "densenet121", "convnext_atto", "mixnet_s", "mobilevit_s", "vit_tiny_patch16_224",
    "deit_small_patch16_224", "bert-mini", "bert-small", "all-minilm-l6-v2",
    "distilbert-base-uncased",
)  # fmt: skip
WORKLOADS = [Workload(model=name, batch_size=size) for name in MODELS for size in (1, 4)]
BUDGET = 10
LIMITS = Limits(min_time_s=1.0, max_time_s=3.0)
PROBE_SECONDS = 4.0
TRIES = 3
"""A run that waited for cores tells nothing, so it is made again, so often at most."""
LEVEL = 0.9


def now():
    return datetime.now(UTC)


@dataclass(frozen=True)
class Loop:
    """A database, and what is known of this machine."""

    path: object
    survey: object

    def engine(self):
        devices = [one.device for one in self.survey.devices if one.device is not None]
        with Store.open(self.path, Access.READ) as store:
            return load_engine(store, detected=devices)

    def probe(self):
        """Let `cpu` stand for this machine's CPU with measured rates."""
        device = probe_this_machine(PROBE_SECONDS).device
        with Store.open(self.path, Access.WRITE) as store:
            add_device(store, device, may_replace=True, now=now())
            set_alias(store, resolve_alias(store, "cpu", device.name), now=now())
        return device

    def suggested(self):
        """Return the measurements to make, and the workloads that are left."""
        engine = self.engine()
        found = suggest(
            engine, WORKLOADS, engine.resolve_devices(["cpu"]), known=[], budget=BUDGET, level=LEVEL
        )
        chosen = {one.workload for one in found.chosen}
        rest = [workload for workload in WORKLOADS if workload not in chosen]
        return plan_suggested(engine, found, self.survey, LIMITS), rest

    def planned(self, workloads):
        settings = RunSettings(backend=Backend.TORCH, hardware="cpu", limits=LIMITS, level=LEVEL)
        asked = [(workload, known_model(workload.model)) for workload in workloads]
        return plan(self.engine(), asked, settings, self.survey)

    def measure(self, planned, *, is_stored):
        """Return what was measured; a run that had to wait for cores is made again."""
        return [self._measured(one, is_stored=is_stored) for one in planned]

    def _measured(self, planned, *, is_stored):
        for _ in range(TRIES):
            (finished,) = carry_out([planned], keep=lambda one: one, clock=now).finished
            assert finished.summary is not None, finished.outcome
            if is_stored:
                with Store.open(self.path, Access.WRITE) as store:
                    store_result(store, finished, now=now())
            if CONTENDED not in {one.name for one in finished.warnings}:
                break
        return finished


@dataclass(frozen=True)
class Accuracy:
    median_ape: float
    coverage: float
    width: float

    @classmethod
    def of(cls, planned, measured_ms):
        latencies = [one.prediction.latency_ms for one in planned]
        pairs = list(zip(latencies, measured_ms, strict=True))
        return cls(
            median_ape=float(np.median([abs(one.value / ms - 1) for one, ms in pairs])),
            coverage=float(np.mean([ms in one.interval for one, ms in pairs])),
            width=float(np.median([one.interval.upper / one.interval.lower for one in latencies])),
        )

    def __str__(self):
        return (
            f"median APE {self.median_ape:.1%}, {self.coverage:.0%} inside the {LEVEL:.0%} "
            f"interval, upper/lower {self.width:.2f}"
        )


@pytest.fixture
def loop(tmp_path):
    made = Loop(path=tmp_path / "loop.duckdb", survey=survey_machine())
    device = made.probe()
    print(
        f"\n{made.survey.cpu.model_name}, {made.survey.cpu.usable_cores:g} cores: {device.source}"
    )
    return made


def show(title, finished, planned):
    print(title)
    for one, answer in zip(finished, planned, strict=True):
        measured, latency = one.summary.median_ms, answer.prediction.latency_ms
        print(
            f"{one.planned.workload.model:24s} {one.planned.workload.batch_size:2d} "
            f"measured {measured:8.2f} ms predicted {latency.value:8.2f} "
            f"[{latency.interval.lower:.2f}, {latency.interval.upper:.2f}] "
            f"{', '.join(warning.name for warning in one.warnings)}"
        )


def test_ten_suggested_measurements_correct_the_other_twenty(loop):
    suggested, rest = loop.suggested()
    before = loop.planned(rest)

    told = loop.measure(suggested, is_stored=True)
    after = loop.planned(rest)
    held_out = loop.measure(after, is_stored=False)

    measured_ms = [one.summary.median_ms for one in held_out]
    accuracy_before = Accuracy.of(before, measured_ms)
    accuracy_after = Accuracy.of(after, measured_ms)
    show("suggested and measured, as predicted before", told, suggested)
    show("the others, as predicted after", held_out, after)
    print(f"before: {accuracy_before}\nafter:  {accuracy_after}")
    assert (len(told), len(rest)) == (BUDGET, len(WORKLOADS) - BUDGET)
    assert accuracy_after.median_ape < accuracy_before.median_ape
    assert accuracy_after.median_ape <= 0.12
    assert accuracy_after.coverage >= 0.8
