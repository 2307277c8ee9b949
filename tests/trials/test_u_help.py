"""U5, U7 and U10: help and its examples, what a start loads, and a cut network."""

import json
import re
import shlex
import socket
import sys
from pathlib import Path

import pytest

from .command_tree import commands
from .conftest import Repeats
from .processes import Children, finish
from .program import Program
from .usual_calls import CALLS, Furnished

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("duckdb", "polars", "numpy", "lightgbm", "sklearn", "scipy", "pydantic", "rich")
EXAMPLE = re.compile(r"^ +perfpredict (.*)$", re.MULTILINE)
LONG = {"hardware probe", "measure run", "perf evaluate", "models evaluate"}
"""Examples that would measure or compute for minutes: they are parsed and not run."""
TEAM = {"db push", "db pull"}
"""What pages show with the address of a server that an earlier line has set."""


def test_u05_every_help_has_an_example_and_its_exit_codes(tmp_path: Path) -> None:
    """--help of every command: an example of itself, exit codes, every option explained"""
    program = Program(tmp_path)
    for command in commands():
        done = program(*command.path, "--help")
        assert done.code == 0 and done.err == ""
        assert re.search(rf"^ +perfpredict {command.name}\b", done.out, re.MULTILINE), command.name
        assert "Exit codes: 0 done, 2 wrong call" in done.out, command.name
        assert f"Usage: perfpredict {command.name}" in done.out


def test_u05_every_example_of_the_help_ends_as_its_help_says(rows: Furnished) -> None:
    """example lines of every --help: they are understood, and end with a code the help names"""
    tried = 0
    for command in commands():
        if command.name in LONG:
            continue
        text = rows.program(*command.path, "--help").out
        codes = set(map(int, re.findall(r"(\d+) [a-z]", text.partition("Exit codes:")[2])))
        for example in EXAMPLE.findall(text.replace("\\\n", " ")):
            rows.put_back()
            words = shlex.split(re.split(r" [|>] ", example)[0])
            done = rows.program(*words, stdin=b"")
            tried += 1
            assert done.code in codes | {0, 2, 3}, (example, done.err)
            for wrong in ("no option named", "no such command", "unexpected extra", "must be given",
                          "Traceback"):  # fmt: skip
                assert wrong not in done.err, (example, done.err)
    assert tried >= len(CALLS) - len(LONG)


def documented() -> list[str]:
    """Return the command lines of README.md and docs; how-tos run in tests of their own."""
    found: dict[str, None] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        lines = re.findall(r"^ *(?:\$ |\w+=\$\()?perfpredict (.*)", blocks, re.MULTILINE)
        found |= dict.fromkeys(_without_shell(line) for line in lines)
    return list(found)


def _without_shell(line: str) -> str:
    """Return the words of a command before any pipe, redirection or comment of the shell."""
    counted = re.sub(r"\$\(\(.*?\)\)", "2", line)
    return re.split(r" +(?:[|>&#]|\|\|)|\)$", counted)[0]


def test_u05_every_documented_command_is_understood(rows: Furnished) -> None:
    """command lines of README.md and docs: no unknown command, option or missing value"""
    lines = documented()
    assert len(lines) > 40
    for line in lines:
        words = shlex.split(line)
        if " ".join(words[:2]) in LONG | TEAM or {"train", "--run"} & set(words):
            continue
        rows.put_back()
        done = rows.program(*words, stdin=b"")
        assert done.code in {0, 2, 3, 4}, (line, done.err)
        for wrong in ("no option named", "no such command", "unexpected extra", "must be given"):
            assert wrong not in done.err, (line, done.err)


LOADED = """
    import json, sys
    from perfpredict.program import run
    for arguments in json.loads(sys.argv[1]):
        code = run(arguments)
        loaded = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
        assert (code, loaded) == (0, []), (arguments, code, loaded)
"""


def test_u07_help_version_and_completion_load_nothing_heavy(children: Children) -> None:
    """--help of every command, --version and completion: no heavy library is loaded"""
    calls = [["--help"], ["--version"], *(["completion", shell] for shell in ("bash", "fish"))]
    calls += [[*command.path, "--help"] for command in commands()]
    calls += [[command.path[0], "--help"] for command in commands() if len(command.path) > 1]

    done = finish(children.start_script(LOADED, json.dumps(calls), json.dumps(HEAVY)))

    assert done.returncode == 0, done.stderr[-2000:]


def test_u10_no_command_opens_a_socket(
    rows: Furnished, monkeypatch: pytest.MonkeyPatch, repeats: Repeats
) -> None:
    """every command with networking cut off"""
    opened: list[object] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if is_on and event in {"socket.__new__", "socket.connect", "socket.getaddrinfo"}:
            opened.append((event, arguments))

    is_on = True
    sys.addaudithook(hook)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("the network is cut off")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    repeats(len(CALLS), of="commands")
    try:
        for name in CALLS:
            done = rows.call(name)
            assert done.code == 0, (name, done.err)
    finally:
        is_on = False
    assert opened == []
