"""`perfpredict perf sweep`: where a larger batch stops paying, and what still fits."""

from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.asking import (
    ModelSourceOptions,
    detected_devices,
    hardware_names,
    resolved_devices,
)
from perfpredict.commands.options import (
    LevelOption,
    WorkloadOptions,
    help_epilog,
    whole_number,
    with_options,
)
from perfpredict.errors import GateFailedError, InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.sweep import SweepRequest

EPILOG = help_epilog(
    [
        "perfpredict perf sweep resnet50 --hardware nvidia-l4,nvidia-a10",
        "perfpredict perf sweep llama-3.1-8b --hardware nvidia-l4 --phase decode "
        "--precision fp16 --framework vllm --seq-length 2048 --plot",
        "perfpredict perf sweep bert-base-uncased --hardware cpu --over seq-length --json",
    ],
    [3, 4],
)


@with_options
def sweep(
    workload_options: WorkloadOptions,
    source: ModelSourceOptions,
    hardware: Annotated[
        list[str] | None,
        typer.Option("--hardware", metavar="LIST", help="Devices or platforms."),
    ] = None,
    over: Annotated[
        str, typer.Option("--over", metavar="NAME", help="What grows: batch-size or seq-length.")
    ] = "batch-size",
    up_to: Annotated[
        int,
        typer.Option(
            "--up-to", metavar="INT", parser=whole_number,
            help="Doubled up to this; the largest that fits is searched beyond it.",
        ),
    ] = 1024,
    level: LevelOption = 0.9,
    is_plotted: Annotated[
        bool, typer.Option("--plot", help="Draw throughput over latency.")
    ] = False,
) -> None:  # fmt: skip
    """Show where a larger batch stops paying for MODEL, and the largest that fits.

    The knee is where throughput over latency is highest. Nothing is stored.
    """
    from perfpredict.reports.sweep import sweep_report
    from perfpredict.services.opening import load_engine
    from perfpredict.services.sweep import sweep as service

    names = hardware_names(hardware)
    if not names:
        raise InvalidInputError("--hardware: must be given", hint="--hardware all is the catalog")
    request = _request(workload_options, over, up_to, level)
    model = source.known_model(workload_options)
    with context.open_store_if_exists() as store:
        engine = load_engine(store, detected=detected_devices(names))
    found = service(engine, request, resolved_devices(engine, names), model=model)
    context.emit(sweep_report(found, is_plotted=is_plotted))
    if all(one.largest is None for one in found):
        raise GateFailedError("not even a size of 1 fits any of these devices")


def _request(options: WorkloadOptions, over: str, up_to: int, level: float) -> "SweepRequest":
    from perfpredict.domain.sweep import Over
    from perfpredict.services.sweep import SweepRequest

    chosen = parsing.parse_choice("--over", over, Over)
    workloads = options.build_workloads()
    sizes = tuple(sorted({one.batch_size for one in workloads}))
    if chosen is Over.SEQUENCE_LENGTH:
        return SweepRequest(
            workload=options.build_workload(), over=chosen, highest_shown=up_to, level=level
        )
    return SweepRequest(
        workload=workloads[0],
        over=chosen,
        sizes=sizes if len(sizes) > 1 else (),
        highest_shown=up_to,
        level=level,
    )
