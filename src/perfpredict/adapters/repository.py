"""`DuckDBPredictorRepository`: everything that is stored, under the documented names and units."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Unpack, cast

from perfpredict.adapters.accuracy import parse_metrics, statistics_row
from perfpredict.adapters.answers import Row, error_keys, error_row, stored_row
from perfpredict.adapters.filters import Filters, row_filter
from perfpredict.adapters.given_predictions import PredictionValues, given_prediction
from perfpredict.adapters.predictor_tables import PredictorTables
from perfpredict.adapters.recommending import (
    MappingValues,
    RecommendationValues,
    given_mapping,
    given_recommendation,
    recommendation_keys,
)
from perfpredict.adapters.recording import (
    MeasurementValues,
    prepared_measurement,
    recorded_row,
)
from perfpredict.errors import InvalidInputError
from perfpredict.services import feedback, sample
from perfpredict.services import measure as measuring
from perfpredict.services.feedback import Answer
from perfpredict.services.hardware import device_catalog
from perfpredict.services.opening import load_engine
from perfpredict.services.recommending import store_recommendation
from perfpredict.store import accuracy
from perfpredict.store.access import Access
from perfpredict.store.corrections import link_measurement
from perfpredict.store.ids import IdKind, new_ids
from perfpredict.store.mappings import list_mappings, upsert_mappings
from perfpredict.store.measurements import list_measurements, record_measurements
from perfpredict.store.predictions import insert_predictions, list_predictions


class DuckDBPredictorRepository(PredictorTables):
    """Stores and lists predictions, measurements, recommendations and predictors.

    Every list is newest first; sample rows are hidden as soon as there is a real one.
    """

    def store_prediction(self, **prediction: Unpack[PredictionValues]) -> str:
        """Store a prediction that was made elsewhere; return its id."""
        return self.store_predictions([prediction])[0]

    def store_predictions(
        self, predictions: Sequence[PredictionValues], *, user_id: str | None = None
    ) -> list[str]:
        """Store all predictions in one statement, or none; return their ids in order."""
        now = datetime.now(UTC)
        ids = new_ids(IdKind.PREDICTION, now, len(predictions))
        machine = self.machine.devices
        with self.open(Access.WRITE) as store:
            catalog = device_catalog(store, machine)
            ready = [
                given_prediction(one, catalog, prediction_id=made_id, now=now)
                for one, made_id in zip(predictions, ids, strict=True)
            ]
            insert_predictions(store, ready, user=user_id)
        return ids

    def get_predictions(self, **filters: Unpack[Filters]) -> list[Row]:
        """Return stored predictions with their intervals and where they come from."""
        return self.listed(list_predictions, filters)

    def store_measurement(self, **measurement: Unpack[MeasurementValues]) -> str:
        """Store one measurement, compared with its prediction; return its id."""
        return str(self.record(measurement)["measurement_id"])

    def store_measurements(self, measurements: Sequence[MeasurementValues]) -> list[str]:
        """Store all measurements in one statement, or none; return their ids in order."""
        now = datetime.now(UTC)
        machine = self.machine.devices
        with self.open(Access.WRITE) as store:
            catalog = device_catalog(store, machine)
            ready = [prepared_measurement(store, one, catalog, now=now) for one in measurements]
            platforms = {
                one.measurement.device: one.device_platform for one in ready if one.device_platform
            }
            rows = [one.measurement for one in ready]
            frame = record_measurements(store, rows, now=now, platform_by_device=platforms)
        return [str(one) for one in frame["measurement_id"]]

    def record(self, values: MeasurementValues) -> Row:
        """Store one measurement; return it with its prediction, errors, notes and warnings."""
        now = datetime.now(UTC)
        machine = self.machine.devices
        with self.open(Access.WRITE) as store, store.transaction():
            ready = prepared_measurement(store, values, device_catalog(store, machine), now=now)
            recorded = measuring.record(
                store,
                ready,
                prediction_id=values.get("prediction_id"),
                link=values.get("link", True),
                force=values.get("force", False),
                now=now,
            )
        return recorded_row(ready, recorded)

    def get_measurements(self, **filters: Unpack[Filters]) -> list[Row]:
        """Return stored measurements that were not deleted."""
        return self.listed(list_measurements, filters)

    def store_prediction_error(
        self, measurement_id: str, prediction_id: str, *, force: bool = False
    ) -> list[Row]:
        """Compare a measurement with this prediction from now on; return the errors by metric."""
        with self.open(Access.WRITE) as store:
            recorded = link_measurement(store, measurement_id, prediction_id, force=force)
        return [error_row(error) for error in recorded.errors]

    def get_prediction_errors(
        self, metric: str | Sequence[str] | None = None, **filters: Unpack[Filters]
    ) -> list[Row]:
        """Return one row a measurement and metric, whether or not it counts in statistics."""
        metrics = parse_metrics(metric)
        rows = self.listed(
            lambda store, wanted: accuracy.list_errors(store, wanted, metrics), filters
        )
        return [error_keys(row) for row in rows]

    def get_prediction_accuracy_stats(
        self,
        metric: str | Sequence[str] | None = None,
        *,
        include_retrospective: bool = False,
        include_in_sample: bool = False,
        **filters: Unpack[Filters],
    ) -> Row:
        """Return accuracy by metric and `overall`; without pairs, counts of 0 and values None.

        Errors are predicted - actual, so a bias above 0 is predicted too high. r_squared is None
        below 10 pairs and where the actual values do not vary. Relative errors are fractions.
        """
        metrics = parse_metrics(metric)
        with self.open(Access.READ) as store:
            wanted = row_filter(store, filters, self.machine, now=datetime.now(UTC))
            frame = accuracy.accuracy(
                store, wanted, metrics,
                include_retrospective=include_retrospective, include_in_sample=include_in_sample,
            )  # fmt: skip
        return statistics_row(frame.to_dicts(), metrics)

    def store_hardware_model_mapping(self, **mapping: Unpack[MappingValues]) -> str:
        """Store how a workload stands on a device, replacing what was known; return its id."""
        now = datetime.now(UTC)
        machine = self.machine.devices
        with self.open(Access.WRITE) as store:
            ready = given_mapping(mapping, device_catalog(store, machine), now=now)
            upsert_mappings(store, [ready])
        return f"{ready.workload.key}/{ready.device}"

    def get_hardware_model_mappings(
        self, model_name: str | None = None, hardware_platform: str | None = None
    ) -> list[Row]:
        """Return how workloads last stood on devices, by model and rank."""
        with self.open(Access.READ) as store:
            wanted = row_filter(
                store,
                {"model_name": model_name, "hardware_platform": hardware_platform},
                self.machine,
                now=datetime.now(UTC),
            )
            frame = list_mappings(store, wanted.models[0] if wanted.models else None)
        rows = [stored_row(row) for row in frame.iter_rows(named=True)]
        names = {*wanted.platforms, *wanted.devices}
        return [row for row in rows if not names or names & _hardware_names(row)]

    def store_recommendation(self, **recommendation: Unpack[RecommendationValues]) -> str:
        """Store a recommendation that was made elsewhere, with what is predicted for it."""
        now = datetime.now(UTC)
        machine = self.machine.devices
        with self.open(Access.READ) as store:
            engine = load_engine(store, detected=machine)
        ready = given_recommendation(recommendation, engine, now=now)
        with self.open(Access.WRITE) as store:
            store_recommendation(store, ready)
        return str(ready.recommendation_id)

    def get_recommendations(
        self, was_accepted: bool | None = None, *, pending: bool = False, **filters: Unpack[Filters]
    ) -> list[Row]:
        """Return recommendations; was_accepted is None in those that nobody has answered.

        `was_accepted` keeps the accepted or the rejected ones, `pending` the unanswered ones.
        """
        if pending and was_accepted is not None:
            raise InvalidInputError("pending and was_accepted exclude each other")
        answer = Answer.PENDING if pending else None
        if was_accepted is not None:
            answer = Answer.YES if was_accepted else Answer.NO
        rows = self.listed(
            lambda store, wanted: feedback.recommendations(store, wanted, accepted=answer), filters
        )
        return [recommendation_keys(row) for row in rows]

    def record_recommendation_feedback(
        self,
        recommendation_id: str,
        was_accepted: bool,
        user_feedback: str | None = None,
        *,
        chosen_hardware: str | None = None,
        user_id: str | None = None,
    ) -> Row:
        """Store whether a recommendation was taken; the last answer counts, all are kept."""
        if not isinstance(was_accepted, bool):
            raise InvalidInputError(f"was_accepted must be True or False, got {was_accepted!r}")
        with self.open(Access.WRITE) as store:
            done = feedback.record(
                store, recommendation_id, is_accepted=was_accepted, comment=user_feedback or "",
                chosen=chosen_hardware, user=user_id, now=datetime.now(UTC),
            )  # fmt: skip
        return {
            "recommendation_id": done.recommendation_id,
            "was_accepted": done.is_accepted,
            "previous": done.previous,
            "recorded_at": done.recorded_at,
        }

    def generate_sample_data(
        self,
        num_models: int = 5,
        seed: int = 0,
        *,
        measurements: int = 12,
        noise: float = 0.1,
        into_real: bool = False,
    ) -> dict[str, int]:
        """Store made-up but consistent rows, all marked as sample; return how many a table.

        Raises InvalidInputError where there are real rows, unless `into_real`.
        """
        plan = sample.SamplePlan(
            models=num_models, measurements=measurements, noise=noise, seed=seed
        )
        now = datetime.now(UTC)
        with self.open(Access.READ) as store:
            sample.check_may_mix(store, into_real=into_real)
        data = sample.make_up(plan, now=now)
        with self.open(Access.WRITE) as store:
            sample.check_may_mix(store, into_real=into_real)
            sample.store_samples(store, data, now=now)
        return data.counts


def _hardware_names(row: Row) -> set[str]:
    return {row["hardware_platform"], row["device"], cast("str", row["device_platform"])}
