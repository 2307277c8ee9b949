"""`perfpredict hardware price`: what devices cost per hour, with currency and date."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import help_epilog
from perfpredict.domain.names import clean_name

if TYPE_CHECKING:
    from perfpredict.domain.device import Price

app = typer.Typer(help="What devices cost per hour.")

CurrencyOption = Annotated[
    str, typer.Option("--currency", metavar="CODE", help="Three letters, as in EUR.")
]
DateOption = Annotated[
    str | None, typer.Option("--date", metavar="DATE", help="Day of the price; today if left out.")
]
SourceOption = Annotated[str, typer.Option("--source", metavar="TEXT", help="Who asks that price.")]


@app.command(
    "set",
    epilog=help_epilog(["perfpredict hardware price set nvidia-l4 0.71 --currency USD"]),
)
def set_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Per device and hour.")],
    currency: CurrencyOption = "USD",
    date: DateOption = None,
    source: SourceOption = "",
) -> None:
    """Set what a device costs per hour."""
    from perfpredict.services import prices as service

    now = context.now()
    valid_on = date or now.date().isoformat()
    price = service.make_price(amount, currency=currency, valid_on=valid_on, source=source)
    _store({clean_name("name", name): price}, now)


@app.command(
    "import",
    epilog=help_epilog(
        ["perfpredict hardware price import prices.csv --currency EUR --date 2026-11-01"]
    ),
)
def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV: name, price_per_h and maybe currency, date."),
    ],
    currency: CurrencyOption = "USD",
    date: DateOption = None,
    source: SourceOption = "",
) -> None:
    """Import a CSV file of prices, all of them or none."""
    from perfpredict.services import prices as service

    now = context.now()
    read = service.read_prices(
        file,
        currency=currency,
        valid_on=date or now.date().isoformat(),
        source=source or file.name,
    )
    _store(read, now)


def _store(price_by_name: "Mapping[str, Price]", now: datetime) -> None:
    from perfpredict.reports import hardware as report
    from perfpredict.services import prices as service
    from perfpredict.store.gateway import Access

    with context.open_store_if_exists() as known:
        prices = service.resolve_prices(known, price_by_name)
    with context.open_store(Access.WRITE) as store:
        service.store_prices(store, prices, now=now)
    context.emit(report.prices(list(prices.items())), ids=list(prices))
