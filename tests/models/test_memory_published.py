"""The marks for memory, on published rows of generation that no shipped constant was fitted to."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from perfpredict.models.memory import memory_use
from perfpredict.models.memory_fit import group_weights, left_out_bytes
from perfpredict.models.memory_parts import part_matrix
from perfpredict.models.observations import fold_numbers
from perfpredict.models.predictor import Case

ROOT = Path(__file__).parents[2]
MEASUREMENTS = ROOT.parent / "shared" / "data" / "measurements.parquet"
FORMULA_MARK = 0.06
LEARNED_MARK = 0.02

Rows = tuple[list[Case], NDArray[np.float64]]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generation() -> Rows:
    if not MEASUREMENTS.exists():
        pytest.skip("the published measurements are not beside this checkout")
    found = [
        row
        for row in script("memory_rows").memory_rows(MEASUREMENTS, is_stated=True)
        if row.case.workload.phase is not None and not row.is_speed_suspect
    ]
    return [row.case for row in found], np.array([row.memory_bytes for row in found])


def test_the_formula_reaches_the_mark(generation: Rows) -> None:
    cases, measured = generation
    formula = np.array([memory_use(case).total for case in cases])

    assert len(cases) > 1000
    assert np.abs(formula / measured - 1).mean() < FORMULA_MARK


def test_a_learned_sum_does_better_on_models_that_it_has_not_seen(generation: Rows) -> None:
    cases, measured = generation
    models = [case.workload.model for case in cases]
    folds = fold_numbers(models, seed=0)
    predicted = left_out_bytes(part_matrix(cases), measured, group_weights(models), folds)

    assert np.abs(predicted / measured - 1).mean() < LEARNED_MARK
