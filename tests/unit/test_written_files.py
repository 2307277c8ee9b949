"""Files that a user asks for are whole or absent, whatever ends the process."""

import os
import stat

import pytest

from perfpredict.catalog.written_files import write_atomically
from perfpredict.errors import PerfpredictError


@pytest.mark.parametrize("name", ["fsync", "fdopen"])
@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, MemoryError])
def test_nothing_is_left_of_a_file_that_was_broken_off(tmp_path, monkeypatch, name, ending):
    def broken(*_arguments, **_options):
        raise ending

    (tmp_path / "x").write_text("old")
    monkeypatch.setattr(os, name, broken)
    with pytest.raises(ending):
        write_atomically(tmp_path / "x", b"new")

    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_the_file_and_then_its_folder_are_synced(tmp_path, monkeypatch):
    synced = []

    def refused(descriptor):
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if synced[-1]:
            raise OSError(22, "no folder of this kind can be synced")

    monkeypatch.setattr(os, "fsync", refused)
    write_atomically(tmp_path / "x", b"new")

    assert synced == [False, True]
    assert (tmp_path / "x").read_bytes() == b"new"


def test_who_may_read_it_is_what_the_user_lets_or_nobody(tmp_path):
    kept = os.umask(0o027)
    try:
        write_atomically(tmp_path / "shared", b"x")
        write_atomically(tmp_path / "own", b"x", is_private=True)
    finally:
        os.umask(kept)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"shared": 0o640, "own": 0o600}


def test_what_is_no_file_is_never_replaced(tmp_path):
    for special in (tmp_path, "/dev/null", "/dev/stdout"):
        with pytest.raises(PerfpredictError, match="is no file"):
            write_atomically(tmp_path / special, b"x")
