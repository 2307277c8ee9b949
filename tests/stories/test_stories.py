"""Six stories of users, as shell scripts which assert exit codes.

In this process they are quick; with processes of their own, as users run them, they are slow.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from ..documentation.shell import run_script, write_program

FOLDER = Path(__file__).parent
STORIES = sorted(path.stem for path in FOLDER.glob("*.sh") if path.stem != "expect")


def test_there_are_six_stories():
    assert len(STORIES) == 6


@pytest.mark.parametrize("story", STORIES)
def test_a_story_runs_to_its_end(story, tmp_path):
    done = run_script((FOLDER / f"{story}.sh").read_text(), tmp_path, {"STORIES": str(FOLDER)})

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_story_ends_where_a_command_ends_otherwise_than_expected(tmp_path):
    wrong = '. "$STORIES/expect.sh"\nexpect 0 perfpredict perf show pred-0\n'
    done = run_script(wrong, tmp_path, {"STORIES": str(FOLDER)})

    assert done.returncode == 99
    assert "'perfpredict perf show pred-0' ended with 3, not 0" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_a_story_runs_in_processes_of_its_own(story, tmp_path):
    programs, work = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    work.mkdir()
    write_program(
        programs / "perfpredict", f'#!/bin/sh\nexec "{sys.executable}" -m perfpredict "$@"\n'
    )
    write_program(programs / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "TZ": "UTC",
        "LANG": "C.UTF-8", "STORIES": str(FOLDER),
        "PYTHONPATH": str(FOLDER.parent.parent / "src"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["/bin/sh", str(FOLDER / f"{story}.sh")],
        cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
