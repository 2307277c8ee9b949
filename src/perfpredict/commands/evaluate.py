"""`perfpredict perf evaluate`: score the predictor in force on a file of measurements."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.groups import with_options
from perfpredict.commands.import_options import ReadingOptions
from perfpredict.commands.options import LevelOption, help_epilog
from perfpredict.commands.protocol_options import ProtocolOptions, run_and_emit
from perfpredict.domain.metrics import Metric
from perfpredict.domain.names import parse_whole_number
from perfpredict.domain.workload import Mode, Phase
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.catalog.devices import DeviceCatalog
    from perfpredict.importers.table import MeasurementRows
    from perfpredict.services.engine import Engine
    from perfpredict.services.evaluate import EvaluationOptions, GroupKey
    from perfpredict.services.evaluate_rows import ScoredFilter

_Globs = list[str] | None


_whole = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=2**31 - 1))


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """Which rows are scored, and how."""

    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="latency, throughput or memory.")
    ] = "latency"
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="KEY",
            help="model, family, architecture, device, mode, phase, precision, framework, "
            "source or batch_size; may be repeated.",
        ),
    ] = None
    calibrate: Annotated[
        int,
        typer.Option(
            "--calibrate",
            metavar="N",
            parser=_whole,
            help="Random rows of each device that the predictor is given first.",
        ),
    ] = 0
    seed: Annotated[
        int, typer.Option("--seed", metavar="INT", parser=_whole, help="Of that choice.")
    ] = 0
    level: LevelOption = 0.9
    predictor: Annotated[
        str,
        typer.Option(
            "--predictor", metavar="NAME", help="auto, reference, roofline or a stored id."
        ),
    ] = "auto"
    model: Annotated[_Globs, typer.Option("--model", metavar="GLOB", help="Only these.")] = None
    family: Annotated[_Globs, typer.Option("--family", metavar="LIST", help="Only these.")] = None
    device: Annotated[
        _Globs, typer.Option("--device", "--hardware", metavar="LIST", help="Only these.")
    ] = None
    source: Annotated[_Globs, typer.Option("--source", metavar="LIST", help="Only these.")] = None
    precision: Annotated[
        _Globs, typer.Option("--precision", metavar="LIST", help="Only these.")
    ] = None
    framework: Annotated[
        _Globs, typer.Option("--framework", metavar="LIST", help="Only these.")
    ] = None
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="NAME", help="inference or training.")
    ] = None
    phase: Annotated[
        str | None, typer.Option("--phase", metavar="NAME", help="prefill, decode or generate.")
    ] = None

    def group_keys(self) -> "tuple[GroupKey, ...]":
        """Return what `--by` names; InvalidInputError with near matches otherwise."""
        from perfpredict.services.evaluate import GroupKey

        items = [item.strip() for text in self.by or () for item in text.split(",")]
        keys = [parsing.parse_choice("--by", item, GroupKey) for item in items]
        return tuple(dict.fromkeys(keys))

    def evaluation_options(self, catalog: "DeviceCatalog") -> "EvaluationOptions":
        """Return the options as the service takes them; device names are resolved."""
        from perfpredict.services.evaluate import EvaluationOptions

        metric = parsing.parse_choice("--metric", self.metric, Metric)
        if metric is Metric.MEMORY and self.calibrate:
            raise InvalidInputError("--calibrate corrects latency and throughput, not memory")
        return EvaluationOptions(
            metric=metric,
            by=self.group_keys(),
            level=self.level,
            calibration_rows=self.calibrate,
            seed=self.seed,
            row_filter=self.row_filter(catalog),
        )

    def check_fits_protocols(self) -> None:
        """Raise InvalidInputError for options that have no meaning where predictors are trained."""
        if parsing.parse_choice("--metric", self.metric, Metric) is not Metric.LATENCY:
            raise InvalidInputError("--metric: protocols score latency")
        unlike = {
            "--by": (self.by, "--details has one row a held-out group"),
            "--calibrate": (self.calibrate, "--protocol few-shot --shots N does that"),
            "--predictor": (self.predictor != "auto", "--variant says what is trained"),
        }
        for name, (value, hint) in unlike.items():
            if value:
                raise InvalidInputError(f"{name}: not together with --protocol", hint=hint)

    def row_filter(self, catalog: "DeviceCatalog") -> "ScoredFilter":
        """Return which rows are scored; device names are resolved."""
        from perfpredict.services.evaluate_rows import ScoredFilter

        devices = _names("--device", self.device)
        precisions = _names("--precision", self.precision)
        return ScoredFilter(
            models=tuple(item.strip() for text in self.model or () for item in text.split(",")),
            families=_names("--family", self.family),
            devices=tuple(catalog.resolve(name).device.name for name in devices),
            sources=_names("--source", self.source),
            precisions=tuple(
                parsing.parse_precision("--precision", name).value for name in precisions
            ),
            frameworks=_frameworks(self.framework),
            mode=None if self.mode is None else parsing.parse_choice("--mode", self.mode, Mode),
            phase=None
            if self.phase is None
            else parsing.parse_choice("--phase", self.phase, Phase),
        )


EPILOG = help_epilog(
    [
        "perfpredict perf evaluate measurements.parquet --by device --mode inference",
        "perfpredict perf evaluate bench.csv --map lat=latency --unit latency=s --calibrate 10",
        "perfpredict perf evaluate measurements.parquet --protocol unseen-device --details",
    ],
    [3],
)


@with_options
def evaluate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="CSV, JSON or Parquet; - is stdin.")
    ],
    reading: ReadingOptions,
    scoring: ScoringOptions,
    protocols: ProtocolOptions,
) -> None:
    """Score the predictor, or any trained anew, on a file of measurements; nothing is stored."""
    from perfpredict.importers.table import read_measurements
    from perfpredict.services.opening import load_engine

    if protocols.is_asked:
        scoring.check_fits_protocols()
    else:
        protocols.check_unused()
    with context.open_store_if_exists() as store:
        engine = load_engine(store, predictor=scoring.predictor, is_calibrated=False)
    rows = read_measurements(files, reading.read_options(engine.devices, context.now()))
    for text in (*rows.notes, *rows.warnings):
        context.note(text)
    if protocols.is_asked:
        _run_protocols(engine, rows, scoring, protocols)
    else:
        _score(engine, rows, scoring)


def _score(engine: "Engine", rows: "MeasurementRows", scoring: ScoringOptions) -> None:
    from perfpredict.reports.evaluate import evaluation_report
    from perfpredict.services.evaluate import evaluate as score

    options = scoring.evaluation_options(engine.devices)
    result = score(engine, rows, options)
    context.emit(evaluation_report(result, [key.value for key in options.by]))


def _run_protocols(
    engine: "Engine", rows: "MeasurementRows", scoring: ScoringOptions, protocols: ProtocolOptions
) -> None:
    from perfpredict.reports.evaluate import suspect_note
    from perfpredict.services.protocols_rows import rows_of_file

    plan = protocols.plan(level=scoring.level, seed=scoring.seed)
    gathered = rows_of_file(engine, rows, scoring.row_filter(engine.devices))
    run_and_emit(gathered, protocols, plan, *suspect_note(rows.suspect_rows))


def _names(option: str, texts: list[str] | None) -> tuple[str, ...]:
    return parsing.split_names(option, texts) if texts else ()


def _frameworks(texts: list[str] | None) -> tuple[str, ...]:
    from perfpredict.domain.frameworks import parse_framework

    return tuple(parse_framework(name) for name in _names("--framework", texts))
