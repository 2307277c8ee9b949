"""What devices cost per hour, as the user says it: set one, or import a file of them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from perfpredict.catalog.given_files import read_given
from perfpredict.domain.device import Price
from perfpredict.domain.names import clean_name, clean_text
from perfpredict.domain.units import parse_positive
from perfpredict.errors import InvalidInputError
from perfpredict.services.hardware import device_catalog
from perfpredict.store import devices as device_rows
from perfpredict.store.gateway import Store

_LARGEST_FILE_BYTES = 10 * 2**20
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_REQUIRED = ("name", "price_per_h")
_COLUMNS = (*_REQUIRED, "currency", "date", "source")


def make_price(amount: str, *, currency: str, valid_on: str, source: str = "") -> Price:
    """Return the price that the texts write.

    Raises InvalidInputError naming the field for what is no amount above 0, no three-letter
    currency or no ISO date.
    """
    code = currency.strip().upper()
    if not _CURRENCY.match(code):
        raise InvalidInputError(f"currency: must be three letters, as in EUR (got '{currency}')")
    try:
        day = date.fromisoformat(valid_on.strip()).isoformat()
    except ValueError:
        raise InvalidInputError(f"date: must be as in 2026-11-24 (got '{valid_on}')") from None
    return Price(
        amount_per_hour=parse_positive("price_per_h", amount),
        currency=code,
        date=day,
        source=clean_text("source", source, 200),
    )


def read_prices(path: Path, *, currency: str, valid_on: str, source: str) -> dict[str, Price]:
    """Return the prices in a CSV file by the names it uses; the arguments fill what it lacks.

    Raises InvalidInputError naming file, line and column for what is wrong in it.
    """
    prices: dict[str, Price] = {}
    for line, row in _rows(path):
        name = row["name"].strip()
        try:
            prices[clean_name("name", name)] = make_price(
                row["price_per_h"],
                currency=row.get("currency") or currency,
                valid_on=row.get("date") or valid_on,
                source=row.get("source") or source,
            )
        except InvalidInputError as exc:
            raise InvalidInputError(f"{path}:{line}: {exc.message}", hint=exc.hint) from exc
    return prices


def resolve_prices(store: Store | None, prices: Mapping[str, Price]) -> dict[str, Price]:
    """Return the prices by the canonical names of the devices.

    Raises UnknownDeviceError, with near matches, for a name that is no device's.
    """
    catalog = device_catalog(store)
    return {catalog.resolve(name).device.name: price for name, price in prices.items()}


def store_prices(store: Store, price_by_device: Mapping[str, Price], *, now: datetime) -> None:
    """Store all prices, each in place of an earlier one."""
    device_rows.set_prices(store, price_by_device, now=now)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    data = read_given(path, most_bytes=_LARGEST_FILE_BYTES)
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, strict=True, restkey="", restval="")
        _check_header(path, reader.fieldnames or ())
        for row in reader:
            if row.get(""):
                raise InvalidInputError(f"{path}:{reader.line_num}: more cells than columns")
            yield reader.line_num, row
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"{path}: not UTF-8 text") from exc
    except csv.Error as exc:
        raise InvalidInputError(f"{path}: not CSV: {exc}") from exc


def _check_header(path: Path, names: Sequence[str]) -> None:
    for name in _REQUIRED:
        if name not in names:
            known = ", ".join(_COLUMNS)
            raise InvalidInputError(f"{path}:1: no column '{name}'", hint=f"columns: {known}")
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown:
        known = ", ".join(_COLUMNS)
        raise InvalidInputError(
            f"{path}:1: unknown column '{unknown[0]}'", hint=f"columns: {known}"
        )
