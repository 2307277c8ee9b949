"""A database with something of everything, and one usual call of every command on it."""

import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression

from .program import Done, Program

DEVICE = """name = "other-gpu"
vendor = "me"
kind = "gpu"
platform = "cuda"
memory_mib = 1024
bandwidth_gb_per_s = 100
[peak_tflops]
fp32 = 10
"""
L4 = "--hardware=nvidia-l4"

CALLS: dict[str, tuple[str, ...]] = {
    "hardware recommend": ("resnet50", "--hardware", "nvidia-l4,nvidia-a10"),
    "hardware list": ("--limit", "3"),
    "hardware show": ("nvidia-l4",),
    "hardware detect": (),
    "hardware probe": ("--seconds", "0.01", "--no-store"),
    "hardware compat": (),
    "hardware history": (),
    "hardware add": ("device.toml",),
    "hardware remove": ("my-gpu", "--yes"),
    "hardware alias": ("cuda", "nvidia-a10"),
    "hardware price set": ("nvidia-a10", "1.5"),
    "hardware price import": ("prices.csv",),
    "perf predict": ("resnet50", L4),
    "perf matrix": ("--models=resnet50", L4),
    "perf sweep": ("resnet50", L4),
    "perf list": (),
    "perf show": ("{pred}",),
    "perf analyze": (),
    "perf errors": (),
    "perf check": ("--max-median-error=9", "--min-samples=1"),
    "perf evaluate": ("rows.csv",),
    "perf report": ("-o", "report.html"),
    "measure import": ("rows.csv",),
    "measure export": ("--format=csv",),
    "measure check": ("{meas}",),
    "measure run": ("resnet50", "--exec", "true {batch_size}", "--dry-run"),
    "measure suggest": ("resnet50", L4),
    "measure record": ("resnet50", L4, "--latency=9"),
    "measure list": (),
    "measure show": ("{meas}",),
    "measure delete": ("{meas}", "--yes"),
    "measure link": ("{meas}", "{pred}"),
    "measure unlink": ("{meas}",),
    "feedback record": ("{rec}", "--accept"),
    "feedback list": (),
    "feedback summary": (),
    "models list": (),
    "models show": ("{model}",),
    "models importance": ("{model}",),
    "models activate": ("{model}",),
    "models trust": ("{model}", "--yes"),
    "models verify": (),
    "models delete": ("{model}", "--yes"),
    "models train": ("--only-sample", "--algorithm=ridge", "--min-rows=20", "--dry-run"),
    "models evaluate": ("roofline",),
    "models compare": ("roofline", "{model}"),
    "models store": ("own.joblib", "--target-metric=latency", "--features=batch_size",
                     "--trust"),
    "models load": ("exported.json",),
    "models export": ("{model}", "-o", "out.bin"),
    "sample generate": ("--into-real",),
    "sample clear": ("--yes",),
    "sample status": (),
    "db path": (),
    "db init": (),
    "db info": (),
    "db check": (),
    "db migrate": (),
    "db backup": ("again.duckdb",),
    "db restore": ("other.duckdb", "--yes"),
    "db compact": (),
    "db sql": ("select 1 as x",),
    "db export": ("out",),
    "db import": ("exported",),
    "db merge": ("other.duckdb",),
    "db push": ("other.duckdb",),
    "db pull": ("other.duckdb",),
    "config show": ("--origin",),
    "config path": (),
    "config set": ("user", "me"),
    "doctor": (),
    "schema": (),
    "completion": ("bash",),
}  # fmt: skip
"""Arguments of one call of each command that ends with 0."""


@dataclass(frozen=True)
class Furnished:
    """A program with rows, and everything needed to put it back after each call."""

    program: Program
    kept: Path
    ids: dict[str, str]
    state: list[object] = field(default_factory=list)
    """Names, sizes and times of the files as they were put back last."""

    def call(self, name: str, *more: str, before: tuple[str, ...] = (), **options: object) -> Done:
        """Return what the usual call of the command `name` does to a fresh copy of the rows."""
        self.put_back()
        filled = [word.format(**self.ids, batch_size="{batch_size}") for word in CALLS[name]]
        return self.program(*before, *name.split(), *filled, *more, **options)

    def copy(self, home: Path) -> "Furnished":
        """Return the same in another folder, which may be changed."""
        self.put_back()
        shutil.copytree(self.program.home, home, dirs_exist_ok=True)
        return Furnished(Program(home), home / "kept", self.ids)

    def put_back(self) -> None:
        """Make the folder and the settings what they were, where a call has changed them."""
        if self.state == [*self._files()]:
            return
        shutil.rmtree(self.program.work)
        shutil.copytree(self.kept, self.program.work)
        shutil.rmtree(self.program.home / "xdg_config_home", ignore_errors=True)
        config = self.program.home / "kept-config"
        shutil.copytree(config, self.program.home / "xdg_config_home")
        self.state[:] = self._files()

    def _files(self) -> Iterator[object]:
        for folder in (self.program.work, self.program.home / "xdg_config_home"):
            for path in sorted(folder.rglob("*")):
                status = path.lstat()
                # a lock file names whoever held it last
                if path.suffix != ".lock" and not path.is_dir():
                    yield path, status.st_size, status.st_mtime_ns


def furnished(home: Path) -> Furnished:
    """Return a program whose database has something of everything."""
    program = Program(home)
    work = program.work
    model = "model,hardware,batch_size,precision,latency\n"
    (work / "rows.csv").write_text(f"{model}resnet50,nvidia-l4,2,fp16,2\n")
    (work / "device.toml").write_text(DEVICE)
    (work / "prices.csv").write_text("name,price_per_h\nnvidia-l4,0.7\n")
    joblib.dump(fitted(), work / "own.joblib")

    def made(*arguments: str) -> str:
        done = program(*arguments)
        assert done.code == 0, (arguments, done.err)
        return done.out.strip()

    (work / "my.toml").write_text(DEVICE.replace("other", "my"))
    made("hardware", "add", "my.toml")
    made("hardware", "alias", "rocm", "amd-mi300x")
    made("hardware", "price", "set", "nvidia-l4", "0.7")
    ids = {
        "pred": made("perf", "predict", "resnet50", L4, "-q"),
        "meas": made("measure", "record", "resnet50", L4, "--latency=2.2", "-q"),
        "rec": made("hardware", "recommend", "resnet50", "--hardware=nvidia-l4", "-q"),
    }
    ids["model"] = made("models", "store", "own.joblib", "--target-metric=latency",
                        "--features=batch_size", "--trust", "-q")  # fmt: skip
    made("feedback", "record", ids["rec"], "--reject", "--comment", "no")
    made("db", "export", "exported")
    made("db", "backup", "other.duckdb")
    made("sample", "generate", "--into-real")
    trained = made("models", "train", "--only-sample", "--algorithm=ridge", "--min-rows=20", "-q")
    made("models", "export", trained, "-o", "exported.json")
    made("models", "delete", trained, "--yes")
    shutil.copytree(work, home / "kept")
    shutil.copytree(home / "xdg_config_home", home / "kept-config")
    return Furnished(program, home / "kept", ids)


def fitted() -> LinearRegression:
    """Return a regressor of one feature."""
    return LinearRegression().fit(np.array([[1.0], [2.0], [4.0]]), [1.0, 2.0, 4.0])


class Hostile:
    """Makes a folder as soon as anybody loads it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return (os.mkdir, (self.path,))


def hostile_pickle(path: Path) -> bytes:
    """Return a pickle that makes the folder `path` when it is loaded."""
    return pickle.dumps(Hostile(path))
