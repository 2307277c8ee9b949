"""Bash scripts whose `perfpredict` is this process: nothing is loaded anew for each command."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from ..trials.program import run_here

_CLIENT = r"""#!/bin/bash
# one command at a time: standard output and error of this process are changed meanwhile
exec 9>"{folder}/lock"
flock 9
env -0 > "{folder}/environment"
printf '%s\0' "$PWD" "$@" > "{folder}/request"
read -r code < "{folder}/answer"
cat "{folder}/out"
cat "{folder}/err" >&2
exit "$code"
"""


def run_script(
    text: str, folder: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what a script does, in the folder `work` below `folder`."""
    work, binaries, home = folder / "work", folder / "bin", folder / "home"
    for path in (work, binaries, home):
        path.mkdir()
    for name in ("request", "answer"):
        os.mkfifo(folder / name)
    write_program(binaries / "perfpredict", _CLIENT.replace("{folder}", str(folder)))
    write_program(binaries / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    with (folder / "told").open("w+") as told, (folder / "said").open("w+") as said:
        script = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=work, env=_environment(binaries, home) | dict(variables or {}),
            stdout=told, stderr=said,
        )  # fmt: skip
        threading.Thread(target=_end_requests, args=(script, folder), daemon=True).start()
        while words := (folder / "request").read_bytes().split(b"\0")[:-1]:
            _answer([word.decode() for word in words], folder)
        code = script.wait(timeout=60)
        return subprocess.CompletedProcess(
            text, code, (folder / "told").read_text(), (folder / "said").read_text()
        )


def _end_requests(script: "subprocess.Popen[bytes]", folder: Path) -> None:
    script.wait()
    (folder / "request").write_bytes(b"")


def _answer(words: list[str], folder: Path) -> None:
    pairs = (folder / "environment").read_text().split("\0")[:-1]
    environment = dict(pair.split("=", 1) for pair in pairs)
    done = run_here(words[1:], environment, Path(words[0]))
    (folder / "out").write_text(done.out)
    (folder / "err").write_text(done.err)
    (folder / "answer").write_text(f"{done.code}\n")


def _environment(binaries: Path, home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PERFPREDICT_", "XDG_"))}
    folders = {name: str(home) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    path = f"{binaries}:{os.environ['PATH']}"
    return kept | folders | {"PATH": path, "TZ": "UTC", "OMP_NUM_THREADS": "1"}


def write_program(path: Path, text: str) -> None:
    """Write a script that can be called."""
    path.write_text(text)
    path.chmod(0o755)
