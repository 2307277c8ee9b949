"""Trees through the C interface of LightGBM's library answer as its Python package does."""

import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from perfpredict.errors import StoreUnusableError
from perfpredict.models.boosted_trees import BoostedTrees

ROWS, COLUMNS = 300, 6


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    generator = np.random.default_rng(5)
    matrix = generator.normal(size=(ROWS, COLUMNS))
    matrix[generator.random(matrix.shape) < 0.2] = np.nan
    return matrix


@pytest.fixture(scope="module")
def booster(matrix: np.ndarray) -> lightgbm.Booster:
    target = np.nan_to_num(matrix[:, 0]) ** 2 + np.isnan(matrix[:, 1])
    settings = {"objective": "huber", "num_threads": 1, "verbosity": -1, "seed": 1}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, target), num_boost_round=30)


def test_answers_and_gains_are_those_of_the_python_package_bit_for_bit(
    booster: lightgbm.Booster, matrix: np.ndarray
) -> None:
    trees = BoostedTrees(booster.model_to_string())

    assert trees.feature_count == COLUMNS
    assert trees.predict(matrix).tolist() == booster.predict(matrix).tolist()
    assert trees.predict(matrix[7:8]).tolist() == booster.predict(matrix[7:8]).tolist()
    assert trees.predict(np.asfortranarray(matrix)).tolist() == booster.predict(matrix).tolist()
    assert trees.predict(matrix[:0]).shape == (0,)
    assert trees.gain().tolist() == booster.feature_importance("gain").tolist()


def test_rows_of_another_width_are_refused(booster: lightgbm.Booster) -> None:
    with pytest.raises(ValueError, match=r"expected \(rows, 6\), got \(2, 5\)"):
        BoostedTrees(booster.model_to_string()).predict(np.zeros((2, 5)))


def test_what_lightgbm_refuses_is_an_error_of_the_stored_predictor() -> None:
    with pytest.raises(StoreUnusableError, match="cannot use the stored trees: Model file"):
        BoostedTrees("no trees\n")


def test_a_prediction_does_not_import_the_python_package_of_lightgbm() -> None:
    code = (
        "import sys\n"
        "from perfpredict.domain.workload import Workload\n"
        "from perfpredict.services.opening import load_engine\n"
        "engine = load_engine(None)\n"
        "found = engine.predict(Workload(model='resnet50'), engine.resolve_devices(['t4']))\n"
        "assert found[0].basis == 'learned', found\n"
        "print([name for name in ('lightgbm', 'scipy', 'joblib') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
