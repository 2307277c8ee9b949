"""The documentation is true: its commands run, its links lead somewhere, its site builds."""

import re
import subprocess
import sys

import pytest

from .pages import DOCS, ROOT, RUN_PAGES, blocks, script
from .shell import run_script

PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def runs(page, folder):
    done = run_script(script(DOCS / page), folder)
    assert done.returncode == 0, (page, done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    return done


def test_the_tutorial_runs(tmp_path):
    done = runs("tutorial.md", tmp_path)

    # the failing line of the tutorial, and nothing else
    assert done.stderr.count("error: ") == 1


@pytest.mark.parametrize("page", [page for page in RUN_PAGES if page != "tutorial.md"])
def test_a_how_to_runs(page, tmp_path):
    runs(page, tmp_path)


def test_a_block_that_does_not_hold_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    page.write_text("```sh\ntrue\n```\n\n<!-- exits with 4 -->\n```sh\nfalse\n```\n")
    done = run_script(script(page), tmp_path / "first")
    assert (done.returncode, done.stderr) == (99, "line 6: ended with 1\n")

    page.write_text("```sh\nfalse\n```\n")
    assert run_script(script(page), tmp_path / "second").returncode == 1


@pytest.mark.parametrize("page", PAGES)
def test_every_shell_block_is_told_from_output(page):
    """Blocks with commands are `sh`; a note above a block is one that the tests know."""
    for block in blocks(DOCS / page):
        if re.search(r"^(\$ )?perfpredict ", block.text, re.M) and page in RUN_PAGES:
            assert block.language == "sh", (page, block.line)
        if block.note and block.language == "sh":
            assert re.fullmatch(r"exits with \d+|not run: .+", block.note), (page, block.line)


def test_every_how_to_is_in_the_site():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert [page for page in PAGES if f" {page}\n" not in site] == []


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'perfpredict[docs]'")
    pytest.importorskip("material", reason="no mkdocs-material: pip install 'perfpredict[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    text = (tmp_path / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "perfpredict hardware recommend" in text
    # the font and the scripts are the site's own
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(https?://(?!squidfunk|www.mkdocs)[^"]+)"', index) == []
