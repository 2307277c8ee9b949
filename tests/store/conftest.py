import pytest

from perfpredict.store.access import Access
from perfpredict.store.gateway import Store


@pytest.fixture
def db(tmp_path):
    return tmp_path / "x.duckdb"


@pytest.fixture
def store(db):
    with Store.open(db, Access.WRITE) as opened:
        yield opened
