"""Runs `perfpredict` in a process of its own and says how much memory it took at most."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .processes import LONGEST_S, Children

_SCRIPT = """
    import sys
    from perfpredict.program import run
    code = run(sys.argv[1:])
    # ru_maxrss would begin at the size of the process that started this one
    status = open("/proc/self/status").read()
    print(status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
    sys.exit(code)
"""
_SCRIPT_OF_MANY = """
    import contextlib, io, json, sys
    from perfpredict.program import run

    for arguments in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        kib = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
        told = {"code": code, "out": out.getvalue(), "err": err.getvalue(), "mib": kib / 2**10}
        print(json.dumps(told), flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """What one command line left, and its greatest resident memory."""

    code: int
    out: str
    err: str
    mib: float


def run_measured(children: Children, *arguments: object, timeout_s: float = LONGEST_S) -> Peak:
    """Return what `perfpredict` with these arguments said, and its peak memory in MiB."""
    child = children.start_script(_SCRIPT, *arguments)
    out, err = child.communicate(timeout=timeout_s)
    told, _, kib = err.rstrip().rpartition("\n")
    assert kib.isdigit(), err
    return Peak(code=child.returncode, out=out, err=f"{told}\n", mib=int(kib) / 2**10)


def run_each_measured(
    children: Children, calls: Iterable[Sequence[object]], *, timeout_s: float = LONGEST_S
) -> list[Peak]:
    """Return what each of `calls` did, one after another in one process; peaks never shrink."""
    words = [[str(word) for word in call] for call in calls]
    child = children.start_script(_SCRIPT_OF_MANY, json.dumps(words))
    out, err = child.communicate(timeout=timeout_s)
    assert child.returncode == 0, err
    return [Peak(**json.loads(line)) for line in out.splitlines()]
