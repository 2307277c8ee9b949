"""Six stories of users, as shell scripts against the real program, which assert exit codes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
STORIES = sorted(path.stem for path in FOLDER.glob("*.sh") if path.stem != "expect")


def test_there_are_six_stories():
    assert len(STORIES) == 6


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="two stories read JSON with jq")
@pytest.mark.parametrize("story", STORIES)
def test_a_story_runs_to_its_end(story, tmp_path):
    program = tmp_path / "bin" / "perfpredict"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m perfpredict "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        "PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "TZ": "UTC",
        "LANG": "C.UTF-8", "STORIES": str(FOLDER), "PYTHON": sys.executable,
        "PYTHONPATH": str(FOLDER.parent.parent / "src"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["/bin/sh", str(FOLDER / f"{story}.sh")],
        cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
