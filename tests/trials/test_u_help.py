"""U5, U7 and U10: help and its examples, what a start loads, and a cut network."""

import json
import re
import shlex
import shutil
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


COMMAND = re.compile(r"(?:^ *(?:\$ |\w+=\$\()?|&& \.venv/bin/|\| )perfpredict (.*)", re.MULTILINE)
DATA = ROOT / "tests" / "data"
NAMED_FILES = {
    "encoder.onnx": "tiny_encoder.onnx", "detector.onnx": "tiny_cnn.onnx",
    "my-net.onnx": "tiny_cnn.onnx", "latency.json": "presets/vllm/latency.json",
    "serve.json": "presets/vllm/serve.json", "results.json": "presets/llama-bench/results.json",
}  # fmt: skip
"""What the pages call a file → a file of that kind."""
OTHERWISE = {
    "measure run": {0, 3},  # PyTorch may be missing
    "models train": {0, 3}, "--protocol": {3},  # so few rows teach nothing
    "--dim height": {2},  # the small network has no such dimension
    "ducklake:": {0, 2, 3},  # the extension may be missing, and a bucket needs credentials
    "resnet100": {3},  # the tutorial shows what a wrong name gives
}  # fmt: skip
"""What a line holds → the exit codes that it may end with, where 0 would be wrong here."""


def documented() -> list[str]:
    """Return the command lines of README.md and docs; how-tos run in tests of their own."""
    found: dict[str, None] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        found |= dict.fromkeys(_without_shell(line) for line in COMMAND.findall(blocks))
    return list(found)


def _without_shell(line: str) -> str:
    """Return the words of a command before any pipe, redirection or comment of the shell."""
    counted = re.sub(r"\$\(\(.*?\)\)", "2", line)
    return re.split(r" +(?:[|>&#]|\|\|)|\)$", counted)[0]


def documented_words(line: str) -> list[str]:
    """Return the words of a line, the team store being a file; long ones are only planned."""
    words = shlex.split(line.replace("$PERFPREDICT_TEAM", "other.duckdb"))
    name = " ".join(words[:2])
    if name in TEAM:
        return [*words, "other.duckdb"]
    if name in {"measure run", "models train"}:
        return [*words, "--dry-run"]
    return [word for word in words if word != "--run"]


@pytest.fixture(scope="module")
def reader(rows: Furnished) -> Furnished:
    """A reader of the pages who has the files that they name."""
    for name, source in NAMED_FILES.items():
        shutil.copy(DATA / source, rows.kept / name)
    (rows.kept / "results").mkdir()
    text = "model,hardware,batch_size,tps,latency\nresnet50,nvidia-l4,2,500,0.004\n"
    (rows.kept / "results" / "a.csv").write_text(text)
    rows.state.clear()
    rows.put_back()
    exported = rows.program("measure", "export", "-o", str(rows.kept / "measurements.parquet"))
    assert exported.code == 0, exported.err
    rows.state.clear()
    return rows


def test_u05_every_documented_command_runs(reader: Furnished) -> None:
    """command lines of README.md and docs: each is run on files of its kind and ends with 0"""
    lines = documented()
    assert len(lines) > 50
    piped = (DATA / "presets" / "llama-bench" / "results.json").read_bytes()
    for line in lines:
        reader.put_back()
        done = reader.program(*documented_words(line), stdin=piped)
        codes = next((codes for part, codes in OTHERWISE.items() if part in line), {0})
        assert done.code in codes, (line, done.code, done.err)
        for wrong in ("no option named", "no such command", "unexpected extra", "must be given"):
            assert wrong not in done.err, (line, done.err)


def test_u05_the_example_of_the_python_classes_runs(
    rows: Furnished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """the Python block of README.md: it answers, and stores what it answered"""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    rows.put_back()
    for name, value in rows.program.environment({}).items():
        monkeypatch.setenv(name, value)
    before = rows.program.counts()["rows_recommendation_history"]
    exec(compile(example, "README.md", "exec"), {})

    assert "; best of " in capsys.readouterr().out
    assert rows.program.counts()["rows_recommendation_history"] == before + 1


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
