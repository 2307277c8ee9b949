"""Options of commands that read stored rows: which rows, and how the list is shown."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.domain.names import clean_name, parse_whole_number
from perfpredict.domain.row_filter import RowFilter
from perfpredict.domain.workload import MAX_BATCH_SIZE, Mode
from perfpredict.errors import CannotAnswerError, InvalidInputError
from perfpredict.reports.report import Report

if TYPE_CHECKING:
    from perfpredict.store.gateway import Store

_count_or_zero = parsing.option_parser(partial(parse_whole_number, lowest=0, highest=10**9))
_batch_size = parsing.option_parser(partial(parse_whole_number, highest=MAX_BATCH_SIZE))
_days = parsing.option_parser(partial(parse_whole_number, highest=100_000))


@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """Which stored rows are meant; all given conditions hold together."""

    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="GLOB", help="Such as 'bert*'; may be repeated."),
    ] = None
    family: Annotated[
        str | None, typer.Option("--family", metavar="TEXT", help="Family of models.")
    ] = None
    hardware: Annotated[
        list[str] | None,
        typer.Option(
            "--hardware",
            metavar="LIST",
            help="Devices or platforms, as in cuda,cpu.",
        ),
    ] = None
    precision: Annotated[str | None, typer.Option("--precision", metavar="NAME")] = None
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="NAME", help="inference or training."),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="INT", parser=_batch_size)
    ] = None
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on: 30d, 12h or 2026-11-24."),
    ] = None
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = (
        None
    )
    days: Annotated[
        int | None,
        typer.Option("--days", metavar="N", parser=_days, help="The same as --since Nd."),
    ] = None
    source: Annotated[
        str | None, typer.Option("--source", metavar="TEXT", help="Where the rows come from.")
    ] = None
    include_sample: Annotated[
        bool, typer.Option("--include-sample", help="Take sample rows too.")
    ] = False
    only_sample: Annotated[bool, typer.Option("--only-sample", help="Take sample rows alone.")] = (
        False
    )

    def row_filter(
        self, store: "Store | None", *, limit: int | None = None, user: str | None = None
    ) -> RowFilter:
        """Return the filter; device names are resolved with the user's own in `store`.

        Raises InvalidInputError naming the option, with near matches.
        """
        devices, platforms = self._resolve_hardware(store)
        since, until = self._times(context.now())
        if self.include_sample and self.only_sample:
            raise InvalidInputError("--include-sample and --only-sample exclude each other")
        return RowFilter(
            models=tuple(_glob("--model", text) for text in self.model or ()),
            family=_cleaned("--family", self.family),
            devices=devices,
            platforms=platforms,
            precision=parsing.parse_precision("--precision", self.precision)
            if self.precision is not None
            else None,
            mode=parsing.parse_choice("--mode", self.mode, Mode) if self.mode is not None else None,
            batch_size=self.batch_size,
            since=since,
            until=until,
            source=_cleaned("--source", self.source),
            user=_cleaned("--user", user),
            include_sample=self.include_sample,
            only_sample=self.only_sample,
            limit=limit,
        )

    def _resolve_hardware(self, store: "Store | None") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the canonical devices and the platforms that were named."""
        if not self.hardware:
            return (), ()
        from perfpredict.services.hardware import device_names_and_platforms

        return device_names_and_platforms(store, parsing.split_names("--hardware", self.hardware))

    def _times(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        if self.days is not None and self.since is not None:
            raise InvalidInputError("--days and --since exclude each other")
        since = f"{self.days}d" if self.days is not None else self.since
        start = None if since is None else parsing.parse_since("--since", since, now)
        end = None if self.until is None else parsing.parse_since("--until", self.until, now)
        if any(text is not None and parsing.is_zoneless(text) for text in (since, self.until)):
            context.note("times without an offset are read in this machine's zone")
        if start is not None and end is not None and start >= end:
            raise InvalidInputError("--until: must be later than --since")
        return start, end


LimitOption = Annotated[
    int,
    typer.Option("--limit", metavar="INT", parser=_count_or_zero, help="Rows at most; 0 is all."),
]


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """How a list is shown."""

    limit: LimitOption = 20
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COL", help="Ascending by this column, -COL descending."),
    ] = None
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B", help="Only these columns.")
    ] = None
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit with 3 where there is no row.")
    ] = False  # fmt: skip

    @property
    def row_limit(self) -> int | None:
        """Rows to read from the store: one more than are shown, so that a cut can be told."""
        return None if self.limit == 0 or self.sort is not None else self.limit + 1

    def apply(self, report: Report) -> Report:
        """Return the report as asked for, noting what was left out.

        Raises CannotAnswerError for no rows with --fail-empty.
        """
        if self.fail_empty and not report.rows:
            raise CannotAnswerError("no rows")
        if self.sort is not None:
            report = report.sorted_by(self.sort)
        if self.columns is not None:
            keys = [key.strip() for key in self.columns.split(",")]
            report = report.with_columns(keys)
        report = replace(report, has_column_choice=True)
        total = len(report.rows)
        if self.limit and total > self.limit:
            of = f" of {total}" if self.row_limit is None or total > self.row_limit else ""
            cut = f"showing {self.limit}{of}, use --limit 0 for all"
            report = replace(report.first(self.limit), notes=[*report.notes, cut])
        return report


def _cleaned(option: str, text: str | None) -> str | None:
    return None if text is None else clean_name(option, text)


def _glob(option: str, text: str) -> str:
    """Return a glob whose literal characters are those of a name."""
    literal = text.translate({ord(character): "x" for character in "*?[]!"})
    clean_name(option, literal)
    return text.strip()
