"""Looks at everything that has to work here, and says what does not."""

import getpass
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from perfpredict._version import __version__
from perfpredict.catalog.detect import detect
from perfpredict.errors import NoDatabaseError, PerfpredictError, StoreBusyError, StoreUnusableError
from perfpredict.services.database import DatabaseInfo, Place, info
from perfpredict.store.file_checks import FileState, look_at, resolve_path, wal_path

_LIBRARIES = ("duckdb", "polars", "numpy", "lightgbm", "joblib", "typer", "rich")
_OPTIONAL = ("torch", "onnxruntime", "sklearn")
_UNSAFE_DUCKDB = ("2.0.0", "2.0.1")
"""They lose committed rows when two processes write."""
_LEAST_FREE_BYTES = 100 * 10**6
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}
_ADDRESS = r"\b\d{1,3}(\.\d{1,3}){3}\b|(?<![\w:])[0-9a-f]*(:[0-9a-f]*){3,7}(?![\w:])"
"""Of a machine, as a server's own words name it."""
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was looked at, in a fixed order."""

    checks: tuple[Check, ...]

    def require_healthy(self) -> None:
        """Raise StoreUnusableError where something cannot work as it is."""
        problems = [check.name for check in self.checks if check.status is Status.PROBLEM]
        if problems:
            raise StoreUnusableError(f"not everything works here: {', '.join(problems)}")


def diagnose(place: Place, *, origin: str, now: datetime, is_redacted: bool = False) -> Diagnosis:
    """Return what works here and what does not; `is_redacted` hides home folder and user."""
    checks = [
        _ok("perfpredict", f"{__version__} on Python {platform.python_version()}"),
        _ok("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        *_libraries(),
        _optional_libraries(),
        _devices(),
        _clock(now),
        *_database(place, origin, now),
    ]
    if is_redacted:
        private = _private_patterns(place)
        checks = [
            replace(
                check,
                detail=_redacted(check.detail, private),
                hint=_redacted(check.hint, private),
            )
            for check in checks
        ]
    return Diagnosis(checks=tuple(checks))


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, status=Status.OK, detail=detail)


def _libraries() -> Iterator[Check]:
    for name in _LIBRARIES:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Check(name=name, status=Status.PROBLEM, detail="not installed")
            continue
        if name == "duckdb" and found in _UNSAFE_DUCKDB:
            yield Check(
                name=name, status=Status.WARNING,
                detail=f"{found} may lose rows when other programs write the same file",
                hint="pip install 'duckdb>=1.5.5,<2'",
            )  # fmt: skip
        elif name == "lightgbm":
            yield _lightgbm(found)
        else:
            yield _ok(name, found)


def _lightgbm(found: str) -> Check:
    try:
        importlib.import_module("lightgbm")
    except OSError as exc:
        return Check(
            name="lightgbm", status=Status.PROBLEM, detail=f"{found} does not load: {exc}",
            hint="install libgomp, e.g. with: apt-get install libgomp1",
        )  # fmt: skip
    return _ok("lightgbm", found)


def _optional_libraries() -> Check:
    present = [name for name in _OPTIONAL if importlib.util.find_spec(name) is not None]
    return _ok("extras", ", ".join(present) if present else "none installed")


def _devices() -> Check:
    names = [f"{found.name} x{found.count}" for found in detect()]
    return _ok("devices", ", ".join(names))


def _clock(now: datetime) -> Check:
    text = now.isoformat(timespec="seconds")
    if _EARLIEST < now < _LATEST:
        return _ok("clock", text)
    return Check(
        name="clock", status=Status.WARNING, detail=f"{text} cannot be right",
        hint="set the clock: measurements are linked to predictions by time",
    )  # fmt: skip


def _database(place: Place, origin: str, now: datetime) -> Iterator[Check]:
    if not isinstance(place.path, Path):
        yield _ok("database path", f"{place.path} (from {origin})")
        yield from _contents(place, now)
        return
    try:
        path = resolve_path(place.path)
        state = look_at(path)
    except PerfpredictError as exc:
        yield _failed("database", exc)
        return
    yield _ok("database path", f"{path} (from {origin})")
    yield from _surroundings(path)
    yield from _log(path, state)
    if state is FileState.DATABASE:
        yield from _contents(place, now)
    else:
        yield _ok("database", "not created yet")


def _surroundings(path: Path) -> Iterator[Check]:
    folder = path.parent
    if not folder.is_dir():
        yield _ok("database folder", f"{folder} will be created")
        return
    if not os.access(folder, os.W_OK):
        yield Check(
            name="database folder", status=Status.WARNING,
            detail=f"{folder} is read-only here: reading works, recording does not",
        )  # fmt: skip
    free = shutil.disk_usage(folder).free
    status = Status.OK if free >= _LEAST_FREE_BYTES else Status.WARNING
    yield Check(name="disk space", status=status, detail=f"{free / 10**9:.1f} GB free")
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        yield Check(
            name="file system", status=Status.WARNING,
            detail=f"{kind}: locks between machines may not work",
            hint="let one machine write at a time",
        )  # fmt: skip


def _log(path: Path, state: FileState) -> Iterator[Check]:
    log = wal_path(path)
    if not log.exists():
        return
    if state is FileState.DATABASE:
        yield Check(
            name="database log", status=Status.WARNING,
            detail=f"{log} holds rows that are not yet in the database file",
            hint="do not copy the database without it; any writing command takes it in",
        )  # fmt: skip
    else:
        yield Check(
            name="database log", status=Status.PROBLEM,
            detail=f"{log} lies there without its database",
            hint="put the database file back beside it, or move the log away",
        )  # fmt: skip


def _contents(place: Place, now: datetime) -> Iterator[Check]:
    try:
        found = info(place)
    except StoreBusyError as exc:
        yield Check(name="database", status=Status.WARNING, detail=exc.message)
        return
    except NoDatabaseError:
        yield _ok("database", "not created yet")
        return
    except PerfpredictError as exc:
        yield _failed("database", exc)
        return
    yield _ok(
        "database",
        f"schema version {found.schema_version}, {found.rows} rows, "
        f"{found.size_bytes / 10**6:.1f} MB",
    )
    yield from _suspicious_rows(found, now)


def _suspicious_rows(found: DatabaseInfo, now: datetime) -> Iterator[Check]:
    if found.sample_rows:
        yield Check(
            name="sample rows", status=Status.WARNING,
            detail=f"{found.sample_rows} rows are made up",
            hint="'perfpredict sample clear' deletes them",
        )  # fmt: skip
    newest = found.newest_measured_at
    if newest is not None and newest > now + timedelta(days=1):
        yield Check(
            name="measurement times", status=Status.WARNING,
            detail=f"the newest measurement is of {newest.isoformat()}, in the future",
        )  # fmt: skip


def _failed(name: str, error: PerfpredictError) -> Check:
    return Check(name=name, status=Status.PROBLEM, detail=error.message, hint=error.hint or "")


def _file_system(folder: Path) -> str:
    """Return the type of the file system below `folder`, '' where the system does not tell."""
    table = Path("/proc/mounts")
    if not table.is_file():
        return ""
    best, kind = "", ""
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mount, name, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        if folder.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, name
    return kind


def _redacted(text: str, private: Sequence[str]) -> str:
    for home in _homes():
        text = text.replace(home, "~")
    for pattern in private:
        text = re.sub(pattern, "…", text, flags=re.IGNORECASE)
    return text


def _private_patterns(place: Place) -> list[str]:
    """Return what matches the user, this machine, and what a team store's server is called."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    team = None if isinstance(place.path, Path) else place.path
    words = [user, platform.node(), *(team.names if team else ())]
    # a name within a longer one is hidden too: ann in /data/ann_team, ann.duckdb
    patterns = [rf"(?<![a-z]){re.escape(word)}(?![a-z])" for word in words if word]
    return [*patterns, _ADDRESS] if team else patterns


def _homes() -> list[str]:
    """Return the home folder as it is called and as it really is, the longer one first."""
    try:
        home = Path.home()
    except RuntimeError:
        return []
    return sorted({str(home), str(home.resolve())} - {"/"}, key=len, reverse=True)
