"""Recommendations and mappings that were made elsewhere, and how stored ones are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from perfpredict.adapters.answers import Row
from perfpredict.adapters.recording import hardware_of, workload_of
from perfpredict.adapters.workloads import Shape, check_keys, named_devices, real
from perfpredict.catalog.defaults import with_defaults
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.domain.names import clean_text
from perfpredict.domain.prediction import Prediction
from perfpredict.domain.recommendation import (
    Candidate,
    Limits,
    Meets,
    Objective,
    Recommendation,
)
from perfpredict.errors import InvalidInputError
from perfpredict.services.engine import Engine
from perfpredict.services.model_source import known_model
from perfpredict.services.predict import stamped
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.mappings import HardwareMapping


class MappingValues(Shape, total=False):
    """How one workload stands on one device."""

    model_name: str
    model_family: str | None
    hardware_platform: str
    batch_size: int
    sequence_length: int | None
    precision: str
    mode: str
    compatibility_score: float | None
    """0 to 1."""
    fits: bool
    rank: int | None
    is_primary: bool
    reason: str


class RecommendationValues(Shape, total=False):
    """A recommendation that was made elsewhere."""

    model_name: str
    model_family: str | None
    batch_size: int
    sequence_length: int | None
    precision: str
    mode: str
    primary_recommendation: str
    fallback_options: Sequence[str]
    explanation: str
    user_id: str | None


def given_mapping(
    values: MappingValues, catalog: DeviceCatalog, *, now: datetime
) -> HardwareMapping:
    """Return the mapping that `values` describe."""
    check_keys(values, MappingValues)
    resolved = catalog.resolve(hardware_of(values))
    workload, _ = with_defaults(workload_of(values), known_model(values["model_name"]))
    score = real(values.get("compatibility_score"))
    if score is not None and not 0 <= score <= 1:
        raise InvalidInputError(f"compatibility_score must be from 0 to 1, got {score}")
    return HardwareMapping(
        workload=workload,
        hardware_platform=resolved.requested,
        device=resolved.device.name,
        device_platform=resolved.device.platform.value,
        fits=values.get("fits", True),
        compatibility_score=score,
        rank=values.get("rank"),
        is_primary=values.get("is_primary", False),
        reason=clean_text("reason", values.get("reason", "")),
        updated_at=now,
    )


def given_recommendation(
    values: RecommendationValues, engine: Engine, *, now: datetime
) -> Recommendation:
    """Return the recommendation that `values` describe, with what `engine` predicts for it.

    Raises InvalidInputError for a device on which the workload does not fit.
    """
    check_keys(values, RecommendationValues)
    workload = workload_of(values)
    primary = values.get("primary_recommendation")
    if not primary:
        raise InvalidInputError("primary_recommendation: must be given")
    names = [primary, *values.get("fallback_options", ())]
    devices = named_devices(names, engine.devices, ()).distinct
    found = stamped(
        engine.predict(workload, devices),
        now=now,
        make_id=lambda: new_id(IdKind.PREDICTION, now),
    )
    candidates = tuple(_candidate(one, rank, len(found)) for rank, one in enumerate(found, 1))
    return Recommendation(
        workload=found[0].workload,
        objective=Objective.BALANCED,
        limits=Limits(),
        candidates=candidates,
        excluded=(),
        explanation=clean_text("explanation", values.get("explanation", "")),
        assumptions=found[0].assumptions,
        recommendation_id=new_id(IdKind.RECOMMENDATION, now),
        created_at=now,
        user=values.get("user_id"),
    )


def _candidate(prediction: Prediction, rank: int, count: int) -> Candidate:
    if not prediction.fits:
        raise InvalidInputError(
            f"{prediction.workload.model} does not fit on {prediction.hardware.device.name}"
        )
    return Candidate(
        rank=rank,
        hardware=prediction.hardware,
        prediction=prediction,
        meets=Meets.YES,
        # only the order was given: the best has 1, the others equal steps below it
        score=1 - (rank - 1) / count,
        reason="recommended elsewhere",
    )


def recommendation_keys(row: Mapping[str, object]) -> Row:
    """Return a stored recommendation with the keys that a fresh one has."""
    candidates: list[Row] = row["candidates"]  # type: ignore[assignment]
    excluded: list[Row] = row["excluded"]  # type: ignore[assignment]
    primary = row["primary_recommendation"]
    fitting = [one["hardware"] for one in candidates]
    return {
        **row,
        "fallback_options": [
            one["hardware"]
            for one in candidates
            if one["meets"] == Meets.YES.value and one["hardware"] != primary
        ],
        "compatible_hardware": fitting,
        "excluded_hardware": excluded,
    }
