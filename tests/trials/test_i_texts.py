"""I5 and I6: hostile names and comments, in every format and on a terminal."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest

from perfpredict.domain.names import MAX_TEXT_LENGTH

from .conftest import Repeats
from .hostile_texts import HOSTILE_TEXTS
from .program import Program

MEASURED = ("--hardware", "nvidia-l4", "--latency", "1", "--new-model")
ESCAPE = "\x1b"
FORMATS = ("json", "jsonl", "csv", "tsv", "markdown", "table", "plain")
EVERYWHERE = 16
"""Calls that each hostile text goes through."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def is_storable(text: str) -> bool:
    """Return whether free text can be stored at all: UTF-8, no NUL, not too long."""
    is_unicode = not any("\ud800" <= character <= "\udfff" for character in text)
    return is_unicode and "\x00" not in text and len(text) <= MAX_TEXT_LENGTH


def test_i05_hostile_model_names(program: Program) -> None:
    """hostile model names: refused with `model` named, or back exactly in every format"""
    accepted = []
    for text in HOSTILE_TEXTS:
        before = program.sha256()
        done = program("measure", "record", f"--model={text}", *MEASURED, "-q")
        if done.code:
            assert done.streams == (2, ""), (text[:50], done.err)
            assert "model" in done.err
            assert ESCAPE not in done.err
            assert program.sha256() == before
        else:
            accepted.append(text)
            name = unicodedata.normalize("NFC", text).strip(" ")
            comes_back(program, done.out.strip(), name, FORMATS[len(accepted) % 3 :: 3])
    assert {"Zoë", "模型", "../../etc/passwd", "con", "null"} <= set(accepted)
    assert not {"'", "[red]", "🦆", "a\nb", " ", "--help", "-", "<script>alert(1)</script>"} & set(
        accepted
    )
    assert not (program.work / "owned").exists()


def comes_back(program: Program, identifier: str, name: str, formats: tuple[str, ...]) -> None:
    assert program("measure", "show", identifier, "--json").json()["model"] == name
    for chosen in formats:
        listed = program("measure", "list", "--limit=1", "--columns=model", f"--format={chosen}")
        assert model_in(listed.out, chosen) == name, chosen


def model_in(text: str, chosen: str) -> str:
    """Return the only cell of a list of one row and one column."""
    if chosen in {"json", "jsonl"}:
        found = json.loads(text)
        return str((found if chosen == "jsonl" else found[0])["model"])
    if chosen == "csv":
        return cells(text)[0]["model"]
    last = text.splitlines()[-1]
    return last.strip("| ").replace("\\", "") if chosen == "markdown" else last.strip(" ")


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_i05_hostile_names_of_everything_else(program: Program, repeats: Repeats) -> None:
    """the same texts as family, device, framework, user, source and in filters"""
    step = EVERYWHERE // repeats(EVERYWHERE, 1, of="places for each text")
    record = ("measure", "record", "resnet50", "--latency", "1")
    l4 = ("--hardware", "nvidia-l4")
    for turn, text in enumerate(HOSTILE_TEXTS):
        calls = (
            (*record, *l4, f"--family={text}"),
            (*record, *l4, f"--framework={text}"),
            (*record, *l4, f"--framework-version={text}"),
            (*record, *l4, f"--quantization={text}"),
            (*record, *l4, f"--memory-format={text}"),
            (*record, *l4, f"--user={text}"),
            (*record, *l4, f"--source={text}"),
            (*record, *l4, f"--precision={text}"),
            (*record, f"--hardware={text}", "--new-hardware"),
            ("hardware", "alias", "cuda", "--", text),
            ("hardware", "price", "set", "nvidia-l4", "1", f"--source={text}"),
            ("hardware", "show", "--", text),
            ("measure", "list", f"--model={text}", f"--source={text}"),
            ("measure", "list", f"--sort={text}"),
            ("hardware", "compat", f"--model={text}"),
            ("schema", "--", text),
        )
        assert len(calls) == EVERYWHERE
        for call in calls[turn % step :: step]:
            done = program(*call)
            assert done.code in {0, 2, 3}, (call, done.err)
            assert ESCAPE not in done.out + done.err, call
            assert "\u202e" not in done.err, call
    tables = {name: count for name, count in program.counts().items() if count}
    assert set(tables) == {"rows_performance_measurements", "rows_device_prices"}
    assert not (program.work / "owned").exists()


def test_i06_hostile_comments_come_back_byte_equal(program: Program, repeats: Repeats) -> None:
    """the same texts as notes and comments: byte-equal in JSON, harmless on a terminal"""
    texts = HOSTILE_TEXTS[:: len(HOSTILE_TEXTS) // repeats(len(HOSTILE_TEXTS), 14, of="texts")]
    asked = program("hardware", "recommend", "resnet50", "--hardware", "nvidia-l4", "-q")
    recommendation = asked.out.strip()
    for text in texts:
        noted = program("measure", "record", "resnet50", *MEASURED, f"--note={text}", "-q")
        said = program("feedback", "record", recommendation, "--accept", f"--comment={text}")
        if not is_storable(text):
            assert (noted.streams, said.streams) == ((2, ""), (2, "")), text[:20]
            assert "note" in noted.err and "comment" in said.err
            continue
        assert (noted.code, said.code) == (0, 0), (text[:50], noted.err, said.err)
        shown = program("measure", "show", noted.out.strip(), "--json").json()
        assert shown["note"] == text
        # `-` reads standard input, which is empty here; no comment is null
        listed = program("feedback", "list", "--limit", "1", "--json").json()
        assert listed[0]["comment"] == (None if text in {"-", ""} else text)
    for call in (
        ("feedback", "list"),
        ("measure", "show", noted.out.strip()),
        ("hardware", "history"),
    ):
        seen = program(*call, "--no-color", is_terminal=True, env={"COLUMNS": "20000"})
        assert seen.code == 0
        assert not any(mark in seen.out for mark in (ESCAPE, "\x9b", "\x07", "\u202e")), call


def test_i06_a_comment_from_standard_input_is_kept_as_it_is(program: Program) -> None:
    """a comment through `-`, with everything that standard input can hold"""
    asked = program("hardware", "recommend", "resnet50", "--hardware", "nvidia-l4", "-q")
    text = "line 1\n\x1b[31mline 2\x1b[0m\n<script>\u202e"
    call = ("feedback", "record", asked.out.strip(), "--reject", "--comment", "-")

    assert program(*call, stdin=text.encode()).code == 0
    assert program("feedback", "list", "--json").json()[0]["comment"] == text
    markdown = program("feedback", "list", "--format", "markdown").out
    assert "<script>" not in markdown and ESCAPE not in markdown
    refused = program(*call, stdin=b"\xff\xfe")
    assert refused.streams == (2, "")
    assert "not utf-8 text" in refused.err
