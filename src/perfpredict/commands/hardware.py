"""`perfpredict hardware`: which devices there are, what this machine has, what was recommended."""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from perfpredict.commands import context, devices, parsing, prices, recommend
from perfpredict.commands.filters import FilterOptions, LimitOption, TableOptions
from perfpredict.commands.options import (
    ModelOptions,
    UserOption,
    help_epilog,
    positive_number,
    with_options,
)

app = typer.Typer(help="Devices: recommend, list, detect, price.")
app.add_typer(prices.app, name="price", no_args_is_help=True)
app.command(epilog=recommend.EPILOG)(recommend.recommend)


@dataclass(frozen=True, kw_only=True)
class CatalogTableOptions(TableOptions):
    """As for other lists, but all rows are shown."""

    limit: LimitOption = 0


@app.command(
    "list",
    epilog=help_epilog(
        [
            "perfpredict hardware list --platform cuda --json",
            "perfpredict hardware list --sort -tdp_w",
        ]
    ),
)
@with_options
def list_(
    table: CatalogTableOptions,
    platform: Annotated[
        str | None,
        typer.Option(
            "--platform",
            metavar="NAME",
            help="Only of cuda, rocm, cpu, …",
        ),
    ] = None,
    vendor: Annotated[
        str | None, typer.Option("--vendor", metavar="NAME", help="Only of this vendor.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--origin", metavar="NAME", help="Only builtin, user or detected."),
    ] = None,
) -> None:
    """List the devices of the catalog and your own."""
    from perfpredict.domain.device import Origin, Platform
    from perfpredict.reports import hardware as report
    from perfpredict.services import hardware as service

    with context.open_store_if_exists() as store:
        found = service.list_devices(
            store,
            platform=parsing.parse_choice_or_none("--platform", platform, Platform),
            vendor=vendor,
            origin=parsing.parse_choice_or_none("--origin", origin, Origin),
        )
    shown = table.apply(report.device_list(found))
    context.emit(shown, ids=[str(row["name"]) for row in shown.rows])


@app.command(
    epilog=help_epilog(
        [
            "perfpredict hardware show nvidia-l4 --plot",
            "perfpredict hardware show cuda --json",
        ],
        [3],
    )
)
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A device, alias or platform."),
    ],
    is_plotted: Annotated[bool, typer.Option("--plot", help="Draw its roofline.")] = False,
) -> None:
    """Show all that is known of a device."""
    from perfpredict.reports import hardware as report
    from perfpredict.reports import roofline_plot
    from perfpredict.services import hardware as service

    with context.open_store_if_exists() as store:
        shown = service.show_device(store, name)
    device = shown.resolved.device
    found = report.shown_device(shown.resolved, shown.measurements)
    figures = (roofline_plot.device_figure(device),) if is_plotted else ()
    context.emit(replace(found, figures=figures), ids=[device.name])


@app.command(epilog=help_epilog(["perfpredict hardware detect --json"]))
def detect(
    raw: Annotated[bool, typer.Option("--raw", help="What the vendors' tools printed.")] = False,
) -> None:
    """List the devices of this machine; its CPU is one."""
    from perfpredict.reports import hardware as report
    from perfpredict.services import machine as service

    survey = service.survey_machine()
    shown = report.raw_outputs(survey) if raw else report.detected(survey)
    context.emit(shown, ids=[found.name for found in survey.devices])


@app.command(
    epilog=help_epilog(
        ["perfpredict hardware probe", "perfpredict hardware probe --seconds 10 --no-store"], [3]
    )
)
def probe(
    seconds: Annotated[
        float,
        typer.Option("--seconds", metavar="F", parser=positive_number, help="Time to measure for."),
    ] = 3.0,
    no_store: Annotated[bool, typer.Option("--no-store", help="Measure and forget.")] = False,
) -> None:
    """Measure what this machine's CPU and memory reach.

    The rates are stored as a device of yours.
    """
    from perfpredict.reports import hardware as report
    from perfpredict.services import machine

    probed = machine.probe_this_machine(seconds)
    if not no_store:
        from perfpredict.services import hardware as service
        from perfpredict.store.gateway import Access

        with context.open_store(Access.WRITE) as store:
            service.add_device(store, probed.device, may_replace=True, now=context.now())
    context.emit(
        report.probed(probed.device, probed.result, is_stored=not no_store),
        ids=[probed.device.name],
    )


@app.command(
    epilog=help_epilog(
        ["perfpredict hardware compat", "perfpredict hardware compat bert-base-uncased"], [3]
    )
)
@with_options
def compat(model: ModelOptions, table: TableOptions) -> None:
    """List how models last stood on devices.

    Recommendations write this table; the last one for a workload and device counts.
    """
    from perfpredict.reports import history as report
    from perfpredict.services import hardware as service
    from perfpredict.store.gateway import Access

    name = model.optional_model_name
    with context.open_store(Access.READ) as store:
        frame = service.compatibility(store, name)
    context.emit(table.apply(report.compatibility(frame)))


AcceptedOption = Annotated[
    str | None, typer.Option("--accepted", metavar="ANSWER", help="yes, no or pending.")
]
PrimaryOption = Annotated[
    str | None,
    typer.Option("--primary", metavar="NAME", help="Only where this device came first."),
]


@app.command(
    epilog=help_epilog(
        ["perfpredict hardware history --model bert-base-uncased --days 30 --limit 20"], [3]
    )
)
@with_options
def history(
    filters: FilterOptions,
    table: TableOptions,
    accepted: AcceptedOption = None,
    user: UserOption = None,
    primary: PrimaryOption = None,
) -> None:
    """List past recommendations, newest first."""
    from perfpredict.reports import history as report
    from perfpredict.services import feedback as service
    from perfpredict.store.gateway import Access

    answer = parsing.parse_choice_or_none("--accepted", accepted, service.Answer)
    with context.open_store(Access.READ) as store:
        rows = filters.row_filter(store, limit=table.row_limit, user=user)
        frame = service.recommendations(store, rows, accepted=answer, primary=primary)
    shown = table.apply(report.history(frame))
    context.emit(shown, ids=[str(row["recommendation_id"]) for row in shown.rows])


devices.register(app)
app.command("recommend", epilog=recommend.EPILOG)(recommend.recommend)
