"""Makes a database as the installed perfpredict writes it, with what is in it as JSON.

Run it with the code of a release before the next migration is added; the file is never remade:
`python tests/data/golden/make_golden.py tests/data/golden` writes schema-N.duckdb.gz and .json.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from golden_content import content_of

MODELS = ("bert-base-uncased", "resnet50", "gpt2")
DEVICES = ("nvidia-l4", "nvidia-t4", "intel-xeon-8380")


def run(db: Path, *arguments: str) -> str:
    """Return what a command wrote; an exit code but 0 ends it all."""
    done = subprocess.run(
        [sys.executable, "-m", "perfpredict", *arguments, "--db", str(db)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def fill(db: Path) -> None:
    """Put rows into every table that a command can fill in a few seconds."""
    for model in MODELS:
        run(db, "perf", "predict", model, "--hardware", ",".join(DEVICES), "--batch-size", "1,8")
        for place, device in enumerate(DEVICES):
            latency = 3.1 + 1.7 * place
            run(
                db, "measure", "record", model, "--hardware", device, "--batch-size", "8",
                "--latency", f"{latency}ms", "--throughput", f"{8000 / latency}",
                "--memory", f"{700 + place}MiB", "--note", "golden ñ",
            )  # fmt: skip
    for accepted in ("yes", "no"):
        recommended = run(db, "hardware", "recommend", MODELS[0], "--hardware", "l4,t4", "-q")
        run(db, "feedback", "record", recommended, "--accepted", accepted, "--comment", "fine")
    run(db, "hardware", "alias", "cuda", "nvidia-l4")
    run(db, "hardware", "price", "set", "nvidia-l4", "0.8", "--date", "2026-11-01")
    run(db, "sample", "generate", "--num-models", "2", "--into-real", "--seed", "1")


def main(folder: Path) -> None:
    """Write both files into `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        db = Path(scratch) / "golden.duckdb"
        fill(db)
        data = db.read_bytes()
        connection = duckdb.connect(str(db), read_only=True)
        content = content_of(connection)
        connection.close()
    name = f"schema-{content['schema_version']}"
    (folder / f"{name}.duckdb.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
