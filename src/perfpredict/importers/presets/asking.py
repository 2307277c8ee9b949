"""What a foreign file leaves unsaid and the user must say, since it is never guessed."""

from collections.abc import Collection, Sequence

import polars as pl

from perfpredict.errors import InvalidInputError
from perfpredict.importers.raw import PROBLEM, ROW, RawTable

REQUIRED = ("model", "hardware", "precision", "batch_size")
_NAMES = {"batch_size": "batch size", "device_count": "number of devices"}
_VALUES = {"model": "NAME", "hardware": "NAME", "precision": "NAME"}
_BY_PHASE = {
    "generate": ("input_tokens", "output_tokens"),
    "prefill": ("input_tokens",),
    "decode": ("sequence_length",),
}
"""Shapes without which a phase says nothing."""


def refuse_unsaid(
    table: RawTable, tool: str, asked: Sequence[str], given: Collection[str]
) -> RawTable:
    """Return the table with a problem in every row that lacks a fact which others have.

    Raises InvalidInputError naming the options where no row has it and `given` does not.
    """
    frame = table.frame
    lacks = {name: _lacks(name, asked) for name in _fields(asked) if name not in given}
    counted = frame.filter(pl.col(PROBLEM).is_null()).select(
        ROW, *(is_lacking.alias(name) for name, is_lacking in lacks.items())
    )
    unsaid = [name for name in lacks if counted.height and counted[name].all()]
    if unsaid:
        told = ", ".join(_NAMES.get(name, name.replace("_", " ")) for name in unsaid)
        options = " ".join(f"--default {name}={_VALUES.get(name, 'INT')}" for name in unsaid)
        line = counted[ROW][0]
        raise InvalidInputError(
            f"{table.name}:{line}: {tool} does not say {told} here", hint=f"add {options}"
        )
    problems = [
        pl.when(is_lacking).then(pl.lit(f"{name}: is missing"))
        for name, is_lacking in lacks.items()
    ]
    return RawTable(
        name=table.name, frame=frame.with_columns(pl.coalesce(PROBLEM, *problems).alias(PROBLEM))
    )


def _fields(asked: Sequence[str]) -> tuple[str, ...]:
    shapes = (name for names in _BY_PHASE.values() for name in names)
    return tuple(dict.fromkeys((*asked, *shapes)))


def _lacks(name: str, asked: Sequence[str]) -> pl.Expr:
    if name in asked:
        return pl.col(name).is_null()
    phases = [phase for phase, names in _BY_PHASE.items() if name in names]
    return pl.col("phase").is_in(phases).fill_null(value=False) & pl.col(name).is_null()
