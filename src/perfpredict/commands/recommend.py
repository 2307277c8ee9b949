"""`perfpredict hardware recommend`: rank hardware for a model."""

from dataclasses import dataclass, replace
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
    UserOption,
    WorkloadOptions,
    help_epilog,
    positive_number,
    share,
    with_options,
)
from perfpredict.errors import GateFailedError

if TYPE_CHECKING:
    from perfpredict.catalog.models import ModelEntry
    from perfpredict.domain.recommendation import Limits, Recommendation
    from perfpredict.reports.report import Report
    from perfpredict.services.engine import Engine

MIB = 2.0**20


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What a device must keep to be recommended."""

    max_latency_ms: Annotated[
        float | None, typer.Option("--max-latency-ms", metavar="F", parser=positive_number)
    ] = None
    min_throughput: Annotated[
        float | None, typer.Option("--min-throughput", metavar="F", parser=positive_number)
    ] = None
    max_memory_mib: Annotated[
        float | None, typer.Option("--max-memory-mib", metavar="F", parser=positive_number)
    ] = None
    max_price: Annotated[
        float | None,
        typer.Option("--max-price", metavar="F", parser=positive_number, help="Per hour."),
    ] = None
    confidence: Annotated[
        float,
        typer.Option(
            "--confidence", metavar="F", parser=share, help="How surely the limits must hold."
        ),
    ] = 0.9

    def limits(self) -> "Limits":
        """Return the limits in base units."""
        from perfpredict.domain.recommendation import Limits

        memory = self.max_memory_mib
        return Limits(
            max_latency_ms=self.max_latency_ms,
            min_throughput_per_s=self.min_throughput,
            max_memory_bytes=None if memory is None else memory * MIB,
            max_price_per_hour=self.max_price,
            confidence=self.confidence,
        )


EPILOG = help_epilog(
    [
        "perfpredict hardware recommend bert-base-uncased --batch-size 8",
        "perfpredict hardware recommend resnet50 --hardware cuda,cpu,rocm --max-latency-ms 20",
        "perfpredict hardware recommend llama-3.1-8b --precision fp8 --batch-size 16 "
        "--seq-length 2048 --all --objective throughput --json",
    ],
    [3, 4],
    effect="Reads the database where there is one, and stores the ranking with its predictions.",
)


@with_options
def recommend(
    workload_options: WorkloadOptions,
    source: ModelSourceOptions,
    limit_options: LimitOptions,
    hardware: Annotated[
        list[str] | None,
        typer.Option(
            "--hardware", metavar="LIST", help="Devices or platforms; this machine's if left out."
        ),
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Rank the whole catalog.")] = False,
    objective: Annotated[
        str,
        typer.Option(
            "--objective", metavar="NAME", help="balanced, latency, throughput, cost or memory."
        ),
    ] = "balanced",
    level: LevelOption = 0.9,
    top: Annotated[int, typer.Option("--top", min=0, help="Rows to show; 0 is all.")] = 5,
    explain: Annotated[bool, typer.Option("--explain", help="Where the time goes.")] = False,
    predict_performance: Annotated[bool, typer.Option("--predict-performance", hidden=True)] = True,
    is_unstored: Annotated[bool, typer.Option("--no-store", help="Store nothing.")] = False,
    user: UserOption = None,
) -> None:
    """Rank hardware for MODEL by what is predicted, under limits."""
    from perfpredict.domain.recommendation import Objective
    from perfpredict.services.opening import load_engine
    from perfpredict.services.recommend import recommend as rank
    from perfpredict.services.recommending import ranking_inputs

    workload = workload_options.build_workload()
    model = source.known_model(workload_options)
    chosen = parsing.parse_choice("--objective", objective, Objective)
    limits = limit_options.limits()
    names = ("all",) if is_all else hardware_names(hardware)
    detected = detected_devices(names)
    with context.open_store_if_exists() as store:
        engine = load_engine(store, detected=detected)
        inputs = ranking_inputs(store, model.family, limits)
    devices = resolved_devices(engine, names or [device.name for device in detected])
    found = rank(
        engine, workload, devices, objective=chosen, limits=limits, inputs=inputs, level=level,
        model=model,
    )  # fmt: skip
    if not is_unstored:
        found = _store(found, user)
    top = top or len(found.candidates)
    is_described = source.is_given or workload_options.onnx is not None
    described = model if is_described else None
    report = _ranked(found, top, described)
    if explain:
        report = _explained(engine, found, top, described, report)
    context.emit(report, ids=_quiet_lines(found))
    if found.primary is None:
        raise GateFailedError(found.explanation)


def _ranked(found: "Recommendation", top: int, described: "ModelEntry | None") -> "Report":
    from perfpredict.reports.measure_lines import record_line, run_line
    from perfpredict.reports.recommendation import recommendation_report
    from perfpredict.services.measurable import is_measured_by_run

    is_run = described is None and is_measured_by_run(found.workload)
    return recommendation_report(found, top=top, line=run_line if is_run else record_line)


def _explained(
    engine: "Engine",
    found: "Recommendation",
    top: int,
    described: "ModelEntry | None",
    ranking: "Report",
) -> "Report":
    """Return the candidates taken apart; people see the ranking above."""
    from perfpredict.reports.explanation import explanation_report
    from perfpredict.services.explain import explain as taken_apart

    shown = [candidate.prediction for candidate in found.candidates[:top]]
    parts = explanation_report(taken_apart(engine, shown, model=described))
    return replace(parts, shown=[ranking, *parts.shown], notes=ranking.notes)


def _store(found: "Recommendation", user: str | None) -> "Recommendation":
    from perfpredict.services.recommending import stamped_recommendation, store_recommendation
    from perfpredict.store.gateway import Access
    from perfpredict.store.ids import IdKind, new_id

    now = context.now()
    stamped = stamped_recommendation(
        found,
        recommendation_id=new_id(IdKind.RECOMMENDATION, now),
        now=now,
        user=user or context.settings().user,
        make_prediction_id=lambda: new_id(IdKind.PREDICTION, now),
    )
    with context.open_store(Access.WRITE) as store:
        store_recommendation(store, stamped)
    return stamped


def _quiet_lines(found: "Recommendation") -> list[str]:
    """Return the line of `-q`: the recommendation's id, or the device for `--quiet=primary`."""
    if context.settings().quiet_field == "primary":
        return [found.primary.hardware.device.name] if found.primary else []
    return [found.recommendation_id] if found.recommendation_id else []
