"""What `--version` prints."""

from importlib.metadata import PackageNotFoundError, version

from perfpredict._version import __version__
from perfpredict.commands.context import verbose_asked

_LIBRARIES = ("duckdb", "polars", "numpy", "lightgbm", "typer", "rich")


def version_text() -> str:
    """Return the version line; with `-v` also those of the libraries, read without loading them."""
    lines = [f"perfpredict {__version__}"]
    if verbose_asked():
        lines += [f"{name} {_version_of(name)}" for name in _LIBRARIES]
    return "".join(f"{line}\n" for line in lines)


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
