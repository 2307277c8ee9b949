import numpy as np
import pytest

from perfpredict.domain.metrics import Metric
from perfpredict.domain.prediction import Basis
from perfpredict.errors import InvalidInputError
from perfpredict.models.conformal import Residuals
from perfpredict.models.named_features import KNOWN_FEATURES, named_matrix
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.models.user_model import Scope, UserModelPredictor

from .synthetic import make_cases

GUIDE_FEATURES = ("model_size", "batch_size", "sequence_length", "precision_numeric")


class Constant:
    """Answers the same to every row."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, rows):
        return np.full(len(rows), self.answer)


class Raising:
    def predict(self, rows):
        raise ValueError("Input contains NaN")


class Misshapen:
    def predict(self, rows):
        return np.ones((len(rows), 3))


class Wordy:
    def predict(self, rows):
        return ["fast"] * len(rows)


@pytest.fixture(scope="module")
def cases():
    return make_cases(("bert-base-uncased", "gpt2"), batch_sizes=(1, 8))


def predictor(regressor, **changes):
    settings = {
        "name": "model-X",
        "version": "1",
        "features": GUIDE_FEATURES,
        "target": Metric.LATENCY,
        "scope": Scope(),
        "residuals": None,
    } | changes
    return UserModelPredictor(regressor, **settings)


def test_the_features_of_the_guide_are_computed_for_a_workload(cases):
    matrix = named_matrix(cases, GUIDE_FEATURES, RooflinePredictor())

    assert matrix[1, 0] == pytest.approx(110e6, rel=0.02)
    assert matrix[1, 1:].tolist() == [8.0, 128.0, 32.0]


def test_every_known_feature_can_be_computed(cases):
    matrix = named_matrix(cases, KNOWN_FEATURES, RooflinePredictor())

    assert matrix.shape == (len(cases), len(KNOWN_FEATURES))


def test_an_unknown_feature_is_an_error_with_near_matches(cases):
    with pytest.raises(InvalidInputError, match="no feature named 'batchsize'") as caught:
        predictor(Constant(5.0), features=("batchsize",)).predict(cases, 0.9)

    assert "batch_size" in caught.value.hint


def test_latency_is_taken_as_it_is_answered(cases):
    estimate = predictor(Constant(5.0)).predict(cases, 0.9)[0]

    assert estimate.latency_ms.value == 5.0
    assert estimate.basis is Basis.LEARNED
    assert 5.0 in estimate.latency_ms.interval
    assert any("roofline's width" in caution for caution in estimate.cautions)


def test_throughput_becomes_the_latency_that_agrees_with_it(cases):
    estimates = predictor(Constant(200.0), target=Metric.THROUGHPUT).predict(cases, 0.9)

    assert [one.latency_ms.value for one in estimates] == [5.0, 40.0, 5.0, 40.0]


def test_memory_is_answered_in_mib_and_latency_by_the_roofline(cases):
    estimate = predictor(Constant(512.0), target=Metric.MEMORY).predict(cases, 0.9)[0]
    prior = RooflinePredictor().predict(cases, 0.9)[0]

    assert estimate.memory_bytes.value == 512 * 2**20
    assert estimate.latency_ms == prior.latency_ms
    assert "latency and throughput are the roofline's" in estimate.cautions


@pytest.mark.parametrize(
    ("regressor", "reason"),
    [
        (Constant(np.nan), "it answered nan"),
        (Constant(-3.0), "it answered -3"),
        (Constant(np.inf), "it answered inf"),
        (Raising(), "it raised ValueError: Input contains NaN"),
        (Misshapen(), "it did not give one number a row"),
        (Wordy(), "it did not give one number a row"),
    ],
)
def test_an_unusable_answer_falls_back_to_the_roofline_and_says_so(cases, regressor, reason):
    estimates = predictor(regressor).predict(cases, 0.9)
    priors = RooflinePredictor().predict(cases, 0.9)

    for estimate, prior in zip(estimates, priors, strict=True):
        assert estimate.basis is Basis.ROOFLINE
        assert estimate.latency_ms == prior.latency_ms
        assert reason in estimate.cautions[-1]


def test_a_feature_that_a_workload_lacks_falls_back_for_that_workload(cases):
    estimate = predictor(Constant(5.0), features=("image_size",)).predict(cases, 0.9)[0]

    assert "has no 'image_size'" in estimate.cautions[-1]
    assert estimate.basis is Basis.ROOFLINE


def test_outside_of_its_scope_it_answers_with_a_caution(cases):
    scope = Scope(hardware_platform="mps", model_family="vision")

    estimate = predictor(Constant(5.0), scope=scope).predict(cases, 0.9)[0]

    assert estimate.is_extrapolated
    assert sum("was stored for" in caution for caution in estimate.cautions) == 2


def test_stored_residuals_make_its_own_interval(cases):
    residuals = Residuals.of([-0.1] * 20 + [0.2] * 20, [str(index) for index in range(40)])

    latency = predictor(Constant(5.0), residuals=residuals).predict(cases, 0.9)[0].latency_ms
    throughput = (
        predictor(Constant(200.0), residuals=residuals, target=Metric.THROUGHPUT)
        .predict(cases, 0.9)[0]
        .latency_ms
    )

    assert latency.interval.upper == pytest.approx(5 * np.exp(0.2))
    assert latency.interval.lower == pytest.approx(5 * np.exp(-0.1))
    assert throughput.interval.upper == pytest.approx(5 * np.exp(0.1))
