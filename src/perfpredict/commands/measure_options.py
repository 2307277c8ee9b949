"""Options of `measure record`: the measured values, and what is known of the measurement."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import parsing
from perfpredict.commands.asking import ModelSourceOptions
from perfpredict.commands.options import WorkloadOptions
from perfpredict.domain.measurement import Load
from perfpredict.domain.names import parse_whole_number
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.catalog.models import ModelEntry
    from perfpredict.services.measure import GivenContext, GivenValues

_runs = parsing.option_parser(partial(parse_whole_number, highest=2**31 - 1))
_warmup = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=2**31 - 1))


@dataclass(frozen=True, kw_only=True)
class ValueOptions:
    """What was measured; at least one of throughput, latency and memory."""

    throughput: Annotated[
        str | None,
        typer.Option("--throughput", metavar="N[UNIT]", help="Samples/s; or tokens/s, batches/s."),
    ] = None
    latency: Annotated[
        str | None,
        typer.Option("--latency", metavar="N[UNIT]", help="Median per batch in ms; or s, us."),
    ] = None
    latency_p50: Annotated[
        str | None, typer.Option("--latency-p50", metavar="N[UNIT]", help="The same as --latency.")
    ] = None
    latency_p90: Annotated[
        str | None, typer.Option("--latency-p90", metavar="N[UNIT]", help="90th percentile.")
    ] = None
    latency_p99: Annotated[
        str | None, typer.Option("--latency-p99", metavar="N[UNIT]", help="99th percentile.")
    ] = None
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="N[UNIT]", help="Peak in MiB; or MB, GB, GiB."),
    ] = None

    def given(self) -> "GivenValues":
        """Return the values as they were typed; InvalidInputError where none is there."""
        from perfpredict.services.measure import GivenValues

        if self.latency is not None and self.latency_p50 is not None:
            raise InvalidInputError("--latency and --latency-p50 are the same: give one of them")
        latency = self.latency if self.latency is not None else self.latency_p50
        if self.throughput is None and latency is None and self.memory is None:
            raise InvalidInputError("give at least one of --throughput, --latency and --memory")
        return GivenValues(
            throughput=self.throughput,
            latency=latency,
            latency_p90=self.latency_p90,
            latency_p99=self.latency_p99,
            memory=self.memory,
        )


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What else is known of the measurement, and what it is compared with."""

    hardware: Annotated[
        str | None,
        typer.Option("--hardware", metavar="NAME", help="The device it ran on.  [required]"),
    ] = None
    runs: Annotated[
        int | None, typer.Option("--runs", metavar="INT", parser=_runs, help="Timed executions.")
    ] = None
    warmup: Annotated[
        int | None,
        typer.Option("--warmup", metavar="INT", parser=_warmup, help="Discarded executions."),
    ] = None
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it ran; now if left out.")
    ] = None
    load: Annotated[
        str, typer.Option("--load", metavar="NAME", help="closed, or open (with queueing).")
    ] = "closed"
    prediction_id: Annotated[
        str | None,
        typer.Option("--prediction-id", metavar="ID", help="Compare with this prediction."),
    ] = None
    no_link: Annotated[bool, typer.Option("--no-link", help="Compare with no prediction.")] = False
    force: Annotated[
        bool, typer.Option("--force", help="Link to a prediction of another workload, marked.")
    ] = False
    source: Annotated[
        str, typer.Option("--source", metavar="TEXT", help="Where the numbers come from.")
    ] = "cli"
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Free text.")] = ""
    new_hardware: Annotated[
        bool, typer.Option("--new-hardware", help="The device may be unknown.")
    ] = False
    new_model: Annotated[bool, typer.Option("--new-model", help="The model may be unknown.")] = (
        False
    )
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 4 where a value is outside its interval.")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False
    user: Annotated[str | None, typer.Option("--user", "--user-id", hidden=True)] = None

    @property
    def hardware_name(self) -> str:
        """The one device; InvalidInputError where it is missing or more than one."""
        if self.hardware is None:
            raise InvalidInputError("--hardware: must be given")
        names = parsing.split_names("--hardware", [self.hardware])
        if len(names) > 1:
            raise InvalidInputError(f"--hardware: one is wanted here (got '{self.hardware}')")
        return names[0]

    def given(self, now: datetime) -> "GivenContext":
        """Return what is known of the measurement besides its values."""
        from perfpredict.services.measure import GivenContext

        return GivenContext(
            measured_at=now if self.at is None else parsing.parse_time("--at", self.at),
            runs=self.runs,
            warmup_runs=self.warmup,
            load=parsing.parse_choice("--load", self.load, Load),
            source=self.source,
            note=self.note,
        )


def stated_model(
    workload: WorkloadOptions, model_source: ModelSourceOptions
) -> "ModelEntry | None":
    """Return the model that --config, --onnx or --params describe, None where none was given."""
    is_stated = model_source.is_given or workload.onnx is not None
    return model_source.known_model(workload) if is_stated else None
