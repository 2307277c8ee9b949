"""Reads a foreign file into a table of our fields, or says that no preset knows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from perfpredict.errors import InvalidInputError
from perfpredict.importers.encoding import decode
from perfpredict.importers.options import Preset
from perfpredict.importers.presets.asking import refuse_unsaid
from perfpredict.importers.presets.foreign import ForeignFile
from perfpredict.importers.presets.registry import READERS, find_preset
from perfpredict.importers.presets.row import as_table
from perfpredict.importers.raw import RawTable

_PARQUET = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRead:
    """The rows of a foreign file and whose it is."""

    preset: Preset
    table: RawTable


def read_foreign(
    name: str,
    data: bytes,
    encoding: str | None,
    wanted: Preset | None,
    defaults: Mapping[str, str],
) -> ForeignRead | None:
    """Return the rows of a benchmark tool's file, None where no preset knows it.

    Raises InvalidInputError where the `wanted` preset does not, where the file is broken, and
    where it leaves something unsaid that `defaults` does not say either.
    """
    file = _foreign(name, data, encoding, is_wanted=wanted is not None)
    preset = None if file is None else find_preset(file, wanted)
    if file is None or preset is None:
        return None
    reader = READERS[preset]
    table = as_table(name, reader.rows(file))
    if table.frame.is_empty():
        raise InvalidInputError(f"{name}: {preset} measured nothing in it")
    return ForeignRead(
        preset=preset, table=refuse_unsaid(table, preset.value, reader.asked, defaults.keys())
    )


def _foreign(
    name: str, data: bytes, encoding: str | None, *, is_wanted: bool
) -> ForeignFile | None:
    if data.startswith(_PARQUET):
        return None
    try:
        return ForeignFile(name=name, text=decode(name, data, encoding))
    except InvalidInputError:
        if is_wanted:
            raise
        return None  # whoever reads it as a table says what is wrong with it
