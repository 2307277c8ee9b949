import shutil
from pathlib import Path

import pytest

from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.places import parse_location

from ..bucket_server import bucket_server
from ..team_server import team, team_server

__all__ = ["bucket_server", "team", "team_server"]


@pytest.fixture
def db(request, tmp_path):
    if request.config.getoption("--store") == "postgres":
        return parse_location(request.getfixturevalue("team"))
    return tmp_path / "x.duckdb"


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """Return a database without rows, to be copied: its tables take longer to make."""
    path = tmp_path_factory.mktemp("empty") / "x.duckdb"
    Store.open(path, Access.WRITE).close()
    return path


@pytest.fixture
def store(request, db):
    if isinstance(db, Path):
        shutil.copy(request.getfixturevalue("empty_file"), db)
    with Store.open(db, Access.WRITE) as opened:
        yield opened
