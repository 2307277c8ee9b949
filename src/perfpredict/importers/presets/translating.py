"""From records to rows; what is wrong with a record stays with its line."""

from collections.abc import Callable, Iterable, Iterator

from perfpredict.errors import InvalidInputError
from perfpredict.importers.presets.foreign import Json, Record
from perfpredict.importers.presets.row import Row


def translate(
    records: Iterable[Record], make: Callable[[int, Json], Iterable[Row]]
) -> Iterator[Row]:
    """Yield the rows that `make` finds in each record, or one row with the record's problem."""
    for record in records:
        if record.problem is not None:
            yield Row(line=record.line, problem=record.problem)
            continue
        try:
            yield from list(make(record.line, record.values))
        except InvalidInputError as exc:
            yield Row(line=record.line, problem=exc.message)
