"""The reference pages of the documentation site, made from the code whenever the site is built.

MkDocs calls `on_files`; `python scripts/site_reference.py FOLDER` writes the same pages as files.
"""

import argparse
import contextlib
import io
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import typer

from perfpredict import errors
from perfpredict.catalog.devices import DeviceCatalog
from perfpredict.commands.options import CODE_TEXTS
from perfpredict.commands.root import COMMANDS, GROUPS, build_app
from perfpredict.domain.device import Device
from perfpredict.domain.precision import Precision
from perfpredict.program import run
from perfpredict.reports.schema import OUTPUTS, schema_of
from perfpredict.store.access import Access
from perfpredict.store.gateway import Store


def reference_pages() -> Mapping[str, str]:
    """Return the Markdown of every page by its path below `docs`."""
    return {
        "reference/commands.md": commands_page(),
        "reference/exit-codes.md": exit_codes_page(),
        "reference/json.md": json_page(),
        "reference/database.md": database_page(),
        "reference/devices.md": devices_page(),
    }


# Any: mkdocs is no dependency of the package, and its classes are not typed here
def on_files(files: Any, config: Any) -> Any:
    """Add the pages to the files of the site: the hook that MkDocs calls."""
    from mkdocs.structure.files import File

    for path, text in reference_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def commands_page() -> str:
    """Return the help of every command."""
    parts = ["# Commands\n", "What `--help` prints, command by command.\n"]
    parts.append(_help_block())
    for group in (*GROUPS, *COMMANDS):
        parts.append(f"## {group}\n")
        for path in _command_paths(group):
            parts += [f"### perfpredict {' '.join(path)}\n", _help_block(*path)]
    return "\n".join(parts)


def _command_paths(group: str) -> Iterator[tuple[str, ...]]:
    root: Any = typer.main.get_command(build_app([group]))
    yield from _below(root.commands[group], (group,))


# Any: Typer's own copy of Click has no public names
def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    children = getattr(command, "commands", None)
    if not children:
        yield path
        return
    for name, child in children.items():
        yield from _below(child, (*path, name))


def _help_block(*path: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run([*path, "--help"])
    if code:
        raise RuntimeError(f"--help of '{' '.join(path)}' ends with {code}")
    return f"```text\n{out.getvalue().strip()}\n```\n"


def exit_codes_page() -> str:
    """Return what each exit code means, and which exceptions of the library carry it."""
    kinds = sorted(_subclasses(errors.PerfpredictError), key=lambda kind: kind.__name__)
    rows = [(str(code.value), CODE_TEXTS[code], _raised_with(code, kinds)) for code in CODE_TEXTS]
    signals = [("130, 143, 141", "Ctrl-C, SIGTERM, closed pipe; nothing is half written", "")]
    classes = [(f"`{k.__name__}`", str(int(k.exit_code)), _first_line(k)) for k in kinds]
    return "\n".join(
        (
            "# Exit codes\n",
            "One table for all commands; each command's `--help` names its own.\n",
            _table(("code", "meaning", "raised in Python as"), rows + signals),
            "\n## Exceptions\n",
            "All are in `perfpredict.errors` and derive from `PerfpredictError`.\n",
            _table(("exception", "code", "meaning"), classes),
        )
    )


def _subclasses(kind: type[errors.PerfpredictError]) -> Iterator[type[errors.PerfpredictError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def _raised_with(code: errors.ExitCode, kinds: Sequence[type[errors.PerfpredictError]]) -> str:
    return ", ".join(f"`{kind.__name__}`" for kind in kinds if kind.exit_code is code)


def _first_line(kind: type[object]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def json_page() -> str:
    """Return the keys of every output that has a schema."""
    parts = [
        "# JSON\n",
        "`--json` of every command. `perfpredict schema NAME` prints the JSON Schema of an output. "
        "Keys may be added; none is renamed or dropped without a new major version. "
        "Times are ISO 8601 in UTC, shares are fractions, what is absent is null.\n",
    ]
    for name in sorted(OUTPUTS):
        kind, row = _kind_and_row(schema_of(name))
        rows = [
            (f"`{key}`", _type_words(found), str(found.get("description", "")))
            for key, found in row["properties"].items()
        ]
        parts += [f"## {name}\n", f"{kind}\n", _table(("key", "type", "meaning"), rows), ""]
    return "\n".join(parts)


# Any: a JSON Schema
def _kind_and_row(schema: Any) -> tuple[str, Any]:
    if schema["type"] == "array":
        return "A list of objects.", schema["items"]
    key, found = next(iter(schema["properties"].items()))
    if found["type"] == "array":
        return f"An object whose `{key}` is a list of objects.", found["items"]
    return "One object.", schema


# Any: a JSON Schema
def _type_words(found: Mapping[str, Any]) -> str:
    kinds = " or ".join(kind for kind in found["type"] if kind != "null")
    return f"{kinds} ({found['format']})" if "format" in found else kinds


def database_page() -> str:
    """Return every table and column of a new database, with what they mean."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.duckdb"
        with Store.open(path, Access.WRITE) as store:
            tables = store.frame(_TABLES).rows()
            columns = store.frame(_COLUMNS).rows()
    meanings = _column_meanings()
    parts = [
        "# Database\n",
        "One DuckDB file. `perfpredict db sql QUERY` asks it; what reads DuckDB can too, while "
        "no command writes. Times are UTC; the unit is part of a name.\n",
    ]
    for table, comment in tables:
        rows = [
            (f"`{name}`", kind.lower(), "may be null" if is_nullable else "",
             meanings.get((table, name), ""))
            for owner, name, kind, is_nullable in columns
            if owner == table
        ]  # fmt: skip
        parts += [f"## {table}\n", f"{comment[:1].upper()}{comment[1:]}.\n" if comment else "",
                  _table(("column", "type", "", "meaning"), rows), ""]  # fmt: skip
    return "\n".join(parts)


_TABLES = "select table_name, comment from duckdb_tables() order by table_name"
_COLUMNS = """
select table_name, column_name, data_type, is_nullable
from duckdb_columns() where not internal order by table_name, column_index
"""


def _column_meanings() -> Mapping[tuple[str, str], str]:
    """Return what the migrations say beside the columns, by table and column."""
    found: dict[tuple[str, str], str] = {}
    folder = resources.files("perfpredict.store.migrations")
    scripts = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    for name in scripts:
        table = ""
        for line in folder.joinpath(name).read_text("utf-8").splitlines():
            if started := re.match(r"create table (\w+)", line):
                table = started[1]
            if noted := re.match(r"\s+(\w+)\s.*--\s*(.+)$", line):
                found[table, noted[1]] = noted[2].strip()
    return found


def devices_page() -> str:
    """Return every device of the catalog with its rates and where they come from."""
    devices = DeviceCatalog().list()
    rows = [_device_row(device) for device in devices]
    headings = ("device", "kind", "platform", "year", "memory GiB", "GB/s", "TFLOP/s fp32",
                "TFLOP/s fp16", "aliases", "source")  # fmt: skip
    return "\n".join(
        (
            "# Devices\n",
            f"The {len(devices)} devices that are built in. Rates are dense peaks of data sheets; "
            "`perfpredict hardware show NAME` has everything, `hardware add` adds your own, "
            "`hardware probe` measures this machine.\n",
            _table(headings, rows),
        )
    )


def _device_row(device: Device) -> tuple[str, ...]:
    peaks = {name: f"{rate / 1e12:.4g}" for name, rate in device.peak_flops_per_s.items()}
    rates = (peaks[Precision.FP32], peaks.get(Precision.FP16, ""))
    return (
        f"`{device.name}`", device.kind.value, device.platform.value, str(device.year or ""),
        f"{device.memory_bytes / 2**30:.4g}", f"{device.bandwidth_bytes_per_s / 1e9:.4g}", *rates,
        ", ".join(device.aliases), device.source,
    )  # fmt: skip


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def main() -> None:
    """Write the pages below a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for path, text in reference_pages().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
