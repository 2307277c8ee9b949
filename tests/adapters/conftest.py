"""A repository of its own for each test, away from this user's files and signing key."""

import pytest

from perfpredict import (
    DuckDBPredictorRepository,
    HardwareModelPredictorDuckDBAdapter,
    ModelPerformancePredictorDuckDBAdapter,
)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("PERFPREDICT_DB", raising=False)
    monkeypatch.delenv("PERFPREDICT_SIGNING_KEY", raising=False)
    with DuckDBPredictorRepository(db_path=tmp_path / "r.duckdb") as opened:
        yield opened


@pytest.fixture
def adapter(repository):
    return HardwareModelPredictorDuckDBAdapter(repository=repository, user_id="ada")


@pytest.fixture
def ml_adapter(repository):
    return ModelPerformancePredictorDuckDBAdapter(repository=repository)
