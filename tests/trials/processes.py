"""Real processes for the trials: started in groups of their own, and all ended afterwards."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LONGEST_S = 300
"""No child of a trial lives longer."""

FORKED = """
    import json, os, sys, threading
    # DuckDB has threads from the start, so each child loads it itself
    from perfpredict import program
    from perfpredict.importers import table
    from perfpredict.models import roofline
    from perfpredict.reports import render

    target, commands = sys.argv[1], json.loads(sys.argv[2])

    def forked(words, streams):
        process = os.fork()
        if not process:
            for number, (_, writing) in enumerate(streams, 1):
                os.dup2(writing, number)
            sys.argv = ["perfpredict", *words]
            program.run_process()
        return process

    def ended(process):
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def read(reading, told, place):
        with open(reading, "rb") as stream:
            told[place] = stream.read().decode("utf-8", "backslashreplace")

    def captured(words):
        streams, told = [os.pipe(), os.pipe()], ["", ""]
        process = forked(words, streams)
        readers = []
        for place, (reading, writing) in enumerate(streams):
            os.close(writing)
            readers.append(threading.Thread(target=read, args=(reading, told, place)))
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return [ended(process), *told]

    if target:
        with open(target, "w") as file:
            json.dump([ended(forked(words, [])) for words in commands], file)
    else:
        print(json.dumps([captured(words) for words in commands]))
"""
"""Runs each of the command lines in argv[2], a JSON list, in a process of its own.

Prints their codes and both their streams; with a file in argv[1] they share the streams of this
process, and their codes go to that file.
"""

Child = subprocess.Popen[str]
Done = subprocess.CompletedProcess[str]


class Children:
    """Starts processes in one folder and environment, and knows them all."""

    def __init__(self, work: Path, environment: dict[str, str]) -> None:
        self.work = work
        self.environment = environment
        self._started: list[Child] = []

    def start(
        self,
        command: Iterable[str],
        *,
        env: dict[str, str | None] | None = None,
        **streams: object,
    ) -> Child:
        """Return a running process; `env` changes its environment, None takes a variable away."""
        merged = self.environment | (env or {})
        piped = {name: subprocess.PIPE for name in ("stdout", "stderr")}
        child = subprocess.Popen(
            list(command),
            cwd=self.work,
            env={name: value for name, value in merged.items() if value is not None},
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
            **({"stdin": subprocess.DEVNULL} | piped | streams),
        )
        self._started.append(child)
        return child

    def start_program(
        self, *arguments: object, before: Iterable[object] = (), **options: object
    ) -> Child:
        """Return a running `perfpredict`, below the program `before` if given."""
        own = [sys.executable, "-m", "perfpredict"]
        return self.start([*map(str, before), *own, *map(str, arguments)], **options)

    def start_script(
        self, script: str, *arguments: object, before: Iterable[object] = (), **options: object
    ) -> Child:
        """Return a running Python that executes `script`, below the program `before` if given."""
        own = [sys.executable, "-c", textwrap.dedent(script)]
        command = [*map(str, before), *own, *map(str, arguments)]
        return self.start(command, **options)

    def run(self, *arguments: object, timeout_s: float = LONGEST_S, **options: object) -> Done:
        """Return what `perfpredict` with these arguments said, once it has ended."""
        return finish(self.start_program(*arguments, **options), timeout_s=timeout_s)

    def run_each(
        self, commands: Sequence[Sequence[object]], *, timeout_s: float = LONGEST_S, **options: Any
    ) -> list[Done]:
        """Return what `perfpredict` said to each command line, one after another.

        Each has a process of its own, forked from one that has loaded what is slow to load; that
        one is started as `start_program` would, below `before` and with `env`.
        """
        words = json.dumps([[str(word) for word in command] for command in commands])
        done = finish(self.start_script(FORKED, "", words, **options), timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return [
            subprocess.CompletedProcess(command, *told)
            for command, told in zip(commands, json.loads(done.stdout), strict=True)
        ]

    def end_all(self) -> None:
        """Kill every group that was started, and wait for the processes."""
        for child in self._started:
            kill_group(child)
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


def finish(child: Child, *, text: str | None = None, timeout_s: float = LONGEST_S) -> Done:
    """Return what `child` wrote, once it has read `text` and ended by itself."""
    out, err = child.communicate(text, timeout=timeout_s)
    return subprocess.CompletedProcess(child.args, child.returncode, out or "", err or "")


def finish_all(children: Iterable[Child]) -> list[Done]:
    """Return what all of `children` said; every one must have ended with 0."""
    done = [finish(child) for child in children]
    failed = [one for one in done if one.returncode]
    assert not failed, (failed[0].returncode, failed[0].stderr)
    return done


def kill_group(child: Child) -> None:
    """End `child` and whatever it started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
