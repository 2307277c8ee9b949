"""Clocks, time zones, homes and encodings: works, or says which setting is in the way."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from perfpredict.services.doctor import Status, diagnose
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id, new_ids
from perfpredict.store.maintenance import Place
from perfpredict.store.measurements import record_measurement

from .made import RECORD_ARGUMENTS, a_measurement, make_predicted


def test_f25_a_clock_set_back_links_to_no_later_prediction(repeats, db):
    """Clock set back an hour between prediction and record: no link, a note, ids still ascend"""
    repeats(1)
    now = datetime.now(UTC)
    make_predicted(db, now)
    earlier = now - timedelta(hours=1)
    with Store.open(db, Access.WRITE) as store:
        first = record_measurement(store, a_measurement(now), now=now)
        second = record_measurement(store, a_measurement(earlier), now=earlier)
    later = new_ids(IdKind.MEASUREMENT, earlier, 1000)

    assert (first.prediction_id is None, first.notes) == (False, ())
    assert second.prediction_id is None
    assert [note.startswith("clock: ") for note in second.notes] == [True]
    assert [first.measurement_id, second.measurement_id, *later] == sorted(
        {first.measurement_id, second.measurement_id, *later}
    )


def test_f26_a_clock_that_cannot_be_right_is_told(call, db, repeats):
    """`--at` more than a day ahead is refused; `doctor` warns of a clock in 1970 or 2100"""
    repeats(2, of="clocks")
    ahead = (datetime.now(UTC) + timedelta(days=1, hours=1)).isoformat()
    done = call("measure", "record", *RECORD_ARGUMENTS, "--at", ahead, "--db", db)
    assert (done.returncode, done.stdout) == (2, "")
    assert "more than a day ahead" in done.stderr
    assert not db.exists()
    soon = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    assert call("measure", "record", *RECORD_ARGUMENTS, "--at", soon, "--db", db).returncode == 0

    for year in (1970, 2100):
        now = datetime(year, 1, 1, 12, tzinfo=UTC)
        checks = {
            check.name: check for check in diagnose(Place(path=db), origin="", now=now).checks
        }
        assert checks["clock"].status is Status.WARNING
        new_id(IdKind.MEASUREMENT, now)


ZONES = ("UTC", "Asia/Kolkata", "America/New_York")
# the two changes of New York in 2026: 2 a.m. on March 8, which is left out, and on November 1,
# which comes twice; noon and midnight around them
MOMENTS = (
    "2026-03-08T01:30", "2026-03-08T03:30", "2026-03-07T12:00", "2026-03-09T12:00",
    "2026-10-31T23:59", "2026-11-01T00:30", "2026-11-01T01:30", "2026-11-01T03:30",
)  # fmt: skip


@pytest.fixture
def in_zone(monkeypatch):
    """Return a function that changes the zone of this process."""

    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("zone", ZONES)
def test_f27_a_time_means_the_same_with_and_without_its_offset(call, db, in_zone, repeats, zone):
    """Naive and aware times of one instant, in three zones: the same stored value"""
    count = repeats(len(MOMENTS), 4, of=f"times in {zone}")
    in_zone(zone)
    for text in MOMENTS[-count:]:
        aware = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        stored = []
        for given in (text, aware.isoformat()):
            command = ("measure", "record", *RECORD_ARGUMENTS, "--at", given, "--db", db)
            done = call(*command)
            assert done.returncode == 0, done.stderr
            shown = call("measure", "show", done.stdout.strip(), "--json", "--db", db)
            stored.append(datetime.fromisoformat(json.loads(shown.stdout)["measured_at"]))
        # in UTC: a time that comes twice equals nothing of another zone
        assert stored == [aware.astimezone(UTC)] * 2


def test_f27_since_means_the_same_in_every_zone(call, db, in_zone, repeats):
    """`--since 24h` in three zones: the same rows"""
    repeats(len(ZONES), of="zones")
    now = datetime.now(UTC)
    for hours in (1, 5, 23, 25, 47):
        at = (now - timedelta(hours=hours)).isoformat()
        assert call("measure", "record", *RECORD_ARGUMENTS, "--at", at, "--db", db).returncode == 0
    found = []
    for zone in ZONES:
        in_zone(zone)
        found.append(call("measure", "list", "--since", "24h", "-q", "--db", db).stdout.split())
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


HOMES = {
    "HOME is no folder": {"HOME": "/dev/null", "XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None},
    "XDG_DATA_HOME relative": {"XDG_DATA_HOME": "here"},
    "XDG_DATA_HOME empty": {"XDG_DATA_HOME": ""},
}
ENCODINGS = {
    "LANG=C": {"LANG": "C", "LC_ALL": "C"},
    "LANG=C without UTF-8": {
        "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"
    },
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1:strict"},
}  # fmt: skip


@pytest.mark.parametrize("name", HOMES)
def test_f31_an_odd_home_is_no_crash(children, repeats, name):
    """Home or data folder that is none: works, or exit 2 or 6 that names the path"""
    repeats(2, of="commands")
    located, made = children.run_each([("db", "path"), ("db", "init")], env=HOMES[name])

    assert {located.returncode, made.returncode} <= {0, 2, 6}
    for done in (located, made):
        assert done.returncode == 0 or "/" in done.stderr, done.stderr
    # the standard says that a relative path is to be ignored
    assert not (children.work / "here").exists()


def test_f31_without_a_home_the_one_of_the_password_file_counts(children, repeats):
    """HOME unset: the database is looked for below the home that the system knows"""
    repeats(1)
    unset = {"HOME": None, "XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None}

    done = children.run("db", "path", env=unset)

    assert (done.returncode, done.stdout.strip().endswith("perfpredict.duckdb")) == (0, True)


@pytest.mark.parametrize("name", ENCODINGS)
def test_f31_an_odd_encoding_is_no_crash(children, call, db, repeats, name):
    """Encodings that lack letters: names come escaped, an argument that is no text is refused"""
    env, _ = ENCODINGS[name], repeats(3, of="commands")
    named = ("measure", "record", "größe-模型", "--new-model", "--hardware", "nvidia-l4")
    record = (*named, "--latency", "8ms", "--db", db)
    assert call(*record).returncode == 0

    commands = (record, ("measure", "list", "--db", db), ("measure", "list", "--json", "--db", db))
    again, listed, as_json = children.run_each(commands, env=env)

    # an argument that is no text in the encoding of the process cannot be taken
    is_told = again.returncode == 2 and again.stderr.startswith("error: model: ")
    assert again.returncode == 0 or is_told, again.stderr
    assert (listed.returncode, as_json.returncode) == (0, 0), listed.stderr
    if name != "latin-1":
        assert {row["model"] for row in json.loads(as_json.stdout)} == {"größe-模型"}


def test_f31_a_home_that_cannot_be_written_is_named(children, tmp_path, repeats):
    """HOME read-only: reading works, the default database cannot be made, and its path is named"""
    repeats(1)
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    env = {"HOME": str(home), "XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None}
    taken = "-dac_override,-dac_read_search"
    is_root = os.geteuid() == 0
    before = ("setpriv", f"--bounding-set={taken}", f"--inh-caps={taken}") if is_root else ()

    predicted, recorded = children.run_each(
        [("perf", "predict", "gpt2", "--hardware", "nvidia-l4", "--no-store"),
         ("measure", "record", *RECORD_ARGUMENTS)],
        env=env, before=before,
    )  # fmt: skip

    assert predicted.returncode == 0, predicted.stderr
    assert (recorded.returncode, recorded.stdout) == (6, "")
    assert str(home) in recorded.stderr
