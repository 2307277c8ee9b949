"""`perfpredict measure check`: does a measurement lie inside its prediction's interval?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.filters import FilterOptions
from perfpredict.commands.groups import with_options
from perfpredict.commands.options import help_epilog, positive_number, share, whole_number
from perfpredict.domain.metrics import Metric
from perfpredict.errors import GateFailedError, InvalidInputError

if TYPE_CHECKING:
    from perfpredict.store.measurements import Recorded

_EPILOG = help_epilog(
    [
        "perfpredict measure check meas-01KB3X9M --metric latency --side upper",
        "perfpredict measure check --latest 5 --model 'bert*' --format github",
    ],
    [3, 4],
)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the group."""
    app.command(epilog=_EPILOG)(check)


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """What must hold."""

    latest: Annotated[
        int | None,
        typer.Option(
            "--latest", metavar="INT", parser=whole_number, help="Newest ones; 1 if none."
        ),
    ] = None
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="latency, throughput, memory or all.")
    ] = "latency"
    side: Annotated[
        str, typer.Option("--side", metavar="NAME", help="Bounds that count: upper, lower, both.")
    ] = "both"
    level: Annotated[
        float | None,
        typer.Option("--level", metavar="F", parser=share, help="As predicted if left out."),
    ] = None
    max_latency_ms: Annotated[
        float | None,
        typer.Option(
            "--max-latency-ms", metavar="F", parser=positive_number, help="A fixed limit."
        ),
    ] = None

    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics that are checked."""
        if self.metric.casefold() == "all":
            return tuple(Metric)
        return (parsing.parse_choice("--metric", self.metric, Metric),)


@with_options
def check(
    filters: FilterOptions,
    gate: GateOptions,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[IDS...]", help="Measurements; or filters.")
    ] = None,
) -> None:
    """Check measurements against the intervals of their predictions."""
    from perfpredict.reports import measure as report
    from perfpredict.services import measure_check as service
    from perfpredict.store.access import Access

    if ids and gate.latest is not None:
        raise InvalidInputError("ids and --latest exclude each other")
    with context.open_store(Access.READ) as store:
        chosen = ids or service.measurement_ids(
            store, filters.row_filter(store, limit=gate.latest or 1)
        )
        checked = service.check(
            store, chosen, metrics=gate.metrics(),
            side=parsing.parse_choice("--side", gate.side, service.Side),
            level=gate.level, max_latency_ms=gate.max_latency_ms,
        )  # fmt: skip
    outside = [one for one in checked if not one.is_inside]
    wanted = context.settings().requested_format
    if wanted in {"github", "junit"}:
        context.write_out(report.check_text(checked, wanted))
    else:
        context.emit(report.check_report(checked), ids=[one.measurement_id for one in checked])
    if outside:
        raise GateFailedError(f"{len(outside)} of {len(checked)} values are outside their bounds")


def require_inside(recorded: "Recorded") -> None:
    """Raise GateFailedError where a recorded value is outside its prediction's interval."""
    outside = [error for error in recorded.errors if error.inside_interval is False]
    if outside:
        names = " and ".join(error.metric.value for error in outside)
        raise GateFailedError(f"{names} outside the predicted interval")
