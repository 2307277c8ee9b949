"""Loads an extension of DuckDB that a package brought, or that DuckDB installed; none from afar."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import duckdb

from perfpredict.errors import MissingExtraError


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One extension, and what it is needed for."""

    name: str
    """As DuckDB lists it, and as packages name it."""
    install_name: str
    """What `duckdb.install_extension` takes."""
    extra: str
    """The extra of this package that brings it."""
    purpose: str
    """What needs it, as the beginning of a sentence."""

    @property
    def packaged(self) -> Path | None:
        """The file that the extra brought, None where it has none for this DuckDB."""
        spec = importlib.util.find_spec(f"duckdb_extension_{self.name}")
        if spec is None or not spec.submodule_search_locations:
            return None
        folder = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
        path = folder / f"{self.name}.duckdb_extension"
        return path if path.is_file() else None


POSTGRES = Extension(
    name="postgres_scanner", install_name="postgres", extra="postgres", purpose="a team store needs"
)
DUCKLAKE = Extension(
    name="ducklake", install_name="ducklake", extra="lake", purpose="an export to DuckLake needs"
)
SQLITE = Extension(
    name="sqlite_scanner", install_name="sqlite", extra="lake",
    purpose="a DuckLake catalog in SQLite needs",
)  # fmt: skip
HTTPFS = Extension(
    name="httpfs", install_name="httpfs", extra="lake", purpose="a bucket named s3:// needs"
)


def load_extension(connection: duckdb.DuckDBPyConnection, extension: Extension) -> None:
    """Load `extension`; MissingExtraError where it is not installed for this DuckDB.

    Packaged ones are not signed for this place, so the connection must allow unsigned extensions.
    """
    packaged = extension.packaged
    if packaged is not None:
        literal = str(packaged).replace("'", "''")
        connection.execute(f"load '{literal}'")
        return
    if not _is_installed(connection, extension):
        raise MissingExtraError(
            f"{extension.purpose} the extension '{extension.install_name}' of DuckDB "
            f"{duckdb.__version__}",
            hint=f"pip install 'perfpredict[{extension.extra}]', or let DuckDB fetch it once: "
            f"python -c \"import duckdb; duckdb.install_extension('{extension.install_name}')\"",
        )
    connection.execute(f"load {extension.name}")


def _is_installed(connection: duckdb.DuckDBPyConnection, extension: Extension) -> bool:
    return bool(
        connection.execute(
            "select 1 from duckdb_extensions() where extension_name = $name and installed",
            {"name": extension.name},
        ).fetchall()
    )
