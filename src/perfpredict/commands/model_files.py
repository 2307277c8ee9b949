"""Commands of `perfpredict models` that take predictors from files and write them to files."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.options import UserOption, help_epilog, with_options
from perfpredict.domain.metrics import Metric
from perfpredict.domain.names import clean_name, parse_whole_number
from perfpredict.domain.units import parse_bytes, parse_number
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.predictor_storing import Description, Prepared

_score = parsing.option_parser(parse_number)
_size = parsing.option_parser(parse_bytes)
_level = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=9))

_STORE = help_epilog(
    [
        "perfpredict models store rf.joblib --target-metric throughput --hardware cuda "
        "--features batch_size,seq_length,precision_bits --trust",
    ],
    [3, 7],
)
_LOAD = help_epilog(["perfpredict models load predictor.json --activate"], [3])
_EXPORT = help_epilog(["perfpredict models export model-01KB3X9M -o predictor.joblib"], [3])

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="File of the predictor.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group `app`."""
    app.command(epilog=_STORE)(store)
    app.command(epilog=_LOAD)(load)
    app.command(epilog=_EXPORT)(export)


@dataclass(frozen=True, kw_only=True)
class DescriptionOptions:
    """What a stored predictor is for."""

    target_metric: Annotated[
        str | None,
        typer.Option(
            "--target-metric", metavar="NAME", help="throughput, latency or memory; needed."
        ),
    ] = None
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features", metavar="A,B", help="Names in the order it was fitted on; needed."
        ),
    ] = None
    model_type: Annotated[
        str | None, typer.Option("--type", metavar="TEXT", help="The class's name if left out.")
    ] = None
    hardware: Annotated[
        str | None, typer.Option("--hardware", metavar="NAME", help="Platform it is for.")
    ] = None
    family: Annotated[
        str | None, typer.Option("--family", metavar="TEXT", help="Family it is for.")
    ] = None
    training_score: Annotated[
        float | None, typer.Option("--training-score", metavar="F", parser=_score)
    ] = None
    validation_score: Annotated[
        float | None, typer.Option("--validation-score", metavar="F", parser=_score)
    ] = None
    test_score: Annotated[
        float | None, typer.Option("--test-score", metavar="F", parser=_score)
    ] = None
    user: UserOption = None

    def description(self) -> "Description":
        """Return the options as the service takes them."""
        from perfpredict.services.predictor_storing import Description

        if self.target_metric is None or self.features is None:
            raise InvalidInputError("--target-metric and --features: both must be given")
        return Description(
            target_metric=parsing.parse_choice("--target-metric", self.target_metric, Metric),
            features=parsing.split_names("--features", self.features),
            model_type=_name("--type", self.model_type),
            hardware_platform=_name("--hardware", self.hardware),
            model_family=_name("--family", self.family),
            training_score=self.training_score,
            validation_score=self.validation_score,
            test_score=self.test_score,
            user=self.user or context.settings().user,
        )


@with_options
def store(
    options: DescriptionOptions,
    file: FileArgument,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load a pickle, which runs whatever code it holds.")
    ] = False,
    compress: Annotated[
        int, typer.Option("--compress", metavar="INT", parser=_level, help="0 to 9, of zlib.")
    ] = 3,
    max_size: Annotated[
        float, typer.Option("--max-size", metavar="SIZE", parser=_size, help="Refuse larger files.")
    ] = float(256 * 2**20),
) -> None:
    """Store a predictor that was fitted elsewhere: joblib, pickle or LightGBM's text."""
    from perfpredict.catalog.given_files import read_given
    from perfpredict.services import predictor_storing as service
    from perfpredict.store.ids import IdKind, new_id

    prepared = service.prepare_file(
        read_given(file, most_bytes=int(max_size)), file.name, options.description(),
        model_id=new_id(IdKind.MODEL, context.now()), now=context.now(),
        trust=trust, compress=compress, max_bytes=int(max_size),
    )  # fmt: skip
    _save(prepared)


def load(
    file: FileArgument,
    activate: Annotated[
        bool, typer.Option("--activate", help="Answer from it from now on.")
    ] = False,
    user: UserOption = None,
) -> None:
    """Take in a predictor that perfpredict trained and exported, here or elsewhere."""
    from perfpredict.catalog.given_files import read_given
    from perfpredict.models.blobs import MAX_BLOB_BYTES
    from perfpredict.services import predictor_storing as service
    from perfpredict.store.ids import IdKind, new_id

    prepared = service.prepare_exported(
        read_given(file, most_bytes=MAX_BLOB_BYTES),
        model_id=new_id(IdKind.MODEL, context.now()),
        now=context.now(),
        activate=activate,
        user=user or context.settings().user,
    )
    _save(prepared)


def export(
    model: Annotated[str, typer.Argument(metavar="ID", help="Id, or its beginning.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where to.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a predictor's bytes to a file as they are stored; nothing is loaded."""
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_checks as service
    from perfpredict.services.writing import write_new
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as database:
        record, blob = service.read_bytes(database, model)
    write_new(output, blob, force=force)
    shown = report.exported(record.model_id, str(output), len(blob), record.sha256 or "")
    context.emit(shown, ids=[record.model_id])


def _save(prepared: "Prepared") -> None:
    from perfpredict.commands.predictor_rows import record_row
    from perfpredict.reports import predictors as report
    from perfpredict.services import predictor_storing as service
    from perfpredict.services.predictors import get_record
    from perfpredict.store.gateway import Access

    with context.open_store(Access.WRITE) as database:
        service.save(database, prepared)
        record = get_record(database, prepared.record.model_id)
    for caution in prepared.cautions:
        context.warn(caution)
    context.emit(report.stored(record_row(record, is_trusted=True)), ids=[record.model_id])


def _name(option: str, text: str | None) -> str | None:
    return None if text is None else clean_name(option, text)
