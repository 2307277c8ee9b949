"""How frames cross into and out of DuckDB without pyarrow."""

from collections.abc import Sequence
from typing import Protocol

import polars as pl


class _HasArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class ArrowStream:
    """A frame of which DuckDB sees nothing but its Arrow stream.

    DuckDB asks for pyarrow as soon as it recognises a Polars frame.
    """

    def __init__(self, frame: _HasArrowStream) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def column_list(names: Sequence[str], *, prefix: str = "") -> str:
    """Return `names`, which come from our own code, as the columns of a statement."""
    return ", ".join(f"{prefix}{name}" for name in names)


TIME = pl.Datetime("us", "UTC")
"""Type of every time column."""
