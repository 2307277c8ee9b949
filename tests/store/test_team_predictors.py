"""Predictors in a team store: who has the team's key may use them, nobody else without trust."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from perfpredict.domain.metrics import Metric
from perfpredict.errors import UntrustedModelError
from perfpredict.models.signing import KEY_VARIABLE
from perfpredict.services import database
from perfpredict.services.predictor_storing import Description, prepare_file, save
from perfpredict.services.predictors import activate, show_predictor
from perfpredict.store.access import Access
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.maintenance import Place
from perfpredict.store.places import parse_location
from perfpredict.store.predictors import list_predictors

from .builders import NOON

TEAM_KEY = "the key that this team shares"


def test_a_shared_predictor_opens_with_the_teams_key_and_with_no_other(team, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, TEAM_KEY)
    url = parse_location(team)
    ada, bob, eve = (Place(path=tmp_path / f"{who}.duckdb") for who in ("ada", "bob", "eve"))
    sizes = np.arange(1.0, 40.0)[:, None]
    prepared = prepare_file(
        pickle.dumps(LinearRegression().fit(sizes, sizes[:, 0])), "own.pkl",
        Description(target_metric=Metric.LATENCY, features=("batch_size",)),
        model_id=new_id(IdKind.MODEL, NOON), now=NOON, trust=True,
    )  # fmt: skip
    model_id = prepared.record.model_id
    with ada.open(Access.WRITE) as store:
        save(store, prepared)
    database.push(ada, url, with_models=True)
    for place in (bob, eve):
        database.pull(place, url, with_models=True)

    with bob.open(Access.WRITE) as store:
        assert list_predictors(store)["is_active"].to_list() == [False]
        assert activate(store, model_id).is_active

    monkeypatch.setenv(KEY_VARIABLE, "the key of another team")
    with eve.open(Access.WRITE) as store:
        with pytest.raises(UntrustedModelError) as found:
            activate(store, model_id)
        assert not show_predictor(store, model_id).record.is_active
    # nor does the team store itself open it to who lacks the key
    with Place(path=url).open(Access.WRITE) as store, pytest.raises(UntrustedModelError):
        activate(store, model_id)
    assert found.value.exit_code == 7
