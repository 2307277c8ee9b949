"""Commands of `perfpredict models` that train predictors and score them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.asking import detected_devices
from perfpredict.commands.filters import FilterOptions
from perfpredict.commands.options import LevelOption, UserOption, help_epilog, with_options
from perfpredict.commands.protocol_options import ProtocolOptions, run_and_emit
from perfpredict.domain.names import parse_whole_number
from perfpredict.errors import GateFailedError, InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.train import Trained, TrainingPlan
    from perfpredict.services.training_material import Material

_share = parsing.option_parser(parsing.parse_share)
_whole = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=2**31 - 1))
_positive = parsing.option_parser(partial(parse_whole_number, highest=10**9))

_TRAIN = help_epilog(
    [
        "perfpredict models train",
        "perfpredict models train --metric latency --hardware cuda",
        "perfpredict models train --from 'rows/*.parquet' --dask tcp://head:8786 --scratch /shared",
    ],
    [3, 4, 6],
    effect="Reads the measurements, and stores the predictor in the database.",
)
_EVALUATE = help_epilog(
    [
        "perfpredict models evaluate model-01KB3X9M --days 30",
        "perfpredict models evaluate --protocol unseen-model --variant learned,roofline-sum",
    ],
    [3, 7],
)
_COMPARE = help_epilog(["perfpredict models compare model-01KB3X9M roofline"], [3, 7])


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group `app`."""
    app.command(epilog=_TRAIN)(train)
    app.command(epilog=_EVALUATE)(evaluate)
    app.command(epilog=_COMPARE)(compare)


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How to train."""

    metric: Annotated[
        str,
        typer.Option("--metric", metavar="NAME", help="throughput, latency, memory or all."),
    ] = "all"
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help="lightgbm, ridge or auto.")
    ] = "auto"
    split: Annotated[
        str,
        typer.Option(
            "--split", metavar="NAME", help="What is held out whole: model, config, time, random."
        ),
    ] = "model"
    test_size: Annotated[
        float,
        typer.Option("--test-size", metavar="F", parser=_share, help="Share that is held out."),
    ] = 0.2
    level: LevelOption = 0.9
    min_rows: Annotated[
        int, typer.Option("--min-rows", metavar="INT", parser=_positive, help="Fewer is an error.")
    ] = 30
    seed: Annotated[
        int, typer.Option("--seed", metavar="INT", parser=_whole, help="Of the hold-out.")
    ] = 0

    def plan(self) -> "TrainingPlan":
        """Return the options as the service takes them."""
        from perfpredict.models.learners import Algorithm
        from perfpredict.services.train import TrainedMetric, TrainingPlan
        from perfpredict.services.training_rows import Split

        return TrainingPlan(
            metric=parsing.parse_choice("--metric", self.metric, TrainedMetric),
            algorithm=parsing.parse_choice("--algorithm", self.algorithm, Algorithm),
            split=parsing.parse_choice("--split", self.split, Split),
            test_size=self.test_size,
            level=self.level,
            min_rows=self.min_rows,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """What to train on instead of the stored measurements."""

    files: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Parquet files as `db export` writes them, read in parts.",
        ),
    ] = None
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="With --from: on the workers of a cluster."),
    ] = None
    scratch: Annotated[
        Path | None,
        typer.Option("--scratch", metavar="DIR", help="With --from: where features are kept."),
    ] = None

    def train(
        self, plan: "TrainingPlan", material: "Material", filters: FilterOptions, *, contended: bool
    ) -> "Trained":
        """Return what is learned from the stored measurements, or from the files."""
        from perfpredict.services import train, train_streamed
        from perfpredict.services.streamed_rows import open_rows
        from perfpredict.services.training_rows import gather

        if self.files is None:
            if self.dask is not None or self.scratch is not None:
                raise InvalidInputError("--dask and --scratch: only together with --from")
            rows = gather(material.measurements, material.catalog, takes_contended=contended)
            return train.train(rows, plan, active=material.active)
        if filters != FilterOptions():
            raise InvalidInputError("--from takes all rows: filters are for stored measurements")
        return train_streamed.train_streamed(
            open_rows(self.files), plan, material,
            scratch=self.scratch, scheduler=self.dask, takes_contended=contended,
        )  # fmt: skip


@with_options
def train(
    options: PlanOptions,
    filters: FilterOptions,
    stream: StreamOptions,
    is_activated: Annotated[
        bool,
        typer.Option("--activate/--no-activate", help="Answer from it if it is better."),
    ] = True,
    require_better: Annotated[
        bool, typer.Option("--require-better", help="Exit with 4 where it is not better.")
    ] = False,
    takes_contended: Annotated[
        bool,
        typer.Option("--include-contended", help="Take runs too that waited for cores."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    user: UserOption = None,
) -> None:
    """Train a predictor on the stored measurements, judged on models that it never saw."""
    from perfpredict.commands.predictor_rows import training_notes, training_rows
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_storing, training_material
    from perfpredict.store.gateway import Access
    from perfpredict.store.ids import IdKind, new_id

    plan = options.plan()
    with context.open_store(Access.READ) as store:
        material = training_material.read_material(
            store, filters.row_filter(store), detected=detected_devices([])
        )
    trained = stream.train(plan, material, filters, contended=takes_contended)
    is_active = is_activated and trained.is_better and not dry_run
    model_id = None if dry_run else new_id(IdKind.MODEL, context.now())
    if model_id is not None:
        prepared = predictor_storing.prepare_trained(
            trained, model_id=model_id, now=context.now(), activate=is_active,
            user=user or context.settings().user,
        )  # fmt: skip
        with context.open_store(Access.WRITE) as store:
            predictor_storing.save(store, prepared)
    shown = report.trained(
        training_rows(trained, model_id=model_id, is_active=is_active),
        [*material.notes, *training_notes(trained)],
    )
    context.emit(shown, ids=[model_id] if model_id else [])
    if require_better and not trained.is_better:
        raise GateFailedError("the new predictor is not better than what is in force")


@with_options
def evaluate(
    filters: FilterOptions,
    protocols: ProtocolOptions,
    predictor: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Id, or roofline; none with --protocol."),
    ] = None,
    level: LevelOption = 0.9,
) -> None:
    """Score a predictor on stored measurements that it was not trained on, or train anew."""
    if protocols.is_asked:
        _run_protocols(filters, protocols, predictor, level)
        return
    protocols.check_unused()
    if predictor is None:
        raise InvalidInputError("id: must be given, or --protocol")
    _score(filters, predictor, level)


def _score(filters: FilterOptions, predictor: str, level: float) -> None:
    from perfpredict.commands.predictor_rows import evaluation_rows
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_accuracy as service
    from perfpredict.services import training_material
    from perfpredict.services.training_rows import gather
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        material = training_material.read_material(
            store, filters.row_filter(store), detected=detected_devices([])
        )
        contender = training_material.read_contender(store, predictor)
    found = service.evaluate(
        gather(material.measurements, material.catalog),
        contender.predictor,
        measurement_ids=contender.measurement_ids,
        level=level,
    )
    notes = [f"left out: {count} rows, {reason}" for reason, count in found.left_out.items()]
    context.emit(report.evaluated(evaluation_rows(found, level=level), notes))


def _run_protocols(
    filters: FilterOptions, protocols: ProtocolOptions, predictor: str | None, level: float
) -> None:
    from perfpredict.services.hardware import device_catalog
    from perfpredict.services.protocols_rows import rows_of_store
    from perfpredict.services.training_rows import gather
    from perfpredict.store.gateway import Access
    from perfpredict.store.measurements import list_measurements

    if predictor is not None:
        raise InvalidInputError("id: not together with --protocol", hint="use --variant")
    plan = protocols.plan(level=level)
    with context.open_store(Access.READ) as store:
        measurements = list_measurements(store, filters.row_filter(store))
        catalog = device_catalog(store, detected=detected_devices([]))
    run_and_emit(rows_of_store(gather(measurements, catalog)), protocols, plan)


@with_options
def compare(
    filters: FilterOptions,
    predictors: Annotated[
        list[str], typer.Argument(metavar="ID ID...", help="Ids, or roofline; two at least.")
    ],
    level: LevelOption = 0.9,
) -> None:
    """Compare predictors on measurements that none of them was trained on."""
    from perfpredict.commands.predictor_rows import standing_rows
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_accuracy as service
    from perfpredict.services import training_material
    from perfpredict.services.training_rows import gather
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        material = training_material.read_material(
            store, filters.row_filter(store), detected=detected_devices([])
        )
        contenders = [training_material.read_contender(store, name) for name in predictors]
    rows = gather(material.measurements, material.catalog)
    standings = service.compare(rows, contenders, level=level)
    context.emit(report.compared(standing_rows(standings)), ids=[standings[0].name])
