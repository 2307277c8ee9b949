"""Where the facts of a model come from: the catalog, a configuration file, or bare totals."""

from dataclasses import replace
from pathlib import Path

from perfpredict.catalog.hf_config import read_config
from perfpredict.catalog.models import ModelEntry, describe, find_model
from perfpredict.catalog.totals import ModelTotals
from perfpredict.errors import InvalidInputError


def known_model(
    name: str,
    *,
    config: Path | None = None,
    totals: ModelTotals | None = None,
    family: str | None = None,
) -> ModelEntry:
    """Return the model from `config` or `totals` if given, else from the catalog.

    Raises UnknownModelError where the catalog has no such name either.
    """
    if config is not None and totals is not None:
        raise InvalidInputError("give --config or --params with --flops, not both")
    if config is not None:
        return describe(replace(read_config(config), name=name), source=str(config))
    if totals is not None:
        return ModelEntry(
            name=name,
            family=family or "other",
            architecture="totals",
            parameters=round(totals.parameters),
            source="totals",
            config=totals,
        )
    return find_model(name)
