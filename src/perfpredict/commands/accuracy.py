"""The commands of `perf` that judge: analyze, errors and check."""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.options import (
    FilterOptions,
    TableOptions,
    help_epilog,
    positive_number,
    share,
    with_options,
)
from perfpredict.errors import CannotAnswerError, GateFailedError, TooFewRowsError

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.domain.metrics import Metric
    from perfpredict.domain.row_filter import RowFilter
    from perfpredict.reports.report import Figure
    from perfpredict.services.gate import GateCheck, GateLimits
    from perfpredict.store.gateway import Store

MetricOption = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="throughput, latency, memory or all.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("analyze", epilog=_ANALYZE)(analyze)
    app.command("errors", epilog=_ERRORS)(errors)
    app.command("check", epilog=_CHECK)(check)


_ANALYZE = help_epilog(
    [
        "perfpredict perf analyze --model bert-base-uncased --hardware cuda --metric throughput "
        "--days 30",
        "perfpredict perf analyze --by device --by basis --json",
        "perfpredict perf analyze --metric latency --by device --plot",
    ],
    [3],
)
_ERRORS = help_epilog(["perfpredict perf errors --metric latency --sort -rel_error"])
_CHECK = help_epilog(
    [
        "perfpredict perf check --metric latency --since 30d --max-median-error 0.25 "
        "--min-coverage 0.8",
        "perfpredict perf check --baseline accuracy.json --format junit",
    ],
    [3, 4],
)


def parse_metrics(text: str) -> "tuple[Metric, ...]":
    """Return the metrics that `--metric` names; `all` is every one."""
    from perfpredict.domain.metrics import Metric

    if text.casefold() == "all":
        return tuple(Metric)
    return (parsing.parse_choice("--metric", text, Metric),)


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which pairs of prediction and measurement count."""

    include_retrospective: Annotated[
        bool,
        typer.Option("--include-retrospective", help="Also predictions made afterwards."),
    ] = False
    include_in_sample: Annotated[
        bool, typer.Option("--include-in-sample", help="Also rows the predictor was trained on.")
    ] = False


@with_options
def analyze(
    filters: FilterOptions,
    pairs: PairOptions,
    metric: MetricOption = "all",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="NAME",
            help="model, family, device, hardware, precision, batch_size, predictor, basis "
            "or week; may be repeated.",
        ),
    ] = None,
    worst: Annotated[int, typer.Option("--worst", min=0, help="List this many pairs.")] = 0,
    is_plotted: Annotated[
        bool,
        typer.Option("--plot", help="Draw predicted against measured, errors and coverage."),
    ] = False,
) -> None:
    """Compare predictions with what was measured."""
    from perfpredict.reports.accuracy import accuracy_report, errors_report
    from perfpredict.store.access import Access
    from perfpredict.store.accuracy import list_errors

    groups = parsing.split_names("--by", by) if by else ()
    with context.open_store(Access.READ) as store:
        row_filter = filters.row_filter(store)
        statistics, is_sample = _statistics(store, row_filter, parse_metrics(metric), groups, pairs)
        errors = list_errors(store, row_filter, parse_metrics(metric)) if worst else None
        figures = _figures(store, row_filter, statistics, groups, pairs) if is_plotted else ()
    report = accuracy_report(statistics, groups, is_sample=is_sample)
    if errors is not None:
        ordered = errors.sort(errors["ln_ratio"].abs(), descending=True, nulls_last=True)
        report = errors_report(ordered.head(worst))
    context.emit(replace(report, figures=figures))


def _figures(
    store: "Store", row_filter: "RowFilter", statistics: "pl.DataFrame", groups: tuple[str, ...],
    pairs: PairOptions,
) -> "tuple[Figure, ...]":  # fmt: skip
    """Return the plots of the first metric that has pairs, latency before throughput."""
    from perfpredict.domain.metrics import Metric
    from perfpredict.reports.accuracy_plot import accuracy_figures
    from perfpredict.store.accuracy import counted_pairs

    present = set(statistics.filter(statistics["n"] > 0)["metric"])
    order = (Metric.LATENCY, Metric.THROUGHPUT, Metric.MEMORY)
    chosen = next(metric for metric in order if metric.value in present)
    counted = counted_pairs(
        store, row_filter, chosen,
        include_retrospective=pairs.include_retrospective,
        include_in_sample=pairs.include_in_sample,
    )  # fmt: skip
    return accuracy_figures(counted, chosen.value, statistics, groups)


def _statistics(
    store: "Store",
    row_filter: "RowFilter",
    metrics: "tuple[Metric, ...]",
    groups: tuple[str, ...],
    pairs: PairOptions,
) -> "tuple[pl.DataFrame, bool]":
    """Return accuracy statistics, and whether they are of sample rows.

    Raises CannotAnswerError, with the reason, where no pair counts.
    """
    from perfpredict.store.accuracy import accuracy, error_counts
    from perfpredict.store.samples import has_real_rows

    statistics = accuracy(
        store, row_filter, metrics, groups,
        include_retrospective=pairs.include_retrospective,
        include_in_sample=pairs.include_in_sample,
    )  # fmt: skip
    if not statistics.height or not statistics["n"].sum():
        counts = error_counts(store, row_filter)
        left_out = int(statistics["n_excluded"].sum()) if statistics.height else 0
        raise CannotAnswerError(
            f"no pairs to judge: {counts['measurements']} measurements, {counts['linked']} linked, "
            f"{left_out} pairs left out",
            hint="predict before you measure; --include-in-sample and --include-retrospective "
            "take more pairs",
        )
    return statistics, row_filter.only_sample or not has_real_rows(store)


@with_options
def errors(filters: FilterOptions, table: TableOptions, metric: MetricOption = "all") -> None:
    """List each measured value beside the predicted one."""
    from perfpredict.reports.accuracy import errors_report
    from perfpredict.store.access import Access
    from perfpredict.store.accuracy import list_errors

    with context.open_store(Access.READ) as store:
        row_filter = filters.row_filter(store, limit=table.row_limit)
        frame = list_errors(store, row_filter, parse_metrics(metric))
    context.emit(table.apply(errors_report(frame)), ids=frame["measurement_id"].to_list())


class Lenience(StrEnum):
    """What too few pairs to judge mean for the gate."""

    FAIL = "fail"
    PASS = "pass"


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """What the accuracy must keep."""

    max_median_error: Annotated[
        float | None,
        typer.Option("--max-median-error", metavar="F", parser=positive_number, help="0.25: 25 %."),
    ] = None
    max_geo_factor: Annotated[
        float | None, typer.Option("--max-geo-factor", metavar="F", parser=positive_number)
    ] = None
    max_bias_factor: Annotated[
        float | None, typer.Option("--max-bias-factor", metavar="F", parser=positive_number)
    ] = None
    min_coverage: Annotated[
        float | None, typer.Option("--min-coverage", metavar="F", parser=share)
    ] = None
    min_samples: Annotated[int, typer.Option("--min-samples", min=1)] = 20
    baseline: Annotated[Path | None, typer.Option("--baseline", metavar="FILE")] = None
    max_worsening: Annotated[
        float, typer.Option("--max-worsening", metavar="F", parser=positive_number)
    ] = 0.1
    save_baseline: Annotated[Path | None, typer.Option("--save-baseline", metavar="FILE")] = None
    if_insufficient: Annotated[
        str, typer.Option("--if-insufficient", metavar="WHAT", help="fail or pass.")
    ] = "fail"

    def limits(self) -> "GateLimits":
        """Return the limits of the gate."""
        from perfpredict.services.gate import GateLimits

        return GateLimits(
            max_median_error=self.max_median_error,
            max_geo_factor=self.max_geo_factor,
            max_bias_factor=self.max_bias_factor,
            min_coverage=self.min_coverage,
            min_samples=self.min_samples,
            max_worsening=self.max_worsening,
        )


@with_options
def check(
    filters: FilterOptions, pairs: PairOptions, gate: GateOptions, metric: MetricOption = "all"
) -> None:
    """Pass or fail by the accuracy of stored predictions."""
    from perfpredict.services.gate import read_baseline, run_gate, save_baseline
    from perfpredict.store.access import Access

    lenience = parsing.parse_choice("--if-insufficient", gate.if_insufficient, Lenience)
    baseline = read_baseline(gate.baseline) if gate.baseline else None
    with context.open_store(Access.READ) as store:
        row_filter = filters.row_filter(store)
        statistics, _ = _statistics(store, row_filter, parse_metrics(metric), (), pairs)
    if gate.save_baseline:
        save_baseline(statistics, gate.save_baseline)
        context.note(f"baseline written to {gate.save_baseline}")
    checks = run_gate(statistics, gate.limits(), baseline) if _is_gated(gate) else []
    _emit_checks(checks)
    _end(checks, is_lenient=lenience is Lenience.PASS)


def _is_gated(gate: GateOptions) -> bool:
    limits = (gate.max_median_error, gate.max_geo_factor, gate.max_bias_factor, gate.min_coverage)
    has_limit = gate.baseline is not None or any(limit is not None for limit in limits)
    return has_limit or gate.save_baseline is None


def _emit_checks(checks: "list[GateCheck]") -> None:
    from perfpredict.reports.accuracy import gate_report, gate_results
    from perfpredict.reports.ci import ci_text

    wanted = context.settings().requested_format
    if wanted in {"github", "junit"}:
        context.write_out(ci_text("perfpredict perf check", gate_results(checks), wanted))
        return
    context.emit(gate_report(checks))


def _end(checks: "list[GateCheck]", *, is_lenient: bool) -> None:
    """Raise GateFailedError for a failed check, TooFewRowsError for one that cannot be told."""
    failed = [one for one in checks if one.result == "fail"]
    if failed:
        raise GateFailedError(f"{len(failed)} of {len(checks)} checks failed")
    open_checks = [one for one in checks if one.result == "insufficient"]
    if open_checks and not is_lenient:
        n = min(one.n for one in open_checks)
        raise TooFewRowsError(f"too few pairs to judge: {n}", hint="--min-samples asks for fewer")
