"""M1 to M11: serialized predictors of other people, damaged, too large, odd, or rightly ours."""

import ast
import contextlib
import inspect
import json
import pickle
import zlib
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import perfpredict
from perfpredict import (
    DuckDBPredictorRepository,
    HardwareModelPredictorDuckDBAdapter,
    ModelPerformancePredictorDuckDBAdapter,
    PerfpredictError,
    UntrustedModelError,
)
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.predictors import PredictorRecord, insert_predictor

from .conftest import Repeats
from .peak import run_each_measured, run_measured
from .processes import Children
from .program import Program
from .usual_calls import CALLS, Furnished, fitted, hostile_pickle

L4 = "--hardware=nvidia-l4"
STORE = ("--target-metric=latency", "--features=batch_size")
SOURCE = Path(perfpredict.__file__).parent


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERFPREDICT_SIGNING_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def plant(db: Path, *blobs: bytes, is_active: bool = True) -> str:
    """Put foreign blobs into the table, past every check; return the id of the last."""
    now = datetime.now(UTC)
    with Store.open(db, Access.WRITE) as store:
        for blob in blobs:
            record = PredictorRecord(
                model_id=new_id(IdKind.MODEL, now), created_at=now, model_type="Foreign",
                target_metric="latency", format="pickle", features=("batch_size",),
                signature="0" * 64, is_active=is_active,
            )  # fmt: skip
            insert_predictor(store, record, blob)
    return record.model_id


def test_m01_no_command_runs_what_a_database_holds(tmp_path: Path, furnishing: Furnished) -> None:
    """a hostile pickle put straight into the table, active: every command of the tree"""
    owned = tmp_path / "owned"
    rows = furnishing.copy(tmp_path / "home")
    planted = plant(rows.kept / "x.duckdb", hostile_pickle(owned))
    plant(rows.kept / "other.duckdb", hostile_pickle(owned))
    theirs = Furnished(rows.program, rows.kept, rows.ids | {"model": planted})
    trusting = {"models trust"}
    codes = {}
    for name in CALLS:
        if name in trusting:
            continue
        done = theirs.call(name)
        codes[name] = done.code
        assert not owned.exists(), name
        assert "Traceback" not in done.err, name
    assert codes["models list"] == codes["models show"] == codes["models export"] == 0
    # an active predictor that may not answer is an error, and not another one's answer
    assert {codes[name] for name in ("models activate", "models compare", "perf predict")} == {7}
    assert codes["doctor"] == codes["db check"] == codes["db backup"] == codes["db merge"] == 0
    for more in (
        ("perf", "predict", "resnet50", L4, "--predictor", planted),
        ("models", "evaluate", planted),
    ):
        theirs.put_back()
        done = theirs.program(*more)
        assert done.streams == (7, ""), (more, done.err)
        assert "mkdir" in done.err and not owned.exists()
    theirs.put_back()
    asked = theirs.program("models", "trust", planted)
    assert asked.streams == (2, "") and "mkdir" in asked.err
    assert not owned.exists()


def test_m01_no_method_runs_what_a_database_holds(tmp_path: Path) -> None:
    """a hostile pickle put straight into the table: every method of the library's classes"""
    owned, db = tmp_path / "owned", tmp_path / "x.duckdb"
    repository = DuckDBPredictorRepository(db)
    planted = plant(db, hostile_pickle(owned))
    classes = (
        repository,
        ModelPerformancePredictorDuckDBAdapter(repository),
        HardwareModelPredictorDuckDBAdapter(repository=repository),
    )
    values = {
        "model_name": "resnet50", "hardware_platform": "nvidia-l4", "hardware": "nvidia-l4",
        "available_hardware": ["nvidia-l4"], "model_id": planted, "target_metric": "latency",
        "latency": 2.0, "questions": [{"model_name": "resnet50", "hardware": "nvidia-l4"}],
    }  # fmt: skip
    called = set()
    for one in classes:
        for name, method in inspect.getmembers(one, inspect.ismethod):
            if name.startswith("_") or name in {"close", "open", "listed"}:
                continue
            wanted = inspect.signature(method).parameters
            given = {key: value for key, value in values.items() if key in wanted}
            with contextlib.suppress(PerfpredictError, TypeError):
                method(**given)
            called.add(name)
            assert not owned.exists(), name
    assert {"predict", "load_model", "get_prediction_models", "predict_performance"} <= called
    for load in (classes[1].load_model, repository.load_prediction_model):
        with pytest.raises(UntrustedModelError, match="mkdir"):
            load(model_id=planted)
        with pytest.raises(UntrustedModelError):
            load(target_metric="latency")
    assert not owned.exists()
    with pytest.raises(PerfpredictError):
        repository.load_prediction_model(planted, trust=True)
    assert owned.exists()  # the trial can fail: trusted in so many words, it runs


def test_m02_a_pickle_is_stored_only_with_trust(program: Program, tmp_path: Path) -> None:
    """models store of a hostile file without --trust: code 7, not loaded, not stored"""
    owned = tmp_path / "owned"
    for name, blob in (("x.joblib", hostile_pickle(owned)), ("x.pkl", hostile_pickle(owned)),
                       ("x.z", zlib.compress(hostile_pickle(owned)))):  # fmt: skip
        (program.work / name).write_bytes(blob)
        done = program("models", "store", name, *STORE)
        assert done.streams == (7, ""), done.err
        assert "mkdir" in done.err and "--trust" in done.err
    assert not owned.exists()
    assert not program.counts().get("rows_prediction_models")


def test_m03_what_was_stored_here_loads_here_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stored and loaded without a flag, bit-equal; with another user's key refused"""
    repository = DuckDBPredictorRepository(tmp_path / "x.duckdb")
    model = fitted()
    stored = repository.store_prediction_model(model, None, "latency", features=["batch_size"])
    rows = np.linspace(1, 100, 50).reshape(-1, 1)

    again, _ = repository.load_prediction_model(stored)
    assert (again.predict(rows) == model.predict(rows)).all()

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    with pytest.raises(UntrustedModelError):
        repository.load_prediction_model(stored)
    monkeypatch.setenv("PERFPREDICT_SIGNING_KEY", "a team's key, not this one")
    with pytest.raises(UntrustedModelError):
        repository.load_prediction_model(stored)


def test_m04_a_changed_byte_is_refused_before_loading(program: Program, repeats: Repeats) -> None:
    """one byte of a stored blob changed, at several places: code 6, even where trusted"""
    joblib.dump(fitted(), program.work / "own.joblib")
    stored = program("models", "store", "own.joblib", *STORE, "--trust", "-q").out.strip()
    with Store.open(program.db, Access.READ) as store:
        ((blob,),) = store.rows("select blob from prediction_models")
    assert isinstance(blob, bytes)
    places = np.linspace(0, len(blob) - 1, repeats(50, 8, of="bytes")).astype(int)
    for place in places:
        changed = bytearray(blob)
        changed[place] ^= 1
        with Store.open(program.db, Access.WRITE) as store:
            store.execute("update prediction_models set blob = $blob", {"blob": bytes(changed)})
        for call in (("activate", stored), ("trust", stored, "--yes"),
                     ("export", stored, "-o", "out.bin")):  # fmt: skip
            done = program("models", *call)
            assert done.streams == (6, ""), (place, call, done.err)
        assert not (program.work / "out.bin").exists()


def test_m05_code_is_loaded_in_one_module() -> None:
    """pickle, joblib, cloudpickle, torch.load, eval and exec: one module, one function"""
    modules = {"pickle", "_pickle", "cPickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}
    loading, evaluating = set(), set()
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            if {one.split(".")[0] for one in imported} & modules:
                loading.add(name)
            if isinstance(node, ast.Call) and runs_text(node.func):
                evaluating.add((name, ast.unparse(node.func)))
    assert loading == {"models/serialized.py"}
    assert evaluating == set()


def runs_text(function: ast.expr) -> bool:
    """Return whether calling this runs text or a file as code."""
    text = ast.unparse(function)
    return text in {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec",
                    "torch.load", "np.load", "numpy.load", "os.system", "os.popen",
                    "runpy.run_path"}  # fmt: skip


def test_m06_what_is_no_predictor_is_refused(program: Program) -> None:
    """0 bytes, text, a zip archive, an ONNX file as a predictor: code 2"""
    files = {
        "empty.joblib": b"", "text.joblib": b"not a model\n" * 100,
        "zip.joblib": b"PK\x03\x04" + bytes(100), "onnx.onnx": b"\x08\x07",
    }  # fmt: skip
    for name, data in files.items():
        (program.work / name).write_bytes(data)
        for call in (("store", name, *STORE, "--trust"), ("load", name)):
            done = program("models", *call)
            assert done.streams == (2, ""), (name, call, done.err)
    assert not program.db.exists()


def test_m06_a_bomb_and_a_giant_are_refused_in_little_memory(children: Children, db: Path) -> None:
    """257 MiB, and a zip bomb of 1:1000: code 2 or 6, memory below 1 GB"""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(600)) + packer.flush()
    assert len(bomb) < 600 * 2**20 / 900
    (children.work / "bomb.joblib").write_bytes(bomb)
    with (children.work / "huge.joblib").open("wb") as file:
        file.write(b"\x80\x05")
        file.truncate(257 * 2**20)
    calls = [
        ("store", "bomb.joblib", *STORE),
        ("store", "bomb.joblib", *STORE, "--trust"),
        ("load", "bomb.joblib"),
        ("store", "huge.joblib", *STORE, "--trust"),
    ]
    found = run_each_measured(children, [("models", *call, "--db", db) for call in calls])
    for call, done in zip(calls, found, strict=True):
        assert done.code in {2, 6} and done.out == "", (call, done.err)
        assert done.mib < 1000, (call, done.mib)
        assert "Traceback" not in done.err
    assert not db.exists()


def test_m07_other_library_versions_are_said_or_refused(program: Program) -> None:
    """stored with another scikit-learn: a caution with both versions, or code 3"""
    joblib.dump(fitted(), program.work / "own.joblib")
    stored = program("models", "store", "own.joblib", *STORE, "--trust", "-q").out.strip()
    predict = ("perf", "predict", "resnet50", L4, "--predictor", stored, "--json")

    edit(program, "scikit-learn", "0.1")
    done = program(*predict)
    assert done.code == 0
    assert "stored with scikit-learn 0.1, loaded with 1." in done.out + done.err

    metadata = edit(program, "scikit-learn", "0.1")
    metadata["check"]["answers"] = [1.0] * 5
    write(program, metadata)
    assert program(*predict).streams == (3, "")
    verified = program("models", "verify", stored, "--json")
    assert (verified.code, verified.json()[0]["same"]) == (4, False)


def edit(program: Program, package: str, version: str) -> dict:
    with Store.open(program.db, Access.READ) as store:
        ((text,),) = store.rows("select metadata_json from prediction_models")
    metadata = json.loads(str(text))
    metadata["library_versions"][package] = version
    write(program, metadata)
    return metadata


def write(program: Program, metadata: dict) -> None:
    with Store.open(program.db, Access.WRITE) as store:
        store.execute(
            "update prediction_models set metadata_json = $text", {"text": json.dumps(metadata)}
        )


def test_m08_features_of_another_number_order_or_name_are_refused(program: Program) -> None:
    """feature lists of wrong length, order and name: refused when stored"""
    import pandas as pd

    frame = pd.DataFrame({"batch_size": [1.0, 2, 3], "sequence_length": [1.0, 5, 2]})
    joblib.dump(LinearRegression().fit(frame, [1.0, 2, 3]), program.work / "two.joblib")
    for features in (
        "batch_size",
        "sequence_length,batch_size",
        "batch_size,colour",
        "batch_size,sequence_length,parameters",
        "",
        ",",
        "batch_size,batch_size",
    ):
        done = program("models", "store", "two.joblib", "--target-metric=latency", "--trust",
                       f"--features={features}")  # fmt: skip
        assert done.streams == (2, ""), (features, done.err)
        assert "feature" in done.err
    good = "--features=batch_size,sequence_length"
    assert program("models", "store", "two.joblib", STORE[0], "--trust", good).code == 0


class Odd:
    """A predictor that answers as it is told to."""

    n_features_in_ = 1

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def predict(self, rows: np.ndarray) -> object:
        count = len(rows)
        if self.answer == "raise":
            raise RuntimeError("no luck today\x1b[31m")
        return {
            "nan": [float("nan")] * count, "negative": [-1.0] * count, "zero": [0.0] * count,
            "inf": [float("inf")] * count, "shape": [1.0] * (count + 1), "text": ["x"] * count,
            "matrix": [[1.0, 2.0]] * count, "none": None,
        }[self.answer]  # fmt: skip


ODD = ("nan", "negative", "zero", "inf", "shape", "text", "matrix", "none", "raise")


@pytest.mark.parametrize("answer", ODD)
def test_m09_an_odd_answer_falls_back_and_says_so(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """a predictor that answers NaN, negative, another shape, or raises: roofline, with a note"""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(program.home / "xdg_config_home"))
    db = DuckDBPredictorRepository(program.db)
    stored = plant(program.db, pickle.dumps(Odd(answer)), is_active=False)
    assert program("models", "trust", stored, "--yes").code == 0

    done = program("perf", "predict", "resnet50", L4, "--predictor", stored, "--json")

    assert done.code == 0, done.err
    (row,) = done.json()
    assert row["basis"] == "roofline" and row["latency_ms"] > 0
    assert "gave no answer" in row["note"]
    assert "\x1b" not in done.err
    assert len(db.get_predictions()) == 1


def test_m10_an_export_replaces_only_when_told_to(program: Program) -> None:
    """models export onto an existing file, a link, a folder; --force replaces, never follows"""
    joblib.dump(fitted(), program.work / "own.joblib")
    stored = program("models", "store", "own.joblib", *STORE, "--trust", "-q").out.strip()
    precious, link = program.work / "precious", program.work / "link"
    precious.write_text("keep")
    link.symlink_to(precious)
    (program.work / "folder").mkdir()

    for target in ("precious", "link", "folder"):
        done = program("models", "export", stored, "-o", target)
        assert done.streams == (2, ""), (target, done.err)
        assert "exists already" in done.err
    assert precious.read_text() == "keep" and link.is_symlink()
    assert program("models", "export", stored, "-o", "link", "--force").code == 0
    assert precious.read_text() == "keep" and not link.is_symlink()
    assert program("models", "export", stored, "-o", "precious", "--force").code == 0
    assert precious.read_bytes() == link.read_bytes() != b"keep"
    assert program("models", "export", stored, "-o", "folder", "--force").streams == (2, "")
    assert program("models", "export", stored, "-o", "missing/x").streams[0] in {2, 6}
    left = {path.name for path in program.work.iterdir()}
    assert left == {"precious", "link", "folder", "own.joblib", "x.duckdb", "x.duckdb.lock"}


def test_m11_a_list_reads_no_blob(children: Children, db: Path, repeats: Repeats) -> None:
    """models list with many large blobs: memory below 300 MB"""
    count = repeats(50, 6, of="blobs")
    size = 20 * 2**20 if count == 50 else 40 * 2**20
    plant(db, *[b"\x80\x05" + np.random.default_rng(0).bytes(size)] * count, is_active=False)

    done = run_measured(children, "models", "list", "--limit", "0", "--json", "--db", db)

    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert len(rows) == count and not any(row["trusted"] for row in rows)
    assert done.mib < 300
