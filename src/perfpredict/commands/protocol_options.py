"""Options of commands that run evaluation protocols, and what they have in common."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.domain.names import parse_whole_number
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.protocols_rows import GatheredRows
    from perfpredict.services.protocols_runs import ProtocolPlan

_folds = parsing.option_parser(partial(parse_whole_number, lowest=2, highest=1000))
_ALL = "all"


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """What is held out, and what is compared."""

    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="Train anew without what is scored: unseen-model, unseen-architecture, "
            "unseen-device, few-shot, both, by-date, random or all; may be repeated.",
        ),
    ] = None
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="NAME",
            help="With --protocol: roofline-constant, lightgbm-totals, roofline-sum, learned; "
            "all of them if left out.",
        ),
    ] = None
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            metavar="K",
            parser=_folds,
            help="With --protocol: folds of models; devices are left out one by one.",
        ),
    ] = 5
    shots: Annotated[
        str,
        typer.Option(
            "--shots", metavar="LIST", help="Few-shot: rows of the new device that are given."
        ),
    ] = "1,3,10,20,50"
    details: Annotated[
        bool, typer.Option("--details", help="With --protocol: one row a held-out group.")
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="With --protocol: all results as JSON, too."
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False

    @property
    def is_asked(self) -> bool:
        """Whether any protocol is to be run."""
        return bool(self.protocol)

    def check_unused(self) -> None:
        """Raise InvalidInputError for options that say nothing without `--protocol`."""
        given = {"--variant": self.variant, "--details": self.details, "--output": self.output}
        for name, value in given.items():
            if value:
                raise InvalidInputError(f"{name}: needs --protocol")

    def plan(self, *, level: float, seed: int = 0) -> "ProtocolPlan":
        """Return the options as the service takes them; a wrong name brings near matches."""
        from perfpredict.services.protocols_runs import ALL_PROTOCOLS, ProtocolPlan
        from perfpredict.services.protocols_splits import ProtocolName, SplitOptions
        from perfpredict.services.protocols_variants import VariantName

        names = parsing.split_names("--protocol", self.protocol or ())
        others = [name for name in names if name != _ALL]
        named = [parsing.parse_choice("--protocol", name, ProtocolName) for name in others]
        variants = parsing.split_names("--variant", self.variant or ())
        return ProtocolPlan(
            protocols=tuple(dict.fromkeys([*(ALL_PROTOCOLS if _ALL in names else ()), *named])),
            variants=tuple(
                parsing.parse_choice("--variant", name, VariantName) for name in variants
            )
            or tuple(VariantName),
            splits=SplitOptions(folds=self.folds, shots=_shots(self.shots), seed=seed),
            level=level,
            skips_impossible=_ALL in names,
        )


def run_and_emit(
    gathered: "GatheredRows", options: ProtocolOptions, plan: "ProtocolPlan", *notes: str
) -> None:
    """Run `plan` on the rows, print the table, and write the results where that was asked for."""
    from perfpredict.commands.progress import progress_bar
    from perfpredict.reports.evaluate_protocols import protocol_report
    from perfpredict.services.protocols_runs import run_plan
    from perfpredict.services.writing import check_may_write, write_new

    output = options.output
    if output is not None:
        check_may_write(output, force=options.force)
    with progress_bar() as on_progress:
        run = run_plan(gathered, plan, on_progress=on_progress)
    if output is not None:
        data = (json.dumps(run.document(), indent=1) + "\n").encode()
        write_new(output, data, force=options.force)
    context.emit(protocol_report(run, has_details=options.details, notes=notes))


def _shots(text: str) -> tuple[int, ...]:
    numbers = [parse_whole_number("--shots", item, highest=10**6) for item in text.split(",")]
    return tuple(sorted(set(numbers)))
