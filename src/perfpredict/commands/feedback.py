"""`perfpredict feedback`: say whether a recommendation was taken, and see how often they are."""

from typing import Annotated

import typer

from perfpredict.commands import context, parsing
from perfpredict.commands.filters import FilterOptions, TableOptions
from perfpredict.commands.options import UserOption, help_epilog, with_options
from perfpredict.errors import InvalidInputError

app = typer.Typer(help="Say whether a recommendation was taken.")
_ANSWERS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


@app.command(
    epilog=help_epilog(
        [
            'perfpredict feedback record rec-01KB3X9M --accepted yes --comment "Works great"',
            "perfpredict feedback record rec-01KB3X9M --reject --chosen nvidia-l40s",
        ],
        [3],
    )
)
def record(
    recommendation: Annotated[
        str | None, typer.Argument(metavar="REC_ID", help="The id, or its beginning.")
    ] = None,
    recommendation_option: Annotated[
        str | None, typer.Option("--recommendation-id", hidden=True)
    ] = None,
    accepted: Annotated[
        str | None, typer.Option("--accepted", metavar="ANSWER", help="yes or no.")
    ] = None,
    is_accepted: Annotated[
        bool | None, typer.Option("--accept/--reject", help="The same as --accepted yes or no.")
    ] = None,
    comment: Annotated[
        str | None,
        typer.Option(
            "--comment", "--feedback", metavar="TEXT", help="Why; - reads standard input."
        ),
    ] = None,
    chosen: Annotated[
        str | None,
        typer.Option("--chosen", metavar="HARDWARE", help="The device that was taken instead."),
    ] = None,
    user: UserOption = None,
) -> None:
    """Record whether a recommendation was accepted.

    The last answer counts, earlier ones are kept.
    """
    from perfpredict.reports import feedback as report
    from perfpredict.services import feedback as service
    from perfpredict.store.gateway import Access

    identifier = _only(recommendation, recommendation_option)
    answer = _answer(accepted, is_accepted)
    text = context.read_stdin() if comment == "-" else comment or ""
    with context.open_store(Access.WRITE, create=False) as store:
        done = service.record(
            store,
            identifier,
            is_accepted=answer,
            comment=text,
            chosen=chosen,
            user=user or context.settings().user,
            now=context.now(),
        )
    shown = report.recorded(
        done.recommendation_id,
        is_accepted=answer,
        previous=done.previous,
        recorded_at=done.recorded_at,
    )
    context.emit(shown, ids=[done.recommendation_id])


def _only(positional: str | None, option: str | None) -> str:
    if (positional is None) == (option is None):
        raise InvalidInputError("rec_id: must be given once")
    return positional or option or ""


def _answer(accepted: str | None, is_accepted: bool | None) -> bool:
    if (accepted is None) == (is_accepted is None):
        raise InvalidInputError("give one of --accepted yes, --accepted no, --accept and --reject")
    if is_accepted is not None:
        return is_accepted
    text = str(accepted).casefold()
    if text not in _ANSWERS:
        raise InvalidInputError(f"--accepted: must be yes or no (got '{accepted}')")
    return _ANSWERS[text]


@app.command("list", epilog=help_epilog(["perfpredict feedback list --days 30"], [3]))
@with_options
def list_(filters: FilterOptions, table: TableOptions, user: UserOption = None) -> None:
    """List the answers to recommendations, newest first."""
    from perfpredict.reports import feedback as report
    from perfpredict.services import feedback as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        rows = filters.row_filter(store, limit=table.row_limit, user=user)
        frame = service.list_feedback(store, rows)
    shown = table.apply(report.answers(frame))
    context.emit(shown, ids=[str(row["recommendation_id"]) for row in shown.rows])


@app.command(epilog=help_epilog(["perfpredict feedback summary --by hardware"], [3]))
@with_options
def summary(
    filters: FilterOptions,
    table: TableOptions,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="GROUP", help="hardware, device, model, family, user, week."),
    ] = None,
    user: UserOption = None,
) -> None:
    """Count answers to recommendations, and acceptance."""
    from perfpredict.reports import feedback as report
    from perfpredict.services import feedback as service
    from perfpredict.store.gateway import Access

    group = parsing.parse_choice_or_none("--by", by, service.FeedbackGroup)
    with context.open_store(Access.READ) as store:
        frame = service.summary(store, filters.row_filter(store, user=user), group)
    context.emit(table.apply(report.summary(frame)))
