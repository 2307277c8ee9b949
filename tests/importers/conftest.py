"""Reads small real files with the shipped device catalog and a fixed clock."""

from pathlib import Path

import pytest

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.importers.options import ReadOptions
from perfpredict.importers.table import MeasurementRows, read_measurements

from .reading import NOW, Read


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that writes content under a name and reads it; keywords are options."""

    def call(content: str | bytes, name: str = "f.csv", **options: object) -> MeasurementRows:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        chosen = ReadOptions(resolve_device=DeviceCatalog().resolve, now=NOW, **options)  # type: ignore[arg-type]
        return read_measurements([str(path)], chosen)

    return call
