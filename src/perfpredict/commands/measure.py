"""`perfpredict measure`: what was really observed, one by one or from files."""

from typing import Annotated

import typer

from perfpredict.commands import (
    context,
    measure_files,
    measure_gate,
    measure_run,
    measure_suggest,
)
from perfpredict.commands.asking import ModelSourceOptions, detected_devices
from perfpredict.commands.filters import FilterOptions, TableOptions
from perfpredict.commands.measure_options import RecordOptions, ValueOptions, stated_model
from perfpredict.commands.options import WorkloadOptions, YesOption, help_epilog, with_options

app = typer.Typer(help="Run, record and import measurements.")
measure_files.register(app)
measure_gate.register(app)
measure_run.register(app)
measure_suggest.register(app)


@app.command(
    epilog=help_epilog(
        [
            "perfpredict measure record bert-base-uncased --hardware cuda --batch-size 8 "
            "--precision fp16 --throughput 123.45 --latency 7.89 --memory 1024.5",
            "perfpredict measure record resnet50 --hardware nvidia-l4 --latency 2.1ms --runs 100",
        ],
        [3, 4],
    )
)
@with_options
def record(
    workload: WorkloadOptions,
    model_source: ModelSourceOptions,
    values: ValueOptions,
    options: RecordOptions,
) -> None:
    """Record what was measured of MODEL on a device, and compare it with its prediction."""
    from perfpredict.reports import measure as report
    from perfpredict.services import measure as service
    from perfpredict.services.hardware import device_catalog
    from perfpredict.store.access import Access

    asked = workload.build_workload()
    now = context.now()
    with context.open_store_if_exists() as store:
        catalog = device_catalog(store, detected=detected_devices([options.hardware_name]))
        known = service.known_or_new(
            store, asked.model, known=stated_model(workload, model_source),
            accepts_new=options.new_model,
        )  # fmt: skip
        if options.prediction_id is not None:
            asked = service.with_shape_of(store, asked, options.prediction_id)
    prepared = service.prepare(
        asked, options.hardware_name, values.given(), options.given(now),
        catalog=catalog, now=now, known=known, accepts_new_hardware=options.new_hardware,
    )  # fmt: skip
    for text in prepared.warnings:
        context.warn(text)
    if options.dry_run:
        context.emit(report.recorded_report(prepared.measurement, None, prepared.notes))
        return
    with context.open_store(Access.WRITE) as store:
        recorded = service.record(
            store, prepared, prediction_id=options.prediction_id, link=not options.no_link,
            force=options.force, now=now,
        )  # fmt: skip
    shown = report.recorded_report(prepared.measurement, recorded, prepared.notes)
    context.emit(shown, ids=[recorded.measurement_id])
    if options.check:
        measure_gate.require_inside(recorded)


@app.command("list", epilog=help_epilog(["perfpredict measure list --hardware cuda --days 7"], [3]))
@with_options
def list_(filters: FilterOptions, table: TableOptions) -> None:
    """List stored measurements, newest first."""
    from perfpredict.reports import measure as report
    from perfpredict.store.access import Access
    from perfpredict.store.measurements import list_measurements

    with context.open_store(Access.READ) as store:
        frame = list_measurements(store, filters.row_filter(store, limit=table.row_limit))
    shown = table.apply(report.measurement_list(frame))
    context.emit(shown, ids=[str(row["measurement_id"]) for row in shown.rows])


MeasurementArgument = Annotated[
    str, typer.Argument(metavar="MEAS_ID", help="Id of a measurement, or its beginning.")
]


@app.command(epilog=help_epilog(["perfpredict measure show meas-01KB3X9M --json"], [3]))
def show(measurement: MeasurementArgument) -> None:
    """Show everything stored of one measurement, with its errors."""
    from perfpredict.reports import measure as report
    from perfpredict.services.measure_rows import show as load
    from perfpredict.store.access import Access

    with context.open_store(Access.READ) as store:
        shown = load(store, measurement)
    context.emit(report.measurement_report(shown.row, shown.errors), ids=[shown.measurement_id])


@app.command(
    epilog=help_epilog(["perfpredict measure delete meas-01KB3X9M meas-01KB3X9N --yes"], [3])
)
def delete(
    ids: Annotated[
        list[str], typer.Argument(metavar="IDS...", help="Ids of measurements, or beginnings.")
    ],
    yes: YesOption = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove the rows for good instead of hiding them.")
    ] = False,
) -> None:
    """Take measurements out of every list and statistic."""
    from perfpredict.reports import measure as report
    from perfpredict.store.access import Access
    from perfpredict.store.corrections import delete_measurements

    context.confirm(f"delete {len(ids)} measurement{'s' if len(ids) > 1 else ''}", yes=yes)
    with context.open_store(Access.WRITE) as store:
        deleted = delete_measurements(store, ids, purge=purge, now=context.now())
    context.emit(report.deleted_report(deleted, is_purged=purge), ids=deleted)


@app.command(epilog=help_epilog(["perfpredict measure link meas-01KB3X9M pred-01KB3X8Q"], [3]))
def link(
    measurement: MeasurementArgument,
    prediction: Annotated[
        str, typer.Argument(metavar="PRED_ID", help="Id of a prediction, or its beginning.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Even of another workload; marked, and not scored.")
    ] = False,
) -> None:
    """Compare a measurement with another prediction from now on."""
    from perfpredict.reports import measure as report
    from perfpredict.store.access import Access
    from perfpredict.store.corrections import link_measurement

    with context.open_store(Access.WRITE) as store:
        linked = link_measurement(store, measurement, prediction, force=force)
    shown = report.link_report(linked.measurement_id, linked.prediction_id)
    context.emit(shown, ids=[linked.measurement_id])


@app.command(epilog=help_epilog(["perfpredict measure unlink meas-01KB3X9M"], [3]))
def unlink(measurement: MeasurementArgument) -> None:
    """Compare a measurement with no prediction any more."""
    from perfpredict.reports import measure as report
    from perfpredict.store.access import Access
    from perfpredict.store.corrections import unlink_measurement

    with context.open_store(Access.WRITE) as store:
        unlinked = unlink_measurement(store, measurement)
    context.emit(report.link_report(unlinked, None), ids=[unlinked])
