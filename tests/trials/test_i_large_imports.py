"""I9 to I12: files of many rows, one of them bad, twice, and what that takes.

Times depend on the machine and are put on record; counts, messages and memory are checked.
"""

import csv
import json
import time
from pathlib import Path

import pytest

from .conftest import Repeats
from .peak import Peak, run_measured
from .processes import Children

ROWS, FEWER_ROWS = 1_000_000, 20_000
BAD_SHARE = 0.777778
"""Where the bad row is: line 777,778 of a million."""
MOST_MIB = 1500
MODELS = ("bert-base-uncased", "resnet50", "gpt2", "distilbert-base-uncased")
DEVICES = ("nvidia-l4", "nvidia-rtx-4090", "nvidia-a10", "intel-xeon-8380")


def write_rows(path: Path, rows: int, bad_line: int | None = None) -> None:
    """Write different rows as CSV; the throughput in `bad_line` (the header is 1) is `fast`."""
    with path.open("w", encoding="utf-8") as file:
        file.write("model,hardware,batch_size,precision,throughput,latency,measured_at\n")
        for i in range(rows):
            batch, latency = 1 + i % 64, 1 + (i * 7919 % 100_003) / 1000
            rate = "fast" if i + 2 == bad_line else f"{batch * 1000 / latency:.4f}"
            day = f"2026-01-{1 + i % 28:02d}T{i % 24:02d}:{i % 60:02d}:00Z"
            file.write(
                f"{MODELS[i % 4]},{DEVICES[i // 4 % 4]},{batch},fp16,{rate},{latency:.4f},{day}\n"
            )


@pytest.fixture
def on_record(request: pytest.FixtureRequest):
    """Return a function that puts time and memory of one command on record."""

    def note(done: Peak, seconds: float) -> None:
        told = f"{seconds:.1f} s, {done.mib:.0f} MiB"
        request.node.user_properties.append(("trial repeats", told))

    return note


def imported(children: Children, on_record, *arguments: object) -> Peak:
    start = time.monotonic()
    done = run_measured(children, "measure", "import", *arguments)
    on_record(done, time.monotonic() - start)
    assert done.mib < MOST_MIB
    return done


def test_i09_one_bad_row_of_many_stops_all(
    children: Children, db: Path, repeats: Repeats, on_record
) -> None:
    """one bad value in 10^6 rows: code 2, its line named, nothing imported"""
    rows = repeats(ROWS, FEWER_ROWS, of="rows")
    bad_line = int(BAD_SHARE * rows)
    write_rows(children.work / "big.csv", rows, bad_line)

    done = imported(children, on_record, "big.csv", "--db", db)

    assert (done.code, done.out) == (2, "")
    assert f'error: big.csv:{bad_line}: throughput: not a number (got "fast")\n' in done.err
    assert f"nothing was imported; 1 of {rows:,} rows are bad" in done.err
    assert not db.exists()


def test_i10_a_bad_row_is_skipped_and_kept_when_asked(
    children: Children, db: Path, repeats: Repeats, on_record
) -> None:
    """the same with --on-error skip --rejects: all others imported, the bad one in a file"""
    rows = repeats(ROWS, FEWER_ROWS, of="rows")
    bad_line = int(BAD_SHARE * rows)
    write_rows(children.work / "big.csv", rows, bad_line)

    done = imported(
        children, on_record, "big.csv", "--on-error=skip", "--rejects=r.csv", "--db", db, "--json"
    )  # fmt: skip

    assert done.code == 0, done.err
    counts = json.loads(done.out)
    assert (counts["read"], counts["imported"], counts["rejected"]) == (rows, rows - 1, 1)
    (row,) = csv.DictReader((children.work / "r.csv").read_text().splitlines())
    assert (row["_row"], row["throughput"]) == (str(bad_line), "fast")
    assert row["_problem"] == 'throughput: not a number (got "fast")'


def test_i11_the_same_file_again_adds_nothing(
    children: Children, db: Path, repeats: Repeats, on_record
) -> None:
    """the same file twice: the second time every row is a duplicate"""
    rows = repeats(ROWS, FEWER_ROWS, of="rows")
    write_rows(children.work / "big.csv", rows)
    assert imported(children, on_record, "big.csv", "--db", db).code == 0

    again = imported(children, on_record, "big.csv", "--db", db, "--json")

    counts = json.loads(again.out)
    assert (again.code, counts["imported"], counts["duplicates"]) == (0, 0, rows)


def test_i12_many_good_rows_are_imported(
    children: Children, db: Path, repeats: Repeats, on_record
) -> None:
    """10^6 good rows in 1.5 GB; standard output has the result and nothing else"""
    rows = repeats(ROWS, FEWER_ROWS, of="rows")
    write_rows(children.work / "big.csv", rows)

    done = imported(children, on_record, "big.csv", "--db", db, "--json")

    assert done.code == 0, done.err
    assert json.loads(done.out)["imported"] == rows
    query = "select count(*) as n, count(distinct import_key) as m from performance_measurements"
    counted = children.run("db", "sql", query, "--db", db, "--json")
    assert json.loads(counted.stdout) == [{"n": rows, "m": rows}]
