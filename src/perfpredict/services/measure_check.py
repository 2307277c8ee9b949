"""Whether measurements lie inside the intervals of their predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from perfpredict.domain.metrics import Metric
from perfpredict.domain.row_filter import RowFilter
from perfpredict.errors import CannotAnswerError
from perfpredict.store.gateway import Store
from perfpredict.store.linking import errors_of
from perfpredict.store.measurements import get_measurement, list_measurements


class Side(StrEnum):
    """Which bound must hold."""

    UPPER = "upper"
    LOWER = "lower"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One metric of one measurement against the bounds that count; in the unit of `unit`."""

    measurement_id: str
    prediction_id: str | None
    metric: Metric
    unit: str
    lower: float | None
    actual: float
    upper: float | None
    is_inside: bool


def measurement_ids(store: Store, row_filter: RowFilter) -> list[str]:
    """Return the ids of the newest measurements that fit the filter."""
    return list_measurements(store, row_filter)["measurement_id"].to_list()


def check(
    store: Store,
    ids: Sequence[str],
    *,
    metrics: Sequence[Metric],
    side: Side,
    level: float | None,
    max_latency_ms: float | None,
) -> list[Checked]:
    """Return one row a measurement and metric; raises CannotAnswerError where none is linked."""
    found: list[Checked] = []
    for one in ids:
        measurement = get_measurement(store, one)
        identifier = measurement.measurement_id or one
        for error in errors_of(store, identifier):
            if error.metric not in metrics or error.lower is None or error.upper is None:
                continue
            lower, upper = _bounds(error.lower, error.predicted, error.upper, error.level, level)
            found.append(
                Checked(
                    measurement_id=identifier,
                    prediction_id=error.prediction_id,
                    metric=error.metric,
                    unit=error.unit,
                    lower=None if side is Side.UPPER else lower,
                    actual=error.actual,
                    upper=None if side is Side.LOWER else upper,
                    is_inside=_is_inside(error.actual, lower, upper, side),
                )
            )
        if max_latency_ms is not None and measurement.latency_ms is not None:
            found.append(_under_limit(identifier, measurement.latency_ms, max_latency_ms))
    if not found:
        raise CannotAnswerError(
            "no measurement here is linked to a prediction of "
            f"{' or '.join(metric.value for metric in metrics)}",
            hint="'perfpredict perf predict' before measuring, or 'perfpredict measure link'",
        )
    return found


def _under_limit(identifier: str, latency_ms: float, limit_ms: float) -> Checked:
    return Checked(
        measurement_id=identifier,
        prediction_id=None,
        metric=Metric.LATENCY,
        unit="ms",
        lower=None,
        actual=latency_ms,
        upper=limit_ms,
        is_inside=latency_ms <= limit_ms,
    )


def _is_inside(actual: float, lower: float, upper: float, side: Side) -> bool:
    return (side is Side.UPPER or actual >= lower) and (side is Side.LOWER or actual <= upper)


def _bounds(
    lower: float, predicted: float, upper: float, stored: float | None, asked: float | None
) -> tuple[float, float]:
    """Return the bounds at the level asked for.

    An interval of another level is stretched on the log scale by the ratio of the normal
    quantiles, as if the errors were log-normal.
    """
    if asked is None or stored is None or asked == stored or not 0 < lower <= predicted:
        return lower, upper
    normal = NormalDist()
    power = normal.inv_cdf((1 + asked) / 2) / normal.inv_cdf((1 + stored) / 2)
    return predicted * (lower / predicted) ** power, predicted * (upper / predicted) ** power
