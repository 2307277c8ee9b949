"""Times a command from its start to its end, with the workload's size written into its words."""

import shlex
import subprocess

from perfpredict.errors import GateFailedError, InvalidInputError
from perfpredict.measuring.memory import children_peak_bytes
from perfpredict.measuring.outcome import Memory
from perfpredict.measuring.prepared import Prepared, timed
from perfpredict.measuring.request import RunRequest

_LAST_LINES = 3


def prepare(request: RunRequest) -> Prepared:
    """Return the command of the request, ready to be started again and again."""
    words = command_words(request)

    def step() -> None:
        _execute(words)

    def read_memory() -> Memory:
        return Memory(baseline_bytes=0.0, peak_bytes=children_peak_bytes())

    return Prepared(run=timed(step), read_memory=read_memory, facts={"command": shlex.join(words)})


def command_words(request: RunRequest) -> list[str]:
    """Return the words of the command with `{batch_size}` and the like replaced."""
    try:
        words = shlex.split(request.target)
    except ValueError as exc:
        raise InvalidInputError(f"--exec: {str(exc).lower()} in '{request.target}'") from exc
    if not words:
        raise InvalidInputError("--exec: the command is empty")
    values: dict[str, str | int | None] = {
        "model": request.model,
        "batch_size": request.shape.batch_size,
        "sequence_length": request.shape.sequence_length,
        "image_size": request.shape.image_size,
        "input_tokens": request.shape.input_tokens,
        "output_tokens": request.shape.output_tokens,
        "precision": request.precision.value,
        "threads": request.threads,
    }
    return [_filled(word, values) for word in words]


def _filled(word: str, values: dict[str, str | int | None]) -> str:
    for name, value in values.items():
        placeholder = "{" + name + "}"
        if placeholder not in word:
            continue
        if value is None:
            raise InvalidInputError(f"--exec: the workload has no value for '{placeholder}'")
        word = word.replace(placeholder, str(value))
    return word


def _execute(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInputError(f"--exec: cannot start '{words[0]}': {reason}") from exc
    if done.returncode == 0:
        return
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_LAST_LINES:]
    if done.returncode < 0:
        ended = f"was ended by signal {-done.returncode}"
        if done.returncode == -9:
            raise MemoryError(f"the command {ended}, as happens where memory runs out")
    else:
        ended = f"failed with exit code {done.returncode}"
    raise GateFailedError(
        f"the command under test {ended}", hint=" / ".join(said) or "it printed nothing"
    )
