"""The two outputs of llama-bench that are neither JSON nor CSV: SQL, and the Markdown people paste.

Both become records under the names of its JSON.
"""

import re
from collections.abc import Iterator

from perfpredict.importers.presets.foreign import ForeignFile, Record

_INSERT = re.compile(
    r"INSERT INTO (?:llama_bench|test)\s*\((?P<names>[^)]*)\)\s*VALUES\s*\((?P<values>.*)\)\s*;",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^',]+))\s*(?:,|$)")
_HEADER = re.compile(r"^\s*\|\s*model\s*\|.*\|\s*test\s*\|\s*t/s\s*\|\s*$", re.MULTILINE)
_RULE = re.compile(r"^[\s|:-]+$")
_TEST = re.compile(r"(?:pp(\d+))?\+?(?:tg(\d+))?(?: @ d(\d+))?")
_DEVICE = re.compile(r"^\s*Device \d+: (?P<name>[^,]+), compute capability")
_BUILD = re.compile(r"^build: (?P<commit>[0-9a-f]+) \((?P<number>\d+)\)")
_LOOKED_AT = 200_000
"""Characters in which a file must show what it is."""
_OURS = {"model": "model_type", "backend": "backends", "ngl": "n_gpu_layers", "fa": "flash_attn",
         "threads": "n_threads", "sm": "split_mode"}  # fmt: skip
"""Column of the table to name in the JSON."""


def is_sql(file: ForeignFile) -> bool:
    """Return whether the text inserts rows of llama-bench."""
    return _INSERT.search(file.text[:_LOOKED_AT]) is not None


def is_markdown(file: ForeignFile) -> bool:
    """Return whether the text holds a table of llama-bench."""
    return _HEADER.search(file.text[:_LOOKED_AT]) is not None


def sql_records(file: ForeignFile) -> Iterator[Record]:
    """Yield one record an INSERT."""
    for found in _INSERT.finditer(file.text):
        line = file.text.count("\n", 0, found.start()) + 1
        names = [name.strip().strip('"`') for name in found["names"].split(",")]
        values = [
            quoted.replace("''", "'") if quoted else bare.strip()
            for quoted, bare in _VALUE.findall(found["values"])
        ]
        told = None
        if len(names) != len(values):
            told = f"{len(values)} values where {len(names)} columns are named"
        yield Record(line=line, values=dict(zip(names, values, strict=False)), problem=told)


def markdown_records(file: ForeignFile) -> Iterator[Record]:
    """Yield one record a line of a table; the devices that the program lists come before it.

    A build is named after the table, if at all, and holds for the whole text.
    """
    lines = file.text.split("\n")
    builds = [found for line in lines if (found := _BUILD.match(line.strip()))]
    build = {"build_number": builds[0]["number"]} if len(builds) == 1 else {}
    devices: list[str] = []
    names: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        if (found := _DEVICE.match(line)) is not None:
            devices = [found["name"], *devices] if names is None else [found["name"]]
        if not line.strip().startswith("|"):
            names = None if names and line.strip() else names
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if _HEADER.match(line):
            names = cells
        elif names is not None and not _RULE.match(line):
            yield _record(number, names, cells, {"gpu_info": ", ".join(devices), **build})


def _record(line: int, names: list[str], cells: list[str], known: dict[str, str]) -> Record:
    if len(names) != len(cells):
        told = f"{len(cells)} cells where the header has {len(names)}"
        return Record(line=line, values={}, problem=told)
    row = dict(zip(names, cells, strict=True))
    test = _TEST.fullmatch(row["test"])
    if test is None or not row["test"]:
        return Record(
            line=line, values={}, problem=f"test: not pp, tg or both (got '{row['test']}')"
        )
    values = {_OURS.get(name, name): cell for name, cell in row.items()}
    values |= dict(zip(("n_prompt", "n_gen", "n_depth"), test.groups(default="0"), strict=True))
    values["avg_ts"] = row["t/s"].partition("±")[0].strip()
    return Record(line=line, values=known | values)
