"""`perfpredict perf`: predict, look back at predictions, and judge their accuracy."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import accuracy, context, evaluate, parsing, perf_report, sweep
from perfpredict.commands.answered import Answered, explained, listed, plotted
from perfpredict.commands.asking import (
    ModelSourceOptions,
    detected_devices,
    hardware_names,
    resolved_devices,
)
from perfpredict.commands.options import (
    FilterOptions,
    LevelOption,
    TableOptions,
    UserOption,
    WorkloadOptions,
    help_epilog,
    with_options,
)
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.domain.prediction import Prediction
    from perfpredict.importers.questions import Question

_LARGEST_LIST_BYTES = 10 * 2**20

app = typer.Typer(help="Predict latency, throughput and memory.")
HardwareOption = Annotated[
    list[str] | None,
    typer.Option("--hardware", metavar="LIST", help="Devices or platforms; `all` is the catalog."),
]
PredictorOption = Annotated[
    str,
    typer.Option("--predictor", metavar="ID", help="auto, reference, roofline or a stored id."),
]


@app.command(
    epilog=help_epilog(
        [
            "perfpredict perf predict bert-base-uncased --hardware cuda,cpu --batch-size 8 "
            "--precision fp16",
            "perfpredict perf predict llama-3.1-8b --hardware nvidia-l4 --phase decode "
            "--precision fp16 --framework vllm",
            "perfpredict perf predict resnet50 --hardware nvidia-l4 --batch-size 32 --explain "
            "--plot",
            "perfpredict perf predict my-net --params 25e6 --flops 8.2e9 --hardware cpu --json",
        ],
        [3],
        effect="Reads the database where there is one, and stores each prediction in it.",
    )
)
@with_options
def predict(
    workload_options: WorkloadOptions,
    source: ModelSourceOptions,
    hardware: HardwareOption = None,
    input_file: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE", help="Workloads, one a row; - is stdin."),
    ] = None,
    input_format: Annotated[
        str | None, typer.Option("--input-format", metavar="NAME", help="csv, json, jsonl, …")
    ] = None,
    predictor: PredictorOption = "auto",
    level: LevelOption = 0.9,
    explain: Annotated[bool, typer.Option("--explain", help="Where the time goes.")] = False,
    is_plotted: Annotated[
        bool, typer.Option("--plot", help="Draw the roofline with the operations on it.")
    ] = False,
    is_unstored: Annotated[bool, typer.Option("--no-store", help="Store nothing.")] = False,
    user: UserOption = None,
) -> None:
    """Predict how MODEL, or every workload in a file, performs on devices."""
    names = hardware_names(hardware)
    if input_file is None:
        answered = _predict_model(workload_options, source, names, predictor, level)
    else:
        questions = _questions(input_file, input_format, workload_options, source)
        answered = _predict_questions(questions, names, predictor, level)
    if not is_unstored:
        answered = replace(answered, predictions=store_predictions(answered.predictions, user))
    ids = [one.prediction_id for one in answered.predictions if one.prediction_id]
    report = explained(answered) if explain else listed(answered)
    context.emit(plotted(report, answered) if is_plotted else report, ids=ids)


def _predict_model(
    workload_options: WorkloadOptions,
    source: ModelSourceOptions,
    names: tuple[str, ...],
    predictor: str,
    level: float,
) -> Answered:
    from perfpredict.services.opening import load_engine
    from perfpredict.services.predict import predict as service

    if not names:
        raise InvalidInputError("--hardware: must be given", hint="--hardware all is the catalog")
    workloads = workload_options.build_workloads()
    model = source.known_model(workload_options)
    with context.open_store_if_exists() as store:
        engine = load_engine(store, predictor=predictor, detected=detected_devices(names))
    devices = resolved_devices(engine, names)
    is_described = source.is_given or workload_options.onnx is not None
    return Answered(
        engine=engine,
        predictions=service(engine, workloads, devices, level=level, model=model),
        described=model if is_described else None,
    )


def _questions(
    path: str, input_format: str | None, options: WorkloadOptions, source: ModelSourceOptions
) -> "list[Question]":
    from perfpredict.importers.options import FileFormat
    from perfpredict.importers.questions import read_questions

    if options.optional_model_name is not None or source.is_given:
        raise InvalidInputError("MODEL and --input exclude each other")
    chosen = parsing.parse_choice_or_none("--input-format", input_format, FileFormat)
    defaults = replace(options, model="each-row").build_workload()
    return read_questions(path, chosen, defaults)


def _predict_questions(
    questions: "list[Question]", names: tuple[str, ...], predictor: str, level: float
) -> Answered:
    from perfpredict.services.opening import load_engine
    from perfpredict.services.predict import predict_questions

    asked = [*names, *(one.hardware for one in questions if one.hardware)]
    with context.open_store_if_exists() as store:
        engine = load_engine(store, predictor=predictor, detected=detected_devices(asked))
    found = predict_questions(engine, questions, names, level=level)
    return Answered(engine=engine, predictions=found)


def store_predictions(found: "list[Prediction]", user: str | None) -> "list[Prediction]":
    """Store predictions under new ids, and return them with these."""
    from perfpredict.services.predict import stamped
    from perfpredict.store.gateway import Access
    from perfpredict.store.ids import IdKind, new_id
    from perfpredict.store.predictions import insert_predictions

    now = context.now()
    ready = stamped(found, now=now, make_id=lambda: new_id(IdKind.PREDICTION, now))
    with context.open_store(Access.WRITE) as store, store.transaction():
        insert_predictions(store, ready, user=user or context.settings().user)
    return ready


@app.command(
    epilog=help_epilog(
        [
            "perfpredict perf matrix --models resnet50,bert-base-uncased --hardware "
            "nvidia-l4,nvidia-a10 --batch-sizes 1,8,32",
            "perfpredict perf matrix --models resnet50 --hardware all --metric throughput --json",
        ],
        [3],
        effect="Reads the database where there is one, and stores nothing without --store.",
    )
)
@with_options
def matrix(
    models: Annotated[str, typer.Option("--models", metavar="LIST", help="Or @FILE, one a line.")],
    hardware: HardwareOption = None,
    batch_sizes: Annotated[str, typer.Option("--batch-sizes", metavar="LIST")] = "1",
    precisions: Annotated[str, typer.Option("--precisions", metavar="LIST")] = "fp32",
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="latency, throughput or memory.")
    ] = "latency",
    max_cells: Annotated[int, typer.Option("--max-cells", min=1)] = 100_000,
    level: LevelOption = 0.9,
    is_stored: Annotated[bool, typer.Option("--store", help="Store the predictions.")] = False,
    user: UserOption = None,
) -> None:
    """Predict a grid of models, devices, batch sizes and precisions."""
    from perfpredict.domain.metrics import Metric
    from perfpredict.reports.perf import matrix_report
    from perfpredict.services.opening import load_engine
    from perfpredict.services.predict import Grid, predict_grid

    names = hardware_names(hardware) or ("all",)
    grid = Grid(
        models=_names_or_file("--models", models),
        batch_sizes=parsing.parse_batch_sizes("--batch-sizes", batch_sizes),
        precisions=tuple(
            parsing.parse_precision("--precisions", text.strip()) for text in precisions.split(",")
        ),
    )
    chosen = parsing.parse_choice("--metric", metric, Metric)
    with context.open_store_if_exists() as store:
        engine = load_engine(store, detected=detected_devices(names))
    devices = resolved_devices(engine, names)
    found = predict_grid(engine, grid, devices, level=level, max_cells=max_cells)
    if is_stored:
        found = store_predictions(found, user)
    context.emit(
        matrix_report(found, chosen), ids=[one.prediction_id for one in found if one.prediction_id]
    )


@app.command(
    "list",
    epilog=help_epilog(["perfpredict perf list --model 'bert*' --since 30d --limit 20"]),
)
@with_options
def list_(filters: FilterOptions, table: TableOptions, user: UserOption = None) -> None:
    """List stored predictions, newest first."""
    from perfpredict.reports.stored import stored_predictions_report
    from perfpredict.store.gateway import Access
    from perfpredict.store.predictions import list_predictions

    with context.open_store(Access.READ) as store:
        row_filter = filters.row_filter(store, limit=table.row_limit, user=user)
        frame = list_predictions(store, row_filter)
    report = stored_predictions_report(frame)
    context.emit(table.apply(report), ids=frame["prediction_id"].to_list())


@app.command(epilog=help_epilog(["perfpredict perf show pred-01JABCDEFGH"], [3]))
def show(
    prediction_id: Annotated[str, typer.Argument(metavar="ID", help="Or a prefix of it.")],
) -> None:
    """Show a stored prediction with its inputs, measurements and errors."""
    from perfpredict.reports.stored import shown_prediction_report
    from perfpredict.services.looking_back import show_prediction
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        found = show_prediction(store, prediction_id)
    context.emit(shown_prediction_report(found), ids=[found.prediction.prediction_id])


def _names_or_file(option: str, text: str) -> tuple[str, ...]:
    """Return the names in `a,b`, or those in a file of one name a line for `@FILE`."""
    if not text.startswith("@"):
        return parsing.split_names(option, [text])
    from perfpredict.catalog.given_files import read_given

    try:
        lines = read_given(Path(text[1:]), most_bytes=_LARGEST_LIST_BYTES).decode().split("\n")
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"{option}: '{text[1:]}' is not UTF-8 text") from exc
    return parsing.split_names(option, [line for line in lines if line.strip()])


accuracy.register(app)
app.command("report", epilog=perf_report.EPILOG)(perf_report.report)
app.command("evaluate", epilog=evaluate.EPILOG)(evaluate.evaluate)
app.command("sweep", epilog=sweep.EPILOG)(sweep.sweep)
