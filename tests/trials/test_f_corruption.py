"""Damaged, foreign, too new and older files: refused or right, never wrong numbers."""

import gzip
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess

import duckdb
import pytest

from perfpredict.store.file_checks import STORAGE_VERSION
from perfpredict.store.migrating import released_migrations

from ..data.golden.golden_content import content_of
from .made import GOLDEN, RECORD, held, make_measured, make_predicted
from .processes import finish

FLIPS = """
    import contextlib, io, json, random, sys
    from pathlib import Path
    from perfpredict.program import run

    source, target, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    whole, chooser = source.read_bytes(), random.Random(18)

    def called(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*arguments, "--db", str(target)])
        return code, out.getvalue(), err.getvalue()

    target.write_bytes(whole)
    asked = ("measure", "list", "--json", "--limit", "0")
    expected = called(*asked)
    refused, problems = 0, []
    for _ in range(count):
        changed = bytearray(whole)
        place, bit = chooser.randrange(len(changed)), chooser.randrange(8)
        changed[place] ^= 1 << bit
        target.write_bytes(changed)
        code, _, err = called("db", "check")
        if code == 6:
            refused += 1
        elif code != 0:
            problems.append([place, bit, code, err])
        found = called(*asked)
        if found[0] == 0 and found[1] != expected[1]:
            problems.append([place, bit, "other numbers"])
        if found[0] not in (0, 6):
            problems.append([place, bit, *found])
    print(json.dumps([refused, problems]))
"""


def test_f18_a_flipped_bit_is_refused_or_changes_nothing(children, db, repeats):
    """One flipped bit: `db check` exits 6 or all is as it was; never other numbers or a signal"""
    golden = db.with_name("golden.duckdb")
    make_measured(golden, 60)
    count = repeats(200, 10, of="flips")

    done = finish(children.start_script(FLIPS, golden, db, count))

    assert done.returncode == 0, done.stderr
    refused, problems = json.loads(done.stdout)
    assert problems == []
    assert refused > count / 10


def test_f19_a_truncated_file_is_refused_and_left_alone(call, db, repeats):
    """Truncated: `db check` exits 6 wherever anything is lost, and changes nothing"""
    make_measured(db, 60)
    # free blocks at the end may be cut off without loss, so there must be none
    assert call("db", "compact", "--db", db).returncode == 0
    whole, expected = db.read_bytes(), held(db)
    lengths = [len(whole) * (2 * place + 1) // 41 for place in range(20)]
    repeats(len(lengths), of="lengths")
    for length in lengths:
        db.write_bytes(whole[:length])
        for command in (("db", "check"), ("measure", "list")):
            done = call(*command, "--db", db)
            assert (done.returncode, done.stdout) == (6, ""), (length, command, done.stderr)
        assert db.read_bytes() == whole[:length]
    db.write_bytes(whole)
    assert held(db) == expected


@pytest.mark.parametrize("fault", ["deleted", "truncated", "flipped"])
def test_f20_a_damaged_log_costs_whole_transactions_or_is_refused(
    children, call, db, repeats, fault
):
    """Log deleted, cut or flipped: a prefix of whole transactions or exit 6; `doctor` tells it"""
    base = db.with_name("base.duckdb")
    make_predicted(base)
    child = children.start_script(RECORD, base, 8, "keep", "die", stdin=subprocess.PIPE)
    assert child.stdout.readline() == "ready\n"
    told = finish(child, text="go\n").stdout.split()
    log = base.with_name("base.duckdb.wal").read_bytes()
    chooser = random.Random(20)
    counts = set()
    full, reduced = (1, 1) if fault == "deleted" else (60, 4)
    for _ in range(repeats(full, reduced, of=f"logs {fault}")):
        shutil.copy(base, db)
        damaged = bytearray(log)
        if fault == "truncated":
            del damaged[chooser.randrange(len(damaged)) :]
        elif fault == "flipped":
            damaged[chooser.randrange(len(damaged))] ^= 1 << chooser.randrange(8)
        if fault != "deleted":
            db.with_name("x.duckdb.wal").write_bytes(damaged)
            said = call("doctor", "--db", db, "--json")
            names = {row["check"]: row["status"] for row in json.loads(said.stdout)}
            assert names["database log"] in {"warning", "problem"}
        done = call("measure", "list", "-q", "--limit", "0", "--db", db)
        assert done.returncode in {0, 6}, done.stderr
        if done.returncode == 0:
            found = held(db)
            assert found.half_rows == []
            assert set(found.measurement_ids) == set(told[: len(found.measurement_ids)])
            counts.add(len(found.measurement_ids))
        db.with_name("x.duckdb.wal").unlink(missing_ok=True)
    assert counts or fault == "flipped"


PATHS = """
    import contextlib, io, json, os, signal, sys, time
    from perfpredict.program import run

    def called(*arguments):
        out, err = io.StringIO(), io.StringIO()
        signal.alarm(5)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        signal.alarm(0)
        return code, out.getvalue(), err.getvalue()

    told = {}
    for path in sys.argv[1:]:
        told[path] = [
            called("measure", "list", "--db", path),
            called("measure", "record", "bert-base-uncased", "--hardware", "nvidia-l4",
                   "--latency", "8ms", "-q", "--db", path),
        ]
    print(json.dumps(told))
"""


@pytest.fixture
def odd_paths(tmp_path):
    """Return what is no database, by name."""
    places = {
        name: tmp_path / name
        for name in ("empty", "text", "sqlite", "folder", "fifo", "dangling", "locked/x")
    }
    places["empty"].touch()
    places["text"].write_text("hello " * 1000)
    connection = sqlite3.connect(places["sqlite"])
    connection.execute("create table x (y)")
    connection.commit()
    connection.close()
    places["folder"].mkdir()
    os.mkfifo(places["fifo"])
    places["dangling"].symlink_to(tmp_path / "nowhere")
    places["locked/x"].parent.mkdir()
    places["locked/x"].touch()
    places["locked/x"].parent.chmod(0o000)
    yield places | {"/dev/null": "/dev/null"}
    places["locked/x"].parent.chmod(0o755)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_f21_what_is_no_database_is_refused_and_no_socket_is_opened(
    children, odd_paths, tmp_path, repeats
):
    """`--db` at nine odd paths: exit 2 or 6 (0 bytes works), no hang, no socket, file untouched"""
    repeats(len(odd_paths), of="paths")
    trace = tmp_path / "trace"
    before = {name: (tmp_path / name).read_bytes() for name in ("text", "sqlite")}
    command = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", trace, "-e", "trace=socket"]
    if os.geteuid() == 0:
        taken = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={taken}", f"--inh-caps={taken}", *command]

    done = finish(children.start_script(PATHS, *odd_paths.values(), before=command))

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name, path in odd_paths.items():
        (read, _, _), (written, out, err) = told[str(path)]
        if name == "empty":
            assert (read, written) == (3, 0), err
            continue
        assert {read, written} <= {2, 3, 6}, (name, told[str(path)])
        assert (written in {2, 6}, out) == (True, ""), (name, err)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not (tmp_path / "nowhere").exists()
    assert trace.read_text() == ""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_f22_a_newer_schema_is_refused_with_both_versions(call, db, repeats):
    """Schema one newer: reading and writing exit 6 and name both, the file stays as it is"""
    repeats(1)
    make_measured(db, 3)
    connection = duckdb.connect(str(db))
    ((newest,),) = connection.execute("select max(version) from schema_migrations").fetchall()
    connection.execute(
        "insert into schema_migrations values ($version, 'later', now(), '9.9')",
        {"version": newest + 1},
    )
    connection.close()
    refuse_both(call, db, f"version {newest + 1}", f"version {newest}")


def test_f23_a_newer_storage_version_is_refused_with_both_versions(call, db, repeats):
    """Storage version one newer: reading and writing exit 6 and name both"""
    repeats(1)
    make_measured(db, 3)
    content = bytearray(db.read_bytes())
    content[12:20] = (STORAGE_VERSION + 1).to_bytes(8, "little")
    db.write_bytes(content)
    refuse_both(call, db, f"storage version {STORAGE_VERSION + 1}", f"up to {STORAGE_VERSION}")


def refuse_both(call, db, theirs, ours):
    before = sha256(db)
    record = ("measure", "record", "bert-base-uncased", "--hardware", "nvidia-l4")
    for command in (("measure", "list"), (*record, "--latency", "8ms"), ("db", "migrate")):
        done = call(*command, "--db", db)
        assert (done.returncode, done.stdout) == (6, "")
        assert theirs in done.stderr
        assert ours in done.stderr
    assert sha256(db) == before


@pytest.mark.parametrize("version", sorted(GOLDEN.glob("schema-*.json")), ids=lambda p: p.stem)
def test_f24_a_file_of_every_released_schema_keeps_every_bit(call, db, repeats, version):
    """Golden file of every schema backed up, restored, migrated: the same values to the bit"""
    repeats(1)
    expected = json.loads(version.read_text())
    db.write_bytes(gzip.decompress(version.with_suffix(".duckdb.gz").read_bytes()))
    copy = db.with_name("copy.duckdb")
    for command in (
        ("db", "backup", copy), ("db", "restore", copy, "--yes"), ("db", "migrate"), ("db", "check")
    ):  # fmt: skip
        done = call(*command, "--db", db)
        assert done.returncode == 0, done.stderr

    connection = duckdb.connect(str(db), read_only=True)
    columns = {table: told["columns"] for table, told in expected["tables"].items()}
    found = json.loads(json.dumps(content_of(connection, columns)))
    connection.close()
    assert found["tables"] == expected["tables"]
    assert found["aggregates"] == expected["aggregates"]
    assert found["schema_version"] >= expected["schema_version"]
    record = ("measure", "record", "gpt2", "--hardware", "nvidia-l4", "--latency", "8ms")
    assert call(*record, "--db", db).returncode == 0


def test_f24_every_released_schema_has_its_golden_file():
    """Every released schema has a golden file, made when it was the newest"""
    names = {f"schema-{one.version}.duckdb.gz" for one in released_migrations()}
    assert names <= {path.name for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("kind", ["text", "half", "flipped", "foreign", "newer"])
def test_f33_restoring_a_broken_file_leaves_the_database_alone(call, db, repeats, kind):
    """Restore of a broken file: exit 6, the database stays as it is"""
    repeats(1)
    make_measured(db, 5)
    source = db.with_name("broken.duckdb")
    content = bytearray(db.read_bytes())
    if kind == "text":
        content = bytearray(b"no database " * 1000)
    elif kind == "half":
        del content[len(content) // 2 :]
    elif kind == "flipped":
        for place in range(20_000, len(content), 30_000):
            content[place] ^= 1
    elif kind == "newer":
        content[12:20] = (STORAGE_VERSION + 1).to_bytes(8, "little")
    source.write_bytes(content)
    if kind == "foreign":
        source.unlink()
        connection = duckdb.connect(str(source))
        connection.execute("create table mine (x integer)")
        connection.close()
    before = sha256(db)

    done = call("db", "restore", source, "--yes", "--db", db)

    assert (done.returncode, done.stdout) == (6, ""), done.stderr
    assert sha256(db) == before
    left = {path.name for path in db.parent.glob("x.duckdb*")}
    assert left == {"x.duckdb", "x.duckdb.lock"}
