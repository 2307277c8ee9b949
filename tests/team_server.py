"""A PostgreSQL server of the tests' own on loopback, as an unprivileged user, for one session."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

PASSWORD = "s3cret-word"
REQUIRED = "PERFPREDICT_REQUIRE_POSTGRES"
"""Set where a missing server is a failure, and no reason to leave tests out."""


class TeamServer:
    """A running server with one database, which every test gets empty."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self.programs = programs
        self.folder = folder
        self.port = port
        self._made = 0

    def url(self, database: str) -> str:
        return f"postgresql://perf:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Return what the server itself says, without DuckDB in between."""
        return subprocess.run(
            [self.programs / "psql", "-XAtq", "-c", statement, self.url(database)],
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout.strip()  # fmt: skip

    def new_database(self) -> str:
        """Return the URL of one more empty database."""
        self._made += 1
        self.sql(f"create database t{self._made}")
        return self.url(f"t{self._made}")


@pytest.fixture(scope="session")
def team_server() -> Iterator[TeamServer]:
    """Yield a running server; skips, saying why, where there is none to be had."""
    if importlib.util.find_spec("duckdb_extension_postgres_scanner") is None:
        absent("no PostgreSQL extension of DuckDB is installed (the extra 'postgres' has it)")
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="perfpredict-postgres-"))
    as_user = _unprivileged(folder)
    data = folder / "data"
    try:
        password = folder / "password"
        password.write_text(PASSWORD, encoding="ascii")
        password.chmod(0o644)
        _run(
            [*as_user, programs / "initdb", "-D", data, "-U", "perf", "-A", "scram-sha-256",
             "--pwfile", password, "--no-locale", "-E", "UTF8", "--no-sync"]
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # what is not synced is lost when the machine dies, and no test kills that
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [*as_user, programs / "pg_ctl", "-D", data]
        _run([*control, "-w", "-l", folder / "log", "-o", options, "start"])
        try:
            yield TeamServer(programs, folder, port)
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def team(team_server: TeamServer) -> str:
    """Return the URL, password and all, of a database without tables of ours."""
    # databases of their own would be hundreds of files each
    team_server.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    team_server.sql("set client_min_messages = error; drop schema if exists perfpredict cascade")
    return team_server.url("postgres")


def wait_for(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return as soon as `is_so`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "psql")):
            return folder
    absent("no PostgreSQL server is installed (Debian: apt-get install postgresql)")


def _unprivileged(folder: Path) -> list[str]:
    """Return what runs a program as a user who owns `folder`; initdb refuses root."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "postgres", "postgres")
    return ["runuser", "-u", "postgres", "--"]


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail where nothing may be missing."""
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


def _run(command: list[object]) -> None:
    # the server inherits what pg_ctl has open: a pipe would never end
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(part) for part in command], check=False, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, cwd="/", timeout=120,
        )  # fmt: skip
        output.seek(0)
        assert done.returncode == 0, output.read().decode(errors="replace")
