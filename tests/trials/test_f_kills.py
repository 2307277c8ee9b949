"""Processes killed at random moments: what was acknowledged is there, and nothing is half there."""

import json
import random
import shutil
import time

from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.opening import backup_before_migrating

from .made import GOLDEN, RECORD, RECORD_ARGUMENTS, held, make_predicted, unpack_golden
from .processes import kill_group


def released(child):
    """Let a script that said `ready` go on."""
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    child.stdin.write("go\n")
    child.stdin.flush()


def killed(child, after_s):
    """Kill `child` after that time; returns the whole lines that it wrote."""
    time.sleep(after_s)
    kill_group(child)
    return child.stdout.read().split("\n")[:-1]


def test_f01_a_recording_process_killed_at_random_loses_and_halves_nothing(repeats, children, db):
    """Recording killed: every id that was printed is there, with its three errors"""
    chooser = random.Random(1)
    make_predicted(db)
    acknowledged = set()
    for turn in range(repeats(100, 4, of="kills")):
        how = "keep" if turn % 2 else "each"
        child = children.start_script(RECORD, db, 1000, how, stdin=-1)
        released(child)
        if turn % 4:  # the others are killed while they open the database
            acknowledged.add(child.stdout.readline().strip())
        acknowledged |= set(killed(child, chooser.uniform(0, 0.15)))

        found = held(db)
        assert acknowledged <= set(found.measurement_ids)
        assert found.half_rows == []
    assert acknowledged


LOADED = """
    import importlib, sys
    from perfpredict.program import run

    for name in sys.argv[1].split(","):
        importlib.import_module(f"perfpredict.{name}")
    print("ready", flush=True)
    sys.stdin.readline()
    sys.exit(run(sys.argv[2:]))
"""
"""Runs a command line once the modules of argv[1] are loaded: a kill hits the work, not the start.
"""
IMPORTING = "services.importing,importers.table,reports.measure,services.hardware"
RECORDING = "services.measure,services.hardware,reports.measure"
MIGRATING = "services.database,reports.database"


def test_f02_an_import_killed_at_random_is_whole_or_never_was(repeats, children, db, call):
    """Import of 20,000 rows killed: all or none, and again gives all"""
    chooser = random.Random(2)
    file = db.with_name("rows.csv")
    rows = repeats(20_000, 4_000, of="rows")
    lines = [f"bert-base-uncased,nvidia-l4,8,{1 + n / 1000}" for n in range(rows)]
    file.write_text("model,hardware,batch_size,latency_ms\n" + "\n".join(lines) + "\n")
    command = ("measure", "import", str(file), "--db", str(db))
    start = time.monotonic()
    assert call(*command).returncode == 0
    longest_s = time.monotonic() - start
    outcomes = set()
    for _ in range(repeats(50, 2, of="kills")):
        for leftover in db.parent.glob("x.duckdb*"):
            leftover.unlink()
        child = children.start_script(LOADED, IMPORTING, *command, stdin=-1)
        released(child)
        killed(child, chooser.uniform(0.2, 1) * longest_s)

        outcomes.add(len(held(db).measurement_ids) if db.exists() else 0)
        assert outcomes <= {0, rows}
        assert call(*command).returncode == 0
        assert len(held(db).measurement_ids) == rows


def test_f03_a_first_command_killed_at_random_leaves_nothing_in_the_way(
    repeats, children, db, call
):
    """First command killed: the next one works on whatever is left"""
    chooser = random.Random(3)
    command = ("measure", "record", *RECORD_ARGUMENTS, "--db", str(db))
    left = set()
    for _ in range(repeats(100, 3, of="kills")):
        for leftover in db.parent.glob("x.duckdb*"):
            leftover.unlink()
        child = children.start_script(LOADED, RECORDING, *command, stdin=-1)
        released(child)
        acknowledged = set(killed(child, chooser.uniform(0, 0.25)))

        left.add(tuple(sorted(path.name for path in db.parent.glob("x.duckdb*"))))
        done = call(*command)
        assert done.returncode == 0, done.stderr
        found = held(db).measurement_ids
        assert {*acknowledged, done.stdout.strip()} <= set(found)
        assert len(found) <= 2
        assert call("db", "check", "--db", db).returncode == 0
    assert left


def test_f04_a_migration_killed_at_random_is_done_or_was_never_begun(repeats, children, db, call):
    """Migration of the oldest schema killed: old or new, every row, and a second one works"""
    chooser = random.Random(4)
    golden = unpack_golden(1, db.with_name("golden.duckdb"))
    expected = json.loads((GOLDEN / "schema-1.json").read_text())["tables"]
    counts = {f"rows_{table}": told["rows"] for table, told in expected.items()}
    for _ in range(repeats(50, 3, of="kills")):
        for leftover in db.parent.glob("x.duckdb*"):
            leftover.unlink()
        shutil.copy(golden, db)
        child = children.start_script(LOADED, MIGRATING, "db", "migrate", "--db", db, stdin=-1)
        released(child)
        killed(child, chooser.uniform(0, 0.12))

        info = call("db", "info", "--db", db, "--json")
        assert info.returncode == 0 or "has schema version 1" in info.stderr
        assert call("db", "migrate", "--db", db).returncode == 0
        found = json.loads(call("db", "info", "--db", db, "--json").stdout)
        assert {name: found[name] for name in counts} == counts
        kept = backup_before_migrating(db, 1)
        assert not kept.exists() or kept.read_bytes() == golden.read_bytes()


def test_f11_a_killed_holder_of_the_lock_blocks_nobody(children, db, repeats):
    """Lock holder killed: the next command begins within a second"""
    make_predicted(db)
    for _ in range(repeats(3, 1, of="kills")):
        child = children.start_script(RECORD, db, 10**9, "keep", stdin=-1)
        released(child)
        child.stdout.readline()
        kill_group(child)
        start = time.monotonic()
        with Store.open(db, Access.WRITE, lock_timeout_s=5):
            assert time.monotonic() - start < 1


def test_f34_the_one_file_holds_every_row_after_any_command(call, db, repeats):
    """Only x.duckdb copied after each successful command: every row is in the copy"""
    copy = db.with_name("copy.duckdb")
    rows = db.with_name("rows.csv")
    rows.write_text("model,hardware,batch_size,latency_ms\ngpt2,nvidia-t4,1,9\n")
    recommend = ("hardware", "recommend", "gpt2", "--hardware", "l4,t4", "-q")
    commands = [
        ("perf", "predict", "gpt2", "--hardware", "nvidia-l4"),
        ("measure", "record", *RECORD_ARGUMENTS),
        ("measure", "import", rows),
        recommend,
        ("feedback", "record", "{id}", "--accepted", "yes"),
        ("hardware", "alias", "cuda", "nvidia-l4"),
        ("sample", "generate", "--num-models", "1", "--into-real"),
        ("sample", "clear", "--yes"),
        ("db", "compact"),
    ]
    repeats(len(commands), of="commands")
    last = ""
    for command in commands:
        done = call(*(str(word).replace("{id}", last) for word in command), "--db", db)
        assert done.returncode == 0, done.stderr
        last = done.stdout.strip() if command == recommend else last
        shutil.copy(db, copy)
        told = [
            json.loads(call("db", "info", "--json", "--db", path).stdout) for path in (db, copy)
        ]
        for one in told:
            del one["path"]
        assert told[0] == told[1]
        assert not db.with_name("x.duckdb.wal").exists()
