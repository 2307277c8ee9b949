"""I26: a stranger's database and hostile arguments in plots, explanations, sweeps and reports."""

from pathlib import Path

import duckdb
import pytest

from .hostile_texts import HOSTILE_TEXTS
from .program import Program

L4 = "--hardware=nvidia-l4"
CONTROLS = set("\x1b\x07\x9b\x7f\u202e\u2066\u2069\u200b\ufeff")
PLANTED = ("a\x1b[31mb", "\x1b]0;owned\x07", "\x9b31m", "\u202egnp.exe", "a\nb\tc", "x" * 10_000)
"""Names that no command takes, and that only other programs can have stored."""
DRAWN = (
    ("perf", "analyze", "--plot"),
    ("perf", "analyze", "--by", "model", "--plot"),
    ("perf", "errors"),
    ("perf", "report", "--format", "markdown"),
    ("hardware", "history"),
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a program whose database holds hostile names beside measured predictions."""
    program = Program(tmp_path_factory.mktemp("planted"))
    for size in range(1, len(PLANTED) + 1):
        shape = ("resnet50", L4, f"--batch-size={size}")
        assert program("perf", "predict", *shape, "--predictor=roofline").code == 0
        assert program("measure", "record", *shape, "--latency=9ms").code == 0
    with duckdb.connect(str(program.db)) as connection:
        for size, text in enumerate(PLANTED, 1):
            for table in ("performance_measurements", "performance_predictions"):
                connection.execute(
                    f"update {table} set model_name = $text where batch_size = $size",
                    {"text": text, "size": size},
                )
    return program


@pytest.mark.parametrize("words", DRAWN, ids=" ".join)
def test_i26_planted_names_reach_no_terminal(planted: Program, words: tuple[str, ...]) -> None:
    """control and reordering characters from a database in plots and reports: made visible"""
    for is_terminal in (True, False):
        done = planted(*words, "--no-color", is_terminal=is_terminal)
        assert done.code == 0, done.err
        assert not CONTROLS & set(done.out + done.err), words


def test_i26_hostile_arguments_of_sweeps_and_explanations(tmp_path: Path) -> None:
    """hostile models, sizes and groups: a documented code, one error, no control character"""
    program = Program(tmp_path)
    for text in HOSTILE_TEXTS[::3]:
        if "\x00" in text:
            continue
        for words in (
            ("perf", "sweep", text, L4),
            ("perf", "predict", text, L4, "--explain", "--plot", "--no-store"),
            ("perf", "sweep", "resnet50", L4, f"--over={text}"),
            ("perf", "report", f"--by={text}", "--format=markdown"),
        ):
            done = program(*words)
            assert done.code in {2, 3}, (words, done.err)
            assert done.out == "" and done.err.count("error: ") == 1, words
            assert not CONTROLS & set(done.err), words
    assert not program.db.exists()
