"""I22: random command lines over the whole tree."""

import pickle
import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from perfpredict.errors import ExitCode

from .command_lines import BROKEN_FILE, PICKLE_FILE, ROWS_FILE, command_lines
from .conftest import Repeats
from .program import Program

CODES = {*map(int, ExitCode), 130, 141, 143} - {int(ExitCode.BUG)}
MAY_CHANGE = {int(ExitCode.DONE), int(ExitCode.ANSWER_IS_NO)}
"""A gate stores what it judged and then says no."""


class Hostile:
    """Makes a folder as soon as anybody loads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return (os.mkdir, ("owned",))


def prepared(home: Path) -> tuple[Program, list[str]]:
    """Return a program with rows in its database, and the ids of some."""
    program = Program(home)
    l4 = ("--hardware", "nvidia-l4")
    rows = "model,hardware,batch_size,precision,latency\nresnet50,nvidia-l4,1,fp16,2\n"
    (program.work / ROWS_FILE).write_text(rows)
    (program.work / BROKEN_FILE).write_bytes(bytes(range(256)) * 10)
    (program.work / PICKLE_FILE).write_bytes(pickle.dumps(Hostile()))
    (program.work / "folder").mkdir()
    made = [
        program("perf", "predict", "resnet50", *l4, "-q"),
        program("measure", "record", "resnet50", *l4, "--latency", "9", "-q"),
        program("hardware", "recommend", "resnet50", *l4, "-q"),
        program("sample", "generate", "--into-real", "-q"),
    ]
    assert all(done.code == 0 for done in made), made
    models = program("db", "sql", "select model_id from prediction_models", "--json").json()
    return program, [*(done.out.split()[0] for done in made[:3]), models[0]["model_id"]]


def test_i22_no_random_command_line_ends_in_a_traceback(tmp_path: Path, repeats: Repeats) -> None:
    """random command lines: no traceback, a documented code, the database unchanged unless 0"""
    program, ids = prepared(tmp_path / "home")
    kept = shutil.copytree(program.work, tmp_path / "kept")

    @settings(
        max_examples=repeats(2000, 150, of="command lines"),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(line=command_lines(ids))
    def holds(line: list[str]) -> None:
        before = program.sha256()
        done = program(*line, stdin=b"x\n")
        assert done.code in CODES, done.err
        assert "Traceback" not in done.err
        assert not (program.work / "owned").exists()
        if done.code not in MAY_CHANGE:
            assert program.sha256() == before
            assert done.out == "" or done.code in {int(ExitCode.CANNOT_ANSWER)}, done.out
        restore(program, kept)

    holds()


def restore(program: Program, kept: Path) -> None:
    """Put files and settings back where a command line changed them."""
    names = {path.name for path in kept.iterdir()}
    for path in program.work.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in (ROWS_FILE, BROKEN_FILE, PICKLE_FILE):
        shutil.copyfile(kept / name, program.work / name)
    if program.sha256() is None or len(program.db.read_bytes()) > 20_000_000:
        shutil.copyfile(kept / program.db.name, program.db)
    shutil.rmtree(program.home / "xdg_config_home", ignore_errors=True)
