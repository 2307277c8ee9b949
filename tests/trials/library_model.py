"""A state machine over the library's classes, and the plain dictionaries that it must equal."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.linear_model import LinearRegression

from perfpredict import (
    DuckDBPredictorRepository,
    HardwareModelPredictorDuckDBAdapter,
    InvalidInputError,
    ModelPerformancePredictorDuckDBAdapter,
    PerfpredictError,
    UnknownIdError,
)
from perfpredict.store.access import Access
from perfpredict.store.corrections import delete_measurements, unlink_measurement

DEVICES = ("nvidia-l4", "nvidia-a10")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

Work = tuple[str, str, int]
"""Model, device and batch size: all in which these workloads differ."""


@dataclass
class Measured:
    """What the dictionaries know of one measurement."""

    work: Work
    latency: float
    prediction: str | None
    is_forced: bool = False


@dataclass
class Known:
    """Everything that was stored, as plain dictionaries."""

    predictions: dict[str, Work] = field(default_factory=dict)
    measurements: dict[str, Measured] = field(default_factory=dict)
    answers: dict[str, bool | None] = field(default_factory=dict)
    predictors: list[str] = field(default_factory=list)

    def latest(self, work: Work) -> str | None:
        """Return the prediction that a new measurement of this work is compared with."""
        fitting = [name for name, of in self.predictions.items() if of == work]
        return fitting[-1] if fitting else None


# few, so that predictions and measurements of the same work meet
works = st.sampled_from([("resnet50", "nvidia-l4", 1), ("resnet50", "nvidia-a10", 1)])
latencies = st.floats(0.001, 1e6, allow_nan=False)


class Library(RuleBasedStateMachine):
    """Predict, record, link, delete, recommend, answer, store and open again, in any order."""

    counter = itertools.count()
    folder = Path()

    def __init__(self) -> None:
        super().__init__()
        self.path = self.folder / f"{next(self.counter)}.duckdb"
        self.known = Known()
        self.repository = DuckDBPredictorRepository(self.path)

    @initialize(accepted=st.booleans())
    def begin(self, accepted: bool) -> None:
        """Have something of everything, so that every run meets it."""
        for predictions in (2, 0):
            self.record(("resnet50", "nvidia-l4", 1), 2.0, True, predictions)
        self.recommend("resnet50", 1)
        (name,) = self.known.answers
        self.repository.record_recommendation_feedback(name, accepted)
        self.known.answers[name] = accepted

    @rule()
    def open_again(self) -> None:
        self.repository.close()
        with pytest.raises(InvalidInputError, match="closed"):
            self.repository.get_measurements()
        self.repository = DuckDBPredictorRepository(self.path, create_if_missing=False)

    def predict(self, work: Work) -> None:
        model, device, batch_size = work
        adapter = ModelPerformancePredictorDuckDBAdapter(self.repository)
        found = adapter.predict(model, device, batch_size)
        self.known.predictions[found["prediction_id"]] = work

    @rule(work=works, latency=latencies, link=st.booleans(), predictions=st.integers(0, 2))
    def record(self, work: Work, latency: float, link: bool, predictions: int) -> None:
        for _ in range(predictions):
            self.predict(work)
        model, device, batch_size = work
        made = self.repository.store_measurement(
            model_name=model, hardware_platform=device, batch_size=batch_size,
            latency=latency, link=link,
        )  # fmt: skip
        expected = self.known.latest(work) if link else None
        self.known.measurements[made] = Measured(work, latency, expected)

    @precondition(lambda self: self.known.predictions)
    @rule(work=works, latency=latencies, force=st.booleans(), data=st.data())
    def record_against(self, work: Work, latency: float, force: bool, data: st.DataObject) -> None:
        prediction = data.draw(st.sampled_from(sorted(self.known.predictions)))
        is_other = self.known.predictions[prediction] != work
        values = {
            "model_name": work[0], "hardware_platform": work[1], "batch_size": work[2],
            "latency": latency, "prediction_id": prediction, "force": force,
        }  # fmt: skip
        if is_other and not force:
            with pytest.raises(InvalidInputError, match="differ"):
                self.repository.store_measurement(**values)
            return
        made = self.repository.store_measurement(**values)
        self.known.measurements[made] = Measured(work, latency, prediction, is_other)

    @precondition(lambda self: self.known.predictions and self.known.measurements)
    @rule(force=st.booleans(), data=st.data())
    def link(self, force: bool, data: st.DataObject) -> None:
        measurement = data.draw(st.sampled_from(sorted(self.known.measurements)))
        prediction = data.draw(st.sampled_from(sorted(self.known.predictions)))
        measured = self.known.measurements[measurement]
        is_other = self.known.predictions[prediction] != measured.work
        if is_other and not force:
            with pytest.raises(InvalidInputError, match="differ"):
                self.repository.store_prediction_error(measurement, prediction)
            return
        self.repository.store_prediction_error(measurement, prediction, force=force)
        measured.prediction, measured.is_forced = prediction, is_other

    @precondition(lambda self: self.known.measurements)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        measurement = data.draw(st.sampled_from(sorted(self.known.measurements)))
        with self.repository.open(Access.WRITE) as store:
            unlink_measurement(store, measurement)
        self.known.measurements[measurement].prediction = None
        self.known.measurements[measurement].is_forced = False

    @precondition(lambda self: self.known.measurements)
    @rule(purge=st.booleans(), data=st.data())
    def delete(self, purge: bool, data: st.DataObject) -> None:
        measurement = data.draw(st.sampled_from(sorted(self.known.measurements)))
        with self.repository.open(Access.WRITE) as store:
            delete_measurements(store, [measurement], purge=purge, now=_now())
        del self.known.measurements[measurement]

    @rule(model=st.sampled_from(("resnet50", "resnet18")), batch_size=st.sampled_from((1, 4)))
    def recommend(self, model: str, batch_size: int) -> None:
        adapter = HardwareModelPredictorDuckDBAdapter(repository=self.repository)
        found = adapter.predict_optimal_hardware(
            model, batch_size=batch_size, available_hardware=list(DEVICES)
        )
        self.known.answers[found["recommendation_id"]] = None
        for one in sorted(found["candidates"], key=lambda one: one["prediction_id"]):
            self.known.predictions[one["prediction_id"]] = (model, one["device"], batch_size)

    @precondition(lambda self: self.known.answers)
    @rule(accepted=st.booleans(), comment=st.text(max_size=20), data=st.data())
    def answer(self, accepted: bool, comment: str, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.known.answers)))
        if "\x00" in comment:
            with pytest.raises(InvalidInputError, match="comment"):
                self.repository.record_recommendation_feedback(name, accepted, comment)
            return
        told = self.repository.record_recommendation_feedback(name, accepted, comment)
        assert told["previous"] == self.known.answers[name]
        self.known.answers[name] = accepted

    @rule(slope=st.floats(1, 2))
    def train(self, slope: float) -> None:
        fitted = LinearRegression().fit([[1.0], [2.0]], [slope, 2 * slope])
        made = self.repository.store_prediction_model(
            fitted, None, "memory", features=["batch_size"]
        )
        again, _ = self.repository.load_prediction_model(made)
        assert (again.predict([[4.0]]) == fitted.predict([[4.0]])).all()
        self.known.predictors.append(made)

    @rule()
    def ask_for_what_is_not_there(self) -> None:
        calls = (
            lambda: self.repository.store_measurement(
                model_name="resnet50", hardware_platform="nvidia-l4", latency=1.0,
                prediction_id=f"pred-{UNKNOWN}",
            ),
            lambda: self.repository.record_recommendation_feedback(f"rec-{UNKNOWN}", True),
            lambda: self.repository.load_prediction_model(f"model-{UNKNOWN}"),
            lambda: self.repository.store_prediction_error(f"meas-{UNKNOWN}", f"pred-{UNKNOWN}"),
        )  # fmt: skip
        for call in calls:
            with pytest.raises(UnknownIdError):
                call()
        for values in ({"latency": float("nan")}, {"throughput": -1.0}, {"batch_size": 0}):
            with pytest.raises(PerfpredictError):
                self.repository.store_measurement(
                    **{"model_name": "resnet50", "hardware_platform": "cuda", "latency": 1} | values
                )

    @rule()
    def compare(self) -> None:
        """Everything that the library lists is what the dictionaries hold."""
        listed = self.repository.get_measurements()
        assert {row["measurement_id"]: _measured(row) for row in listed} == self.known.measurements
        assert len(listed) == len(self.known.measurements)
        predictions = self.repository.get_predictions()
        assert {row["prediction_id"]: _work(row) for row in predictions} == self.known.predictions
        errors = self.repository.get_prediction_errors("latency")
        assert {row["measurement_id"]: row["prediction_id"] for row in errors} == {
            name: one.prediction for name, one in self.known.measurements.items() if one.prediction
        }
        answers = self.repository.get_recommendations()
        assert {row["recommendation_id"]: row["was_accepted"] for row in answers} == (
            self.known.answers
        )
        predictors = self.repository.get_prediction_models()
        assert sorted(row["model_id"] for row in predictors) == sorted(self.known.predictors)

    @invariant()
    def nothing_is_left_beside_the_database(self) -> None:
        beside = {path.name for path in self.folder.iterdir() if path.name.startswith(
            self.path.name)}  # fmt: skip
        assert beside <= {self.path.name, f"{self.path.name}.lock"}

    def teardown(self) -> None:
        self.compare()


def _measured(row: dict[str, object]) -> Measured:
    return Measured(_work(row), row["latency"], row["prediction_id"], bool(row["is_forced_link"]))


def _work(row: dict[str, object]) -> Work:
    return (str(row["model_name"]), str(row["device"]), int(str(row["batch_size"])))


def _now() -> object:
    from datetime import UTC, datetime

    return datetime.now(UTC)
