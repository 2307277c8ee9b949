"""`perfpredict models`: stored predictors, and what is known of each."""

from typing import Annotated

import typer

from perfpredict.commands import context, model_files, model_scores, parsing
from perfpredict.commands.filters import TableOptions
from perfpredict.commands.options import YesOption, help_epilog, with_options

app = typer.Typer(help="Train, store and compare predictors.")

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the predictor, or its beginning.")
]


@app.command(
    "list",
    epilog=help_epilog(["perfpredict models list --target-metric throughput --hardware cuda"], [3]),
)
@with_options
def list_(
    table: TableOptions,
    target_metric: Annotated[
        str | None,
        typer.Option("--target-metric", metavar="NAME", help="throughput, latency, memory or all."),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", metavar="NAME", help="Platform it was stored for."),
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", metavar="TEXT", help="Family it was stored for.")
    ] = None,
    model_type: Annotated[
        str | None, typer.Option("--model-type", metavar="TEXT", help="As in the column 'type'.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="NAME", help="active, inactive or stale."),
    ] = None,
) -> None:
    """List the stored predictors, newest first."""
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.services.predictors import Status
    from perfpredict.services.train import TrainedMetric
    from perfpredict.store.gateway import Access

    metric = parsing.parse_choice_or_none("--target-metric", target_metric, TrainedMetric)
    wanted = parsing.parse_choice_or_none("--status", status, Status)
    with context.open_store(Access.READ) as store:
        frame = service.list_predictors(
            store, target_metric=metric, hardware_platform=hardware, model_family=family,
            model_type=model_type, status=wanted, limit=table.row_limit,
        )  # fmt: skip
    shown = table.apply(report.listed(frame))
    context.emit(shown, ids=[str(row["model_id"]) for row in shown.rows])


@app.command(epilog=help_epilog(["perfpredict models show model-01KB3X9M"], [3]))
def show(model: IdArgument) -> None:
    """Show all that is known of a predictor, without loading it."""
    from perfpredict.commands.predictor_rows import shown_row
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        found = service.show_predictor(store, model)
    context.emit(report.shown(shown_row(found)), ids=[found.record.model_id])


@app.command(epilog=help_epilog(["perfpredict models importance model-01KB3X9M"], [3]))
@with_options
def importance(table: TableOptions, model: IdArgument) -> None:
    """Show how much each feature matters to a predictor; shares add up to 1."""
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        frame = service.importance(store, model)
    shown = table.apply(report.importance(frame))
    context.emit(shown, ids=[str(row["feature"]) for row in shown.rows])


@app.command(epilog=help_epilog(["perfpredict models activate model-01KB3X9M"], [3, 7]))
def activate(model: IdArgument) -> None:
    """Answer from this predictor from now on; it must load."""
    from perfpredict.commands.predictor_rows import record_row
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.WRITE) as store:
        record = service.activate(store, model)
    row = record_row(record, is_trusted=True)
    context.emit(report.stored(row), ids=[record.model_id])


@app.command(epilog=help_epilog(["perfpredict models trust model-01KB3X9M"], [3]))
def trust(model: IdArgument, yes: YesOption = False) -> None:
    """Let a predictor that somebody else stored be loaded; loading it runs its code."""
    from perfpredict.commands.predictor_rows import record_row
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        found = service.show_predictor(store, model)
    if found.listing is not None:
        names = ", ".join(found.listing.global_names) or "nothing"
        more = "" if found.listing.is_complete else ", and perhaps more"
        context.note(f"loading it imports {names}{more}")
    context.confirm(f"trust {found.record.model_id}", yes=yes)
    with context.open_store(Access.WRITE) as store:
        record = service.trust(store, found.record.model_id)
    row = record_row(record, is_trusted=True)
    context.emit(report.stored(row), ids=[record.model_id])


@app.command(
    epilog=help_epilog(["perfpredict models verify", "perfpredict models verify model-01KB3X9M"],
                       [3, 4])
)  # fmt: skip
def verify(
    model: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one; all if left out.")
    ] = None,
) -> None:
    """Check that predictors are what was stored: checksum, loading, known answers."""
    from perfpredict.commands.predictor_rows import verification_rows
    from perfpredict.errors import GateFailedError
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_checks as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        found = service.verify(store, [] if model is None else [model])
    failed = [one.model_id for one in found if not one.is_good]
    context.emit(report.verified(verification_rows(found)), ids=failed)
    if failed:
        raise GateFailedError(f"{len(failed)} of {len(found)} predictors are not as stored")


@app.command(epilog=help_epilog(["perfpredict models delete model-01KB3X9M --yes"], [3]))
def delete(model: IdArgument, yes: YesOption = False) -> None:
    """Delete a predictor for good; predictions made with it stay."""
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictors as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        record = service.show_predictor(store, model).record
    context.confirm(f"delete {record.model_id}", yes=yes)
    with context.open_store(Access.WRITE) as store:
        model_id = service.delete(store, record.model_id)
    context.emit(report.deleted(model_id), ids=[model_id])


model_scores.register(app)
model_files.register(app)
