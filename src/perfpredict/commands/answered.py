"""The answers of `perf predict`, and the three ways of showing them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perfpredict.catalog.models import ModelEntry
    from perfpredict.domain.prediction import Prediction
    from perfpredict.reports.report import Report
    from perfpredict.services.engine import Engine

MOST_FIGURES = 6
"""Rooflines that are drawn below one table."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Predictions, and what they were made with."""

    engine: "Engine"
    predictions: "list[Prediction]"
    described: "ModelEntry | None" = None
    """The model, where options and not the catalog describe it."""


def listed(answered: Answered) -> "Report":
    """Return the predictions as a list."""
    from perfpredict.reports.perf import is_unmeasured, predictions_report
    from perfpredict.services.measurable import is_measured_by_run

    found = answered.predictions
    is_unchecked = answered.described is None and is_unmeasured(found)
    return predictions_report(
        found, is_measured_by_run=is_unchecked and is_measured_by_run(found[0].workload)
    )


def explained(answered: Answered) -> "Report":
    """Return the predictions taken apart."""
    from perfpredict.reports.explanation import explanation_report
    from perfpredict.services.explain import explain

    return explanation_report(
        explain(answered.engine, answered.predictions, model=answered.described)
    )


def plotted(report: "Report", answered: Answered) -> "Report":
    """Return `report` with the rooflines of the first predictions below it."""
    from perfpredict.reports.roofline_plot import figures_of
    from perfpredict.services.explain import explain

    figures = figures_of(
        explain(answered.engine, answered.predictions[:MOST_FIGURES], model=answered.described)
    )
    hidden = len(answered.predictions) - MOST_FIGURES
    told = (f"the first {MOST_FIGURES} rooflines are drawn, not {hidden} more",)
    return replace(report, figures=figures, notes=(*report.notes, *(told if hidden > 0 else ())))
