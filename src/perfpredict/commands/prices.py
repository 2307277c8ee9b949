"""`perfpredict hardware price`: what devices cost per hour, with currency and date."""

from pathlib import Path
from typing import Annotated

import typer

from perfpredict.commands import context
from perfpredict.commands.options import help_epilog

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
    from perfpredict.reports import hardware as report
    from perfpredict.services import prices as service
    from perfpredict.store.gateway import Access

    now = context.now()
    valid_on = date or now.date().isoformat()
    price = service.make_price(amount, currency=currency, valid_on=valid_on, source=source)
    with context.open_store(Access.WRITE) as store:
        priced = service.set_price(store, name, price, now=now)
    context.emit(report.prices([(priced.device, priced.price)]), ids=[priced.device])


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
    from perfpredict.reports import hardware as report
    from perfpredict.services import prices as service
    from perfpredict.store.gateway import Access

    now = context.now()
    read = service.read_prices(
        file,
        currency=currency,
        valid_on=date or now.date().isoformat(),
        source=source or file.name,
    )
    with context.open_store(Access.WRITE) as store:
        priced = service.import_prices(store, read, now=now)
    context.emit(
        report.prices([(one.device, one.price) for one in priced]),
        ids=[one.device for one in priced],
    )
