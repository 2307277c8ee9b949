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


@pytest.fixture
def store(db):
    with Store.open(db, Access.WRITE) as opened:
        yield opened
