"""Runs `perfpredict` in a process of its own and says how much memory it took at most."""

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
