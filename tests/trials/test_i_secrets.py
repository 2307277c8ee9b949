"""I25: passwords of a team store: in no answer, message, report, lock or file but the settings."""

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfpredict.errors import InvalidInputError
from perfpredict.store import lock, postgres_connecting
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store
from perfpredict.store.postgres_url import PostgresUrl

from .conftest import Repeats
from .program import Program
from .usual_calls import CALLS, Furnished

SECRET = "swordfish"
COMMANDS_OF_FEW_WORDS = 9
DOCUMENTED = {0, 2, 3, 4, 5, 6, 7, 8}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the URL of a server that refuses connections: its port is taken by nobody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        yield f"postgresql://ada:{SECRET}@127.0.0.1:{port}/perf?sslpassword={SECRET}"


def holders_of(secret: str, folder: Path) -> list[str]:
    """Return the files below `folder` that hold the secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if secret.encode() in path.read_bytes()]


def test_i25_no_command_tells_the_password_of_its_database(
    rows: Furnished, url: str, repeats: Repeats
) -> None:
    """every command with a team store that cannot be reached, -v --debug: no password anywhere"""
    step = len(CALLS) // repeats(len(CALLS), COMMANDS_OF_FEW_WORDS, of="commands")
    asked_it = 0
    for name in [*CALLS][::step]:
        done = rows.call(name, "-v", "--debug", before=("--db", url))
        assert SECRET not in done.out + done.err, name
        assert done.code in DOCUMENTED, (name, done.err)
        assert holders_of(SECRET, rows.program.home) == [], name
        # without DuckDB's extension for PostgreSQL, that is what is missed
        told = ("postgresql://ada:***@127.0.0.1", "needs the extension 'postgres' of DuckDB")
        asked_it += any(text in done.err for text in told)
    assert asked_it


WRONG_URLS = (
    f"postgresql://ada:{SECRET}/x@h/d", f"postgresql://ada:x/{SECRET}@h/d",
    f"postgresql://ada:{SECRET}#x@h/d", f"postgresql://ada:x#{SECRET}@h/d",
    f"postgresql://ada:{SECRET}?x@h/d", f"postgresql://ada:1?{SECRET}@h/d",
    f"postgresql://ada:x@{SECRET}@h/d", f"postgresql://ada:{SECRET}@x@h/d",
    f"postgresql://ada:{SECRET} x@h/d", f"postgresql://ada:{SECRET}@h", f"postgresql://[{SECRET}/d",
    f"mysql://ada:{SECRET}@h/d", f"postgresql:/ada:{SECRET}@h/d", f"Postgresql://ada:{SECRET}@h/d",
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_URLS)
def test_i25_a_url_that_is_none_is_refused_without_its_words(tmp_path: Path, wrong: str) -> None:
    """URLs with unescaped or misplaced characters: refused, and no part of the password shown"""
    program = Program(tmp_path)
    for words, env in (
        (("db", "info", "--db", wrong), {}),
        (("db", "path"), {"PERFPREDICT_DB": wrong}),
        (("config", "set", "db", wrong), {}),
    ):
        done = program(*words, "--debug", env=env)
        assert SECRET not in done.out + done.err
        assert done.code == 2


GOOD = f"postgresql://ada:{SECRET}@h/d"


@pytest.mark.parametrize(
    "words",
    [
        (GOOD,),
        ("db", GOOD),
        ("db", "info", GOOD),
        ("db", "backup", GOOD),
        ("db", "info", "--nope", GOOD),
        ("db", "info", f"--nope={GOOD}"),
        ("measure", "import", GOOD),
        ("perf", "predict", GOOD, "--hardware", GOOD),
        ("measure", "show", GOOD),
        ("config", "set", GOOD, GOOD),
        ("config", "set", "format", GOOD),
        ("--format", GOOD, "db", "info"),
        ("--lock-timeout", GOOD, "db", "info"),
    ],
    ids=lambda words: " ".join(words).replace(GOOD, "URL"),
)
def test_i25_a_url_at_the_wrong_place_is_not_repeated(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """a URL where a command wants another word: the message hides its password"""
    done = Program(tmp_path)(*words, "--debug")

    assert (done.code in {2, 3}, done.out) == (True, ""), done.err
    assert SECRET not in done.err


def test_i25_the_settings_file_keeps_the_url_for_this_user_alone(tmp_path: Path) -> None:
    """config set db URL: kept whole, readable by its owner alone; config show hides the password"""
    program = Program(tmp_path)
    written = program("config", "set", "db", GOOD, "--json")
    file = Path(written.json()["file"])

    assert (written.code, SECRET in written.out) == (0, False)
    assert file.read_text() == f'db = "{GOOD}"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    own = {"PERFPREDICT_DB": ""}
    shown = program("config", "show", "--origin", "--json", env=own)
    assert SECRET not in shown.out
    assert "postgresql://ada:***@h/d" in shown.out
    assert program("db", "path", env=own).out == "path  postgresql://ada:***@h/d\n"


def test_i25_nobody_who_waits_is_shown_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """the lock file and the name in PostgreSQL's list of sessions: the command without password"""
    for words in (["--db", GOOD, "db", "info"], [f"--db={GOOD}", "db", "info"]):
        monkeypatch.setattr(sys, "argv", ["/bin/perfpredict", *words])
        with Store.open(tmp_path / "x.duckdb", Access.WRITE):
            holder = lock.read_holder(tmp_path / "x.duckdb")
        for told in (holder, postgres_connecting._application_name()):
            assert "perfpredict --db" in told
            assert SECRET not in told


BUG = """
import sys
from perfpredict import program

def broken(arguments):
    raise ValueError(f"no such thing: {arguments}")

program.run = broken
program.run_process()
"""


def test_i25_a_bug_report_can_be_sent(tmp_path: Path) -> None:
    """an unexpected exception that holds the URL: neither message nor saved traceback shows it"""
    program = Program(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", BUG, "db", "info", f"--db={GOOD}"],
        capture_output=True, text=True, check=False, env=program.environment({}), timeout=60,
    )  # fmt: skip
    (report,) = tmp_path.glob("perfpredict-bug-*.txt")

    assert done.returncode == 1
    assert "no such thing" in done.stderr and "no such thing" in report.read_text()
    assert SECRET not in done.stdout + done.stderr + report.read_text()


def test_i25_a_redacted_diagnosis_names_no_server(tmp_path: Path, url: str) -> None:
    """doctor --redact: neither user, host, database nor address of a team store"""
    program = Program(tmp_path)
    whole = program("doctor", "--db", url)
    redacted = program("doctor", "--redact", "--db", url)

    assert whole.code == redacted.code == 6
    for word in ("ada", "127.0.0.1", "/perf?"):
        assert word in whole.out, word
        assert word not in redacted.out, word


def test_i25_what_is_shown_of_a_url_names_no_secret() -> None:
    """as text: user, hosts and parameters, and `***` for each secret"""
    found = PostgresUrl(f"postgresql://a%20b:{SECRET}%40@h:1,[::1]:2/d?password={SECRET}&x=1")

    assert str(found) == "postgresql://a%20b:***@h:1,[::1]:2/d?password=***&x=1"
    assert found.names == ("a%20b", "a b", "h", "[::1]", "d")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        PostgresUrl(f"postgresql://h:{SECRET}/d")
