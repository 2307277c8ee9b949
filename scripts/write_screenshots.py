"""Writes docs/screenshots: what the main reports look like on a terminal of 100 columns.

`python scripts/write_screenshots.py` runs each command on a terminal and draws what it wrote; the
page of `perf report` needs Chromium.
"""

import contextlib
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).parents[1] / "docs" / "screenshots"
COLUMNS, LINES = 100, 60
L4 = ("--hardware", "nvidia-l4", "--precision", "fp16")

SHOTS: Mapping[str, tuple[str, ...]] = {
    "predict": ("perf", "predict", "resnet50", "--hardware", "nvidia-l4,nvidia-a10",
                "--precision", "fp16", "--batch-size", "1,8,32"),
    "recommend": ("hardware", "recommend", "bert-base-uncased", "--batch-size", "8", "--precision",
                  "fp16", "--hardware", "nvidia-l4,nvidia-a10,nvidia-t4,amd-mi300x",
                  "--max-latency-ms", "12"),
    "explain": ("perf", "predict", "resnet50", *L4, "--batch-size", "8", "--explain"),
    "analyze": ("perf", "analyze", "--by", "device", "--metric", "latency"),
    "plot": ("perf", "analyze", "--metric", "latency", "--plot"),
}  # fmt: skip
"""Name of the picture → the command; they share one database, which `measured` has filled."""


def main() -> None:
    """Write every picture."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = terminal_environment(Path(folder))
        measured(environment)
        for name, command in SHOTS.items():
            shown = on_terminal(command, environment)
            (TARGET / f"{name}.svg").write_text(picture(command, shown), encoding="utf-8")
        page = Path(folder) / "report.html"
        run(("perf", "report", "-o", str(page)), environment)
        photograph(page, TARGET / "report.png")


def terminal_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user who has nothing yet."""
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "PYTHON", "LANG", "LC_"))}
    own = {"HOME": folder, "XDG_CONFIG_HOME": folder, "PERFPREDICT_DB": folder / "shots.duckdb"}
    return kept | {k: str(v) for k, v in own.items()} | {"TERM": "xterm-256color", "TZ": "UTC"}


def measured(environment: Mapping[str, str]) -> None:
    """Predict some workloads on three devices, and record what one might have measured."""
    devices = {"nvidia-l4": 1.08, "nvidia-a10": 0.95, "nvidia-t4": 1.2}
    sizes = (1, 2, 4, 8, 16, 32)
    for model in ("resnet50", "bert-base-uncased"):
        ask = ("perf", "predict", model, "--hardware", ",".join(devices), "--precision", "fp16",
               "--batch-size", ",".join(map(str, sizes)), "--format", "csv")  # fmt: skip
        lines = run(ask, environment).splitlines()
        heading = lines[0].split(",")
        rows = [dict(zip(heading, line.split(","), strict=False)) for line in lines[1:]]
        made = [
            f"{model},{row['hardware']},{row['batch_size']},fp16,"
            f"{float(row['latency_ms']) * devices[row['hardware']] * (1 + 0.04 * (place % 5 - 2))}"
            for place, row in enumerate(rows)
        ]
        table = Path(environment["HOME"]) / f"{model}.csv"
        table.write_text("\n".join(["model,hardware,batch_size,precision,latency_ms", *made]))
        run(("measure", "import", str(table)), environment)


def run(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Return what a command writes into a pipe."""
    words = [sys.executable, "-m", "perfpredict", *command]
    return subprocess.run(
        words, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def on_terminal(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Return what a command writes on a terminal, colours and all."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    words = [sys.executable, "-m", "perfpredict", *command]
    with subprocess.Popen(words, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        written = b""
        # a terminal whose last writer has gone is an error to read on Linux
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65_536):
                written += part
    os.close(ours)
    return written.decode("utf-8").replace("\r\n", "\n")


def picture(command: tuple[str, ...], shown: str) -> str:
    """Return the command and what it wrote as SVG that loads nothing."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ perfpredict {' '.join(command)}\n", style="bold"))
    console.print(Text.from_ansi(shown.rstrip()))
    drawn = console.export_svg(title="perfpredict", theme=MONOKAI, unique_id="shot")
    # the fonts would come from another site
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def photograph(page: Path, target: Path) -> None:
    """Write the top of a page as PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print(f"no Chromium here: {target.name} stays as it is", file=sys.stderr)
        return
    words = ("--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,1400")
    subprocess.run(
        [browser, *words, f"--screenshot={target}", f"file://{page}"],
        check=True, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
