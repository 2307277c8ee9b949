"""`perfpredict perf report`: what is known of the accuracy, as one page or as Markdown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.accuracy import MetricOption, PairOptions, parse_metrics
from perfpredict.commands.options import FilterOptions, help_epilog, with_options
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.services.accuracy_report import AccuracyReport

EPILOG = help_epilog(
    [
        "perfpredict perf report -o report.html",
        "perfpredict perf report --since 30d --by device --format markdown",
        "perfpredict perf report --metric latency -o report.html --force --json",
    ],
    [3],
    effect="Reads the database and writes FILE, which is whole or not there.",
)
_MARKDOWN_SUFFIXES = {".md", ".markdown"}


@with_options
def report(
    filters: FilterOptions,
    pairs: PairOptions,
    metric: MetricOption = "all",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="NAME",
            help="Groups to show, as of perf analyze; device, model, precision and basis if "
            "left out.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A page, or Markdown for FILE.md."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Write how far predictions were from measurements: a page with charts, or Markdown.

    The page is one file: it needs no network, runs no script and can be mailed or kept by CI.
    """
    from perfpredict.reports.markdown_report import markdown_report
    from perfpredict.reports.written_report import written_report
    from perfpredict.services.writing import check_may_write, write_new

    is_markdown = _is_markdown(output)
    if output is None:
        context.write_out(markdown_report(_build(filters, pairs, metric, by)))
        return
    check_may_write(output, force=force)
    built = _build(filters, pairs, metric, by)
    data = _encoded(built, is_markdown=is_markdown)
    write_new(output, data, force=force)
    context.emit(written_report(built, output, len(data)), ids=[str(output)])


def _is_markdown(output: Path | None) -> bool:
    is_asked = context.settings().requested_format == "markdown"
    if output is None and not is_asked:
        raise InvalidInputError(
            "-o: must be given", hint="'-o report.html', or --format markdown for standard output"
        )
    return is_asked or (output is not None and output.suffix.casefold() in _MARKDOWN_SUFFIXES)


def _encoded(built: "AccuracyReport", *, is_markdown: bool) -> bytes:
    from perfpredict.reports.html_report import html_report
    from perfpredict.reports.markdown_report import markdown_report

    return (markdown_report(built) if is_markdown else html_report(built)).encode()


def _build(
    filters: FilterOptions, pairs: PairOptions, metric: str, by: list[str] | None
) -> "AccuracyReport":
    from perfpredict.services.accuracy_report import DEFAULT_GROUPS, build_report
    from perfpredict.store.access import Access
    from perfpredict.store.accuracy import PairChoice

    groups = parsing.split_names("--by", by) if by else DEFAULT_GROUPS
    which = PairChoice(
        metrics=parse_metrics(metric),
        include_retrospective=pairs.include_retrospective,
        include_in_sample=pairs.include_in_sample,
    )
    with context.open_store(Access.READ) as store:
        return build_report(
            store,
            filters.row_filter(store),
            which,
            by=groups,
            filters=_given(filters, metric),
            now=context.now(),
        )


def _given(filters: FilterOptions, metric: str) -> dict[str, str]:
    """Return the options that chose the rows, as they were given."""
    named: dict[str, object] = {
        "model": filters.model, "family": filters.family, "hardware": filters.hardware,
        "precision": filters.precision, "mode": filters.mode, "batch size": filters.batch_size,
        "since": filters.since, "until": filters.until, "days": filters.days,
        "source": filters.source, "metric": None if metric == "all" else metric,
    }  # fmt: skip
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in named.items()
        if value
    }
