"""Faults at the boundary of the store: one call to DuckDB or the disk raises what is asked."""

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

_CONNECTION_CALLS = ("execute", "sql", "begin", "commit", "register", "unregister", "close")
_DESCRIPTOR_CALLS = ("write", "fsync", "ftruncate", "sendfile")
_PATH_CALLS = ("open", "replace", "rename", "unlink")


class Faults:
    """Counts the calls that reach DuckDB or a file below `folder`; the chosen one raises."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.calls = 0
        self.chosen = 0
        """Number of the call that raises; 0 for none."""
        self.make: Callable[[], BaseException] = RuntimeError
        self.hit: str | None = None
        """Name of the call that raised."""

    def arm(self, chosen: int, make: Callable[[], BaseException]) -> None:
        """Let call number `chosen`, counted from now, raise what `make` returns."""
        self.calls, self.chosen, self.make, self.hit = 0, chosen, make, None

    def plant(self, patch: pytest.MonkeyPatch) -> None:
        """Put the counter in front of every call."""
        patch.setattr(duckdb, "connect", self._counted("connect", duckdb.connect))
        for name in _CONNECTION_CALLS:
            original = getattr(duckdb.DuckDBPyConnection, name)
            patch.setattr(duckdb.DuckDBPyConnection, name, self._method(name, original))
        for name in _DESCRIPTOR_CALLS:
            patch.setattr(os, name, self._counted(f"os.{name}", getattr(os, name)))
        for name in _PATH_CALLS:
            patch.setattr(os, name, self._of_path(f"os.{name}", getattr(os, name)))
        for place in ("io.open", "builtins.open"):
            patch.setattr(place, self._of_path("open", open))

    def _pass(self, name: str) -> None:
        self.calls += 1
        if self.calls == self.chosen:
            self.hit = name
            raise self.make()

    def _counted(self, name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self._pass(name)
            return original(*arguments, **options)

        return call

    def _method(self, name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(connection: object, *arguments: object, **options: object) -> object:
            self._pass(name)
            return original(connection, *arguments, **options)

        return call

    def _of_path(self, name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(path: object, *arguments: object, **options: object) -> object:
            if str(path).startswith(self._folder):
                self._pass(name)
            return original(path, *arguments, **options)

        return call
