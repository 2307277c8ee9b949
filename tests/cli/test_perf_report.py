"""`perf report`: the page as a browser opens it, hostile rows in it, and the files it writes."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from perfpredict.domain.measurement import Measurement
from perfpredict.domain.workload import Workload
from perfpredict.program import run as run_here
from perfpredict.services.opening import ROOFLINE, load_engine
from perfpredict.services.predict import stamped
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.ids import IdKind, new_id
from perfpredict.store.measurements import record_measurements
from perfpredict.store.predictions import insert_predictions

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title></style><script>x",
    "</svg><iframe src=//x>", "' onmouseover='x", "&lt;b&gt;", "]]><!--", "a\x1b[31mb",
    "\u202ereversed", "line\nbreak", "`|*_[x](javascript:alert(1))",
)  # fmt: skip
SECTIONS = ["accuracy", "calibration", "pairs", "worst", "time", "roofline", "recommendations"]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: whether a browser takes the page is not tested"
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a database with pairs and a recommendation, every free text of it hostile."""
    path = tmp_path_factory.mktemp("kept") / "x.duckdb"
    now = datetime(2026, 11, 1, tzinfo=UTC)
    engine = load_engine(None, predictor=ROOFLINE)
    workloads = [Workload(model="resnet50", batch_size=n + 1) for n in range(len(HOSTILE))]
    hardware = engine.resolve_devices(["nvidia-l4"])
    found = engine.predict_many([(one, hardware[0]) for one in workloads])
    ready = stamped(found, now=now, make_id=lambda: new_id(IdKind.PREDICTION, now))
    with Store.open(path, Access.WRITE) as store:
        insert_predictions(store, ready, user=None)
        record_measurements(store, [
            Measurement(
                workload=one.workload, device="nvidia-l4", hardware_platform="cuda",
                measured_at=now + timedelta(days=place), latency_ms=one.latency_ms.value * 1.2,
                prediction_id=one.prediction_id,
            )
            for place, one in enumerate(ready)
        ])  # fmt: skip
    call(path, "hardware", "recommend", "resnet50", "--hardware", "nvidia-l4", "-q")
    with duckdb.connect(str(path)) as connection:
        for size, text in enumerate(HOSTILE, 1):
            connection.execute(
                "update performance_measurements set model_name = $text, framework = $text "
                "where batch_size = $size",
                {"text": text, "size": size},
            )
        everything = "\n".join(HOSTILE)
        connection.execute(
            "update recommendation_history set model_name = $text, primary_device = $text",
            {"text": everything},
        )
        connection.execute(
            "insert into feedback_events select 'f', recommendation_id, now(), $text, false, "
            "$text, $text from recommendation_history",
            {"text": everything},
        )
    return path


@pytest.fixture
def db(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return kept


def call(db, *words):
    return run_here([*map(str, words), "--db", str(db)])


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(kept, tmp_path_factory):
    """Return the page of all rows."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert call(kept, "perf", "report", "-o", path) == 0
    return path


def test_hostile_rows_stay_text(page):
    text = page.read_text(encoding="utf-8")
    seen = Seen()
    seen.feed(text)

    assert not seen.tags & {"script", "img", "iframe", "b", "link", "object"}
    assert [name for name, _ in seen.attributes if name.startswith("on")] == []
    links = [value for name, value in seen.attributes if name in {"href", "src", "action"}]
    assert links == [f"#{name}" for name in SECTIONS]
    shown = "".join(seen.text)
    for hostile in HOSTILE:
        visible = hostile.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        assert visible in shown, hostile
    assert not any(mark in text for mark in ("\x1b", "\u202e"))


def test_the_page_allows_nothing_to_load_or_run(page):
    text = page.read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "http" not in text.replace("http-equiv", "")
    assert " style=" not in text


def test_hostile_rows_stay_text_in_markdown(db, capsys):
    assert call(db, "perf", "report", "--format", "markdown") == 0
    text = capsys.readouterr().out

    assert set(re.findall(r"<(\w+)", text)) == {"details", "summary"}
    assert "](javascript" not in text.replace("\\]", "")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 20
    assert "\x1b" not in text and "\u202e" not in text


def test_the_answer_says_what_was_written(db, capsys):
    assert call(db, "perf", "report", "-o", "r.md", "--json") == 0
    out = capsys.readouterr().out
    assert f'"size_bytes": {Path("r.md").stat().st_size}' in out
    assert f'"pairs": {len(HOSTILE)}' in out
    assert Path("r.md").read_text().startswith("## Predictions beside measurements")


def test_a_file_is_overwritten_only_when_asked(db, capsys):
    Path("r.html").write_text("mine")
    assert call(db, "perf", "report", "-o", "r.html") == 2
    assert Path("r.html").read_text() == "mine"
    assert "'r.html' exists already" in capsys.readouterr().err
    assert call(db, "perf", "report", "-o", "r.html", "--force") == 0
    assert Path("r.html").read_text().startswith("<!doctype html>")


def test_a_link_is_replaced_and_not_followed(db):
    Path("mine").write_text("mine")
    Path("r.html").symlink_to("mine")
    assert call(db, "perf", "report", "-o", "r.html") == 2
    assert call(db, "perf", "report", "-o", "r.html", "--force") == 0
    assert Path("mine").read_text() == "mine" and not Path("r.html").is_symlink()


def test_without_a_file_only_markdown_is_written(db, capsys):
    assert call(db, "perf", "report") == 2
    assert "-o: must be given" in capsys.readouterr().err


def test_nothing_to_report_is_said(db, capsys):
    assert call(db, "perf", "report", "-o", "r.html", "--since", "1h") == 0
    text = Path("r.html").read_text()
    assert "No pairs to judge: 0 measurements" in text and "Only since 1h." in text
    assert call(db, "perf", "report", "-o", "s.html", "--since", "2031-01-01") == 3
    assert "nothing to report" in capsys.readouterr().err
    assert not Path("s.html").exists()


def browse(path, *options):
    """Return the document as Chromium leaves it, and the lines of its console."""
    words = (
        "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND", *options, f"file://{path}",
    )  # fmt: skip
    done = subprocess.run(
        [CHROMIUM, *words], check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "HOME": str(path.parent)},
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@needs_chromium
def test_a_browser_opens_the_page_without_complaint(page):
    document, console = browse(page, "--window-size=400,800", "--dump-dom")

    assert console == []
    assert re.findall(r'<section id="(\w+)">', document) == SECTIONS
    # the closing tags that hostile rows hold have closed nothing
    assert document.count("</svg>") == document.count("<svg")


@needs_chromium
def test_a_browser_would_have_complained(page):
    """The page with a script in it: the policy refuses it, and the console says so."""
    text = page.read_text(encoding="utf-8")
    bad = page.with_name("bad.html")
    bad.write_text(text.replace("<main>", '<main><script>document.title = "run"</script>'))
    document, console = browse(bad, "--dump-dom")

    assert len(console) == 1 and "Content Security Policy" in console[0]
    assert "<title>run" not in document
