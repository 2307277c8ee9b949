"""What `doctor --redact` must not tell."""

import platform
from datetime import UTC, datetime

import pytest

from perfpredict.services.doctor import diagnose
from perfpredict.store.maintenance import Place

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder behind a link, of the user `ann` on the machine `secret-host`."""
    real = tmp_path / "disk" / "people"
    real.mkdir(parents=True)
    (tmp_path / "home").symlink_to(real)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", "ann")
    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    return real


def told(path, *, is_redacted=True):
    found = diagnose(Place(path=path), origin="--db", now=NOW, is_redacted=is_redacted)
    return "\n".join(f"{check.detail} {check.hint}" for check in found.checks)


@pytest.mark.parametrize("name", ["x.duckdb", "ann.duckdb", "ANN_old.duckdb", "secret-host.duckdb"])
def test_a_redacted_report_names_no_user_host_or_home(home, name):
    (home / name).write_bytes(b"no database " * 1000)

    text = told(home / name)

    assert str(home) not in text
    assert str(home.parents[1] / "home") not in text
    assert "ann." not in text.lower()
    assert "ann_" not in text.lower()
    assert "secret-host" not in text
    assert "~/" in text
    assert str(home) in told(home / name, is_redacted=False)


def test_a_redacted_report_keeps_words_that_hold_the_name(home, tmp_path):
    path = tmp_path / "channels.duckdb"
    path.write_bytes(b"no database " * 1000)

    assert "channels.duckdb" in told(path)


def test_a_report_without_a_home_is_redacted_all_the_same(home, monkeypatch, tmp_path):
    monkeypatch.setattr("pathlib.Path.home", _no_home)

    assert "ann.duckdb" not in told(tmp_path / "ann.duckdb")


def _no_home():
    raise RuntimeError("could not determine home directory")
