"""The `models` group through the error boundary: streams, exit codes, JSON."""

import json
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor

from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.catalog.models import find_model, profile
from perfpredict.domain.measurement import Measurement
from perfpredict.domain.workload import Workload
from perfpredict.models import signing
from perfpredict.models.blobs import list_globals
from perfpredict.models.predictor import Case
from perfpredict.models.roofline import RooflinePredictor
from perfpredict.program import run
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurements
from perfpredict.store.predictors import PredictorRecord, insert_predictor

FEATURES = "model_size,batch_size,sequence_length,precision_numeric"
MODELS = (
    "bert-base-uncased", "bert-large-uncased", "bert-tiny", "bert-mini", "bert-small",
    "gpt2", "gpt2-medium", "gpt2-large", "distilgpt2", "scibert",
)  # fmt: skip


class Hostile:
    """Makes a folder as soon as anybody loads it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.delenv(signing.KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def db(tmp_path):
    return str(tmp_path / "p.duckdb")


@pytest.fixture
def call(db, capsys):
    """Return a function that runs one command line: exit code, standard output, error."""

    def run_here(*arguments):
        code = run([*arguments, "--db", db])
        out, err = capsys.readouterr()
        return code, out, err

    return run_here


def measure(db, *, factor=1.7, models=MODELS):
    device = DeviceCatalog().find("nvidia-rtx-4090")
    generator = np.random.default_rng(0)
    made = []
    for name in models:
        model = find_model(name)
        for batch_size in (1, 2, 4, 8):
            workload = Workload(
                model=model.name, family=model.family, batch_size=batch_size, sequence_length=128
            )
            case = Case(workload=workload, device=device, profile=profile(model, workload))
            prior = RooflinePredictor().predict([case], 0.9)[0]
            made.append(
                Measurement(
                    workload=workload,
                    device=device.name,
                    hardware_platform="cuda",
                    measured_at=datetime(2026, 1, 1, tzinfo=UTC),
                    latency_ms=prior.latency_ms.value * factor
                    * float(np.exp(generator.normal(0, 0.05))),
                )
            )  # fmt: skip
    with Store.open(Path(db), Access.WRITE) as store:
        record_measurements(store, made)


def fitted_forest():
    rows = np.random.default_rng(0).uniform(1, 100, (80, 4))
    return RandomForestRegressor(n_estimators=3, random_state=0).fit(rows, rows[:, 1] + 1)


def store_forest(call, tmp_path, *more, model=None):
    path = tmp_path / "rf.joblib"
    joblib.dump(model or fitted_forest(), path)
    return call(
        "models", "store", str(path), "--target-metric", "throughput", "--hardware", "cuda",
        "--features", FEATURES, *more,
    )  # fmt: skip


def plant(db, blob, *, is_active=False):
    """Put a foreign blob into the table, past every check."""
    record = PredictorRecord(
        model_id=new_id(IdKind.MODEL, datetime.now(UTC)),
        created_at=datetime.now(UTC),
        model_type="Foreign",
        target_metric="latency",
        format="pickle",
        features=("batch_size",),
        signature="0" * 64,
        is_active=is_active,
    )
    with Store.open(Path(db), Access.WRITE) as store:
        insert_predictor(store, record, blob)
    return record.model_id


def test_training_stores_and_activates_a_better_predictor(call, db):
    measure(db, factor=3.0)  # further off than calibration alone can tell from ten models

    code, out, _ = call("models", "train", "--algorithm", "ridge", "--json")

    (row,) = json.loads(out)
    assert code == 0
    assert row["active"] is True
    assert row["geo_error_factor_test"] < 1.2 < row["geo_error_factor_roofline"]
    assert (row["rows"], row["models_held_out"]) == (32, 2)
    listed = json.loads(call("models", "list", "--json")[1])
    assert [one["model_id"] for one in listed] == [row["model_id"]]
    assert (listed[0]["trusted"], listed[0]["active"]) == (True, True)


def test_training_again_is_not_better_and_can_fail_a_build(call, db):
    measure(db)
    call("models", "train", "--algorithm", "ridge", "-q")

    code, out, err = call("models", "train", "--algorithm", "ridge", "--require-better", "--json")

    assert code == 4
    assert json.loads(out)[0]["active"] is False
    assert "not better" in err


def test_a_dry_run_stores_nothing(call, db):
    measure(db)

    code, out, _ = call("models", "train", "--algorithm", "ridge", "--dry-run", "--json")

    assert (code, json.loads(out)[0]["model_id"]) == (0, None)
    assert json.loads(call("models", "list", "--json")[1]) == []


def test_too_few_rows_exit_with_3_and_an_empty_stdout(call, db):
    measure(db, models=MODELS[:2])

    code, out, err = call("models", "train")

    assert (code, out) == (3, "")
    assert "8 usable rows, training needs 30" in err


def test_no_database_is_an_error(call):
    assert call("models", "list")[0] == 3
    assert call("models", "train")[0] == 3


def test_evaluate_and_compare_use_rows_outside_of_training(call, db):
    measure(db)
    model_id = call("models", "train", "--algorithm", "ridge", "-q")[1].strip()

    code, out, _ = call("models", "evaluate", model_id, "--json")
    latency = next(row for row in json.loads(out) if row["metric"] == "latency")
    assert (code, latency["n"], latency["n_in_sample"]) == (0, 8, 32)

    code, out, _ = call("models", "compare", "roofline", model_id, "--json")
    roofline, own = json.loads(out)
    assert (code, own["wins"], roofline["wins"]) == (0, 8, 0)


def test_importance_adds_up_to_one(call, db):
    measure(db)
    model_id = call("models", "train", "--algorithm", "lightgbm", "-q")[1].strip()

    code, out, _ = call("models", "importance", model_id, "--limit", "0", "--json")

    assert code == 0
    assert sum(row["share"] for row in json.loads(out)) == pytest.approx(1.0)


def test_a_pickle_without_trust_is_refused_and_never_run(call, tmp_path):
    path = tmp_path / "bad.joblib"
    path.write_bytes(pickle.dumps(Hostile(tmp_path / "made")))

    code, out, err = call(
        "models", "store", str(path), "--target-metric", "latency", "--features", "batch_size"
    )

    assert (code, out) == (7, "")
    assert "mkdir" in err
    assert "--trust" in err
    assert not (tmp_path / "made").exists()


def test_a_stored_forest_is_listed_shown_and_exported_as_it_is(call, tmp_path):
    code, out, _ = store_forest(call, tmp_path, "--trust", "--test-score", "0.9", "-q")
    model_id = out.strip()
    assert code == 0

    shown = json.loads(call("models", "show", model_id, "--json")[1])
    assert shown["type"] == "RandomForestRegressor"
    assert shown["features"] == FEATURES.split(",")
    assert "scikit-learn" in shown["library_versions"]
    assert any("RandomForestRegressor" in name for name in shown["globals"])

    target = tmp_path / "out.joblib"
    assert call("models", "export", model_id, "-o", str(target))[0] == 0
    assert joblib.load(target).predict([[1, 2, 3, 4]]) == fitted_forest().predict([[1, 2, 3, 4]])
    assert call("models", "export", model_id, "-o", str(target))[0] == 2
    assert call("models", "export", model_id, "-o", str(target), "--force")[0] == 0
    ranked = json.loads(call("models", "importance", model_id, "--json")[1])
    assert ranked[0]["feature"] == "batch_size"
    assert ranked[0]["method"] == "feature_importances_"


def test_a_predictor_without_importance_of_its_own_gets_permutation(call, tmp_path):
    rows = np.random.default_rng(0).uniform(1, 100, (80, 4))
    model = KNeighborsRegressor().fit(rows, rows[:, 1])

    model_id = store_forest(call, tmp_path, "--trust", "-q", model=model)[1].strip()

    ranked = json.loads(call("models", "importance", model_id, "--json")[1])
    assert {row["method"] for row in ranked} == {"permutation"}
    assert sum(row["share"] for row in ranked) == pytest.approx(1.0)


def test_export_replaces_a_link_and_does_not_follow_it(call, tmp_path):
    model_id = store_forest(call, tmp_path, "--trust", "-q")[1].strip()
    precious = tmp_path / "precious"
    precious.write_text("keep")
    link = tmp_path / "link.joblib"
    link.symlink_to(precious)

    assert call("models", "export", model_id, "-o", str(link))[0] == 2
    assert call("models", "export", model_id, "-o", str(link), "--force")[0] == 0

    assert precious.read_text() == "keep"
    assert not link.is_symlink()


@pytest.mark.parametrize("features", ["batch_size", "a,b,c,d,e"])
def test_another_number_of_features_is_refused(call, tmp_path, features):
    path = tmp_path / "rf.joblib"
    joblib.dump(fitted_forest(), path)

    code, out, err = call(
        "models", "store", str(path), "--target-metric", "latency", "--features", features,
        "--trust",
    )  # fmt: skip

    assert (code, out) == (2, "")
    assert "was fitted on 4" in err


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04zip"])
def test_a_file_that_is_no_predictor_is_refused(call, tmp_path, content):
    path = tmp_path / "m.joblib"
    path.write_bytes(content)

    code, out, _ = call(
        "models", "store", str(path), "--target-metric", "latency", "--features", "batch_size",
        "--trust",
    )  # fmt: skip

    assert (code, out) == (2, "")


def test_a_feature_that_nothing_computes_is_a_warning_at_once(call, tmp_path):
    path = tmp_path / "rf.joblib"
    joblib.dump(fitted_forest(), path)

    code, _, err = call(
        "models", "store", str(path), "--target-metric", "latency", "--features",
        "batch_size,colour,sequence_length,precision_bits", "--trust",
    )  # fmt: skip

    assert code == 0
    assert "'colour'" in err


def test_a_planted_blob_is_never_run(call, db, tmp_path):
    made = tmp_path / "made"
    model_id = plant(db, pickle.dumps(Hostile(made)), is_active=True)
    before = list_globals(pickle.dumps(Hostile(made)))

    listed = json.loads(call("models", "list", "--json")[1])
    shown = json.loads(call("models", "show", model_id, "--json")[1])
    verified = json.loads(call("models", "verify", "--json")[1])
    assert call("models", "export", model_id, "-o", str(tmp_path / "x"))[0] == 0
    assert call("models", "importance", model_id)[0] == 3
    assert call("models", "activate", model_id)[0] == 7
    assert call("models", "evaluate", model_id)[0] == 7
    measure(db)
    code, _, err = call("models", "train", "--algorithm", "ridge", "--dry-run")

    assert (code, listed[0]["trusted"]) == (0, False)
    assert "not compared with the active" in err
    assert shown["globals"] == list(before.global_names)
    assert (verified[0]["intact"], verified[0]["trusted"], verified[0]["same"]) == (
        True, False, None,
    )  # fmt: skip
    assert not made.exists()


def test_trust_shows_what_is_named_and_needs_a_yes(call, db, tmp_path):
    blob = pickle.dumps(fitted_forest())
    model_id = plant(db, blob)

    code, out, err = call("models", "trust", model_id)
    assert (code, out) == (2, "")
    assert "RandomForestRegressor" in err

    assert call("models", "trust", model_id, "--yes")[0] == 0
    assert json.loads(call("models", "list", "--json")[1])[0]["trusted"] is True


def test_another_users_key_does_not_open_it(call, tmp_path, monkeypatch):
    model_id = store_forest(call, tmp_path, "--trust", "-q")[1].strip()
    assert call("models", "activate", model_id)[0] == 0

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody-else"))

    assert call("models", "activate", model_id)[0] == 7
    assert json.loads(call("models", "list", "--json")[1])[0]["trusted"] is False


def test_a_changed_byte_is_found(call, db, tmp_path):
    model_id = store_forest(call, tmp_path, "--trust", "-q")[1].strip()
    with Store.open(Path(db), Access.WRITE) as store:
        store.execute("update prediction_models set blob = blob || '\\x00'::blob")

    assert call("models", "activate", model_id)[0] == 6
    assert call("models", "export", model_id, "-o", str(tmp_path / "x"))[0] == 6
    code, out, _ = call("models", "verify", "--json")
    assert (code, json.loads(out)[0]["intact"]) == (4, False)


def test_verify_passes_for_what_is_whole(call, db, tmp_path):
    measure(db)
    call("models", "train", "--algorithm", "ridge", "-q")
    store_forest(call, tmp_path, "--trust", "-q")

    code, out, _ = call("models", "verify", "--json")

    assert code == 0
    assert all(row["same"] for row in json.loads(out))


def test_an_exported_predictor_of_ours_loads_elsewhere_without_trust(call, db, tmp_path, capsys):
    measure(db)
    model_id = call("models", "train", "--algorithm", "ridge", "-q")[1].strip()
    target = tmp_path / "own.json"
    call("models", "export", model_id, "-o", str(target))

    code = run(["models", "load", str(target), "--activate", "--db", str(tmp_path / "o.duckdb"),
                "--json"])  # fmt: skip
    out, err = capsys.readouterr()

    assert code == 0
    assert json.loads(out)["active"] is True
    assert "training rows are not in the file" in err
    joblib_file = tmp_path / "rf.joblib"
    joblib.dump(fitted_forest(), joblib_file)
    assert call("models", "load", str(joblib_file))[0] == 2


def test_delete_needs_a_yes_and_then_it_is_gone(call, tmp_path):
    model_id = store_forest(call, tmp_path, "--trust", "-q")[1].strip()

    assert call("models", "delete", model_id)[0] == 2
    assert call("models", "delete", model_id, "--yes")[0] == 0
    assert call("models", "show", model_id)[0] == 3


def test_an_unknown_id_is_exit_3_and_a_wrong_one_exit_2(call, db):
    measure(db, models=MODELS[:1])

    assert call("models", "show", "model-01ARZ3NDEKTSV4RRFFQ69G5FAV")[0] == 3
    assert call("models", "show", "pred-01ARZ3NDEKTSV4RRFFQ69G5FAV")[0] == 2


def test_a_list_filters_by_metric_platform_and_status(call, tmp_path):
    model_id = store_forest(call, tmp_path, "--trust", "-q")[1].strip()

    def ids(*options):
        return call("models", "list", *options, "-q")[1].split()

    assert ids("--target-metric", "throughput", "--hardware", "cuda") == [model_id]
    assert ids("--target-metric", "latency") == []
    assert ids("--status", "active") == []
    assert ids("--status", "inactive") == [model_id]
    assert ids("--status", "stale") == []
    assert call("models", "list", "--status", "old")[0] == 2
