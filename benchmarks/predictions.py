"""Predicting and recommending beside LightGBM alone, and one prediction."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import made
from timing import MIB, Row, grown_bytes, in_process, paired

from perfpredict.domain.recommendation import Limits, Objective
from perfpredict.features import FEATURES
from perfpredict.models.observations import describe
from perfpredict.models.predictor import Case
from perfpredict.models.reference import ReferencePredictor, load_reference
from perfpredict.models.residual import ResidualPredictor
from perfpredict.services.engine import Engine
from perfpredict.services.opening import load_engine
from perfpredict.services.recommend import RankingInputs, recommend

LEVEL = 0.9
FLOOR = "LightGBM's own predict on the features of these cases"


def cases_of(engine: Engine, count: int) -> list[Case]:
    """Return `count` cases as the engine hands them to its predictor."""
    seen: list[Case] = []

    class Recording:
        """Passes the question on, and keeps its cases."""

        name, version, basis = "recording", "0", engine.predictor.basis

        def predict(self, cases: Sequence[Case], level: float) -> list[object]:
            seen.extend(cases)
            return list(engine.predictor.predict(cases, level))

    replace(engine, predictor=Recording()).predict_many(made.pairs(engine, min(count, 2000)))
    return [seen[place % len(seen)] for place in range(count)]


def rows(sizes: Sequence[int], memory_size: int, runs: int) -> list[Row]:
    """Return what predictions and a recommendation take, the largest size with a mark.

    No memory is measured for a size of 0.
    """
    engine, reference, found = load_engine(None), load_reference(), []
    for count in sizes:
        mark = 2.0 if count == max(sizes) else None
        cases = cases_of(engine, count)
        alone = _lightgbm(reference, cases)
        asked = made.pairs(engine, count)
        for name, work, own_mark in (
            (
                "predictions with intervals in one call",
                lambda c=cases: reference.predict(c, LEVEL),
                mark,
            ),
            ("latencies alone in one call", lambda c=cases: reference.latencies_ms(c), mark),
            (
                "whole answers of the engine, from names",
                lambda a=asked: engine.predict_many(a),
                None,
            ),
        ):
            tasks = (in_process(work), in_process(alone))
            found.append(paired(name, FLOOR, own_mark, tasks, runs=runs, size=count))
    found.append(_recommendation(engine, runs))
    return [*found, _memory(memory_size)] if memory_size else found


def _lightgbm(reference: ReferencePredictor, cases: Sequence[Case]) -> Callable[[], object]:
    part = reference.parts["forward"].predictor()  # type: ignore[attr-defined]
    assert isinstance(part, ResidualPredictor) and part.corrector is not None
    matrix, learner = describe(cases, reference.constants).matrix, part.corrector.learner
    return lambda: learner.predict(matrix)


def _recommendation(engine: Engine, runs: int) -> Row:
    devices = engine.resolve_devices(["all"])
    workload = made.workloads()[10]
    inputs = RankingInputs(prices={}, rejections={})
    five = [w for w in made.workloads() if w.model == "resnet50"][:5]

    def ranked() -> None:
        for one in five:
            recommend(
                engine, one, devices, objective=Objective.BALANCED, limits=Limits(), inputs=inputs
            )

    def one_prediction() -> None:
        engine.predict(workload, devices[:1])

    one_prediction()
    ranked()
    name = f"recommend over {len(devices)} devices x 5 batches"
    tasks = (in_process(ranked), in_process(one_prediction))
    return paired(name, "one prediction, warm", 20.0, tasks, runs=max(runs, 5))


def _memory(count: int) -> Row:
    """Return by how much a process grows while it predicts, beside the matrix of features."""
    prepare = (
        "import predictions as p\n"
        "reference, cases = p.load_reference(), p.cases_of(p.load_engine(None), int(sys.argv[1]))\n"
        "reference.predict(cases[:2000], 0.9)\n"
    )
    used = grown_bytes(prepare, "answers = reference.predict(cases, 0.9)", str(count))
    size = count * len(FEATURES) * 8
    return Row(
        name="memory of predictions with intervals", size=count, floor="the matrix of features",
        mark=3.0, unit="MiB", ours=used / MIB, floor_cost=size / MIB, ours_elapsed_s=0.0,
        floor_elapsed_s=0.0, runs=1,
    )  # fmt: skip
