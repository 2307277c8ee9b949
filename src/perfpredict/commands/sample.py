"""`perfpredict sample`: made-up rows to play with, marked as such everywhere."""

from functools import partial
from typing import Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.options import YesOption, help_epilog
from perfpredict.domain.names import parse_whole_number
from perfpredict.domain.units import parse_number

app = typer.Typer(help="Made-up rows to play with, marked as such.")

_count = parsing.option_parser(partial(parse_whole_number, highest=100_000))
_seed = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=2**31 - 1))
_number = parsing.option_parser(parse_number)


@app.command(
    epilog=help_epilog(["perfpredict sample generate --num-models 10 --seed 7 --db try.duckdb"])
)
def generate(
    models: Annotated[
        int, typer.Option("--num-models", metavar="INT", parser=_count, help="How many models.")
    ] = 5,
    measurements: Annotated[
        int, typer.Option("--measurements", metavar="INT", parser=_count, help="For each model.")
    ] = 12,
    noise: Annotated[
        float,
        typer.Option(
            "--noise",
            metavar="F",
            parser=_number,
            help="Of latency: log standard deviation, 0 to 1",
        ),
    ] = 0.1,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="INT", parser=_seed, help="The same gives the same values."),
    ] = 0,
    is_into_real: Annotated[
        bool, typer.Option("--into-real", help="Even into a database with real rows.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
) -> None:
    """Store made-up predictions, measurements, recommendations and a predictor."""
    from perfpredict.reports import sample as report
    from perfpredict.services import sample as service
    from perfpredict.store.access import Access

    plan = service.SamplePlan(models=models, measurements=measurements, noise=noise, seed=seed)
    now = context.now()
    with context.open_store_if_exists() as store:
        service.check_may_mix(store, into_real=is_into_real)
    data = service.make_up(plan, now=now)
    if not dry_run:
        with context.open_store(Access.WRITE) as store:
            service.check_may_mix(store, into_real=is_into_real)
            service.store_samples(store, data, now=now)
    shown = report.generated(data.counts, is_dry_run=dry_run)
    context.emit(shown, ids=[] if dry_run else [str(m.measurement_id) for m in data.measurements])


@app.command(epilog=help_epilog(["perfpredict sample clear --yes"], [3]))
def clear(
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing.")] = False,
) -> None:
    """Delete every sample row; real ones stay."""
    from perfpredict.reports import sample as report
    from perfpredict.services import sample as service
    from perfpredict.store.access import Access

    if dry_run:
        with context.open_store(Access.READ) as store:
            counts = service.status(store)
        context.note("dry run: nothing was deleted")
    else:
        context.confirm("delete every sample row", yes=yes)
        with context.open_store(Access.WRITE) as store:
            counts = service.clear(store)
    context.emit(report.cleared(counts), ids=[str(int(counts["sample"].sum()))])


@app.command(epilog=help_epilog(["perfpredict sample status --json"], [3]))
def status() -> None:
    """Count sample and real rows by table."""
    from perfpredict.reports import sample as report
    from perfpredict.services import sample as service
    from perfpredict.store.access import Access

    with context.open_store(Access.READ) as store:
        counts = service.status(store)
    context.emit(report.status(counts), ids=[str(int(counts["sample"].sum()))])
