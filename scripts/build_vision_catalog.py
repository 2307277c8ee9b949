"""Rebuild the catalog of vision profiles: run every timm architecture once per image size, on `meta`.

    python scripts/build_vision_catalog.py --sizes pairs.csv     # columns model_name,image_size

Needs torch, torchvision, timm and polars; `perfpredict` itself needs none of the first three.
"""

import argparse
import csv
import fnmatch
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import torch
from launch_recorder import capture

from perfpredict.domain.operations import OpProfile

CATALOG = Path(__file__).parents[1] / "src" / "perfpredict" / "catalog"
GRID = (160, 192, 224, 240, 256, 288, 320, 384, 448, 512)
GRID_LIMIT_OPS = 120
"""The grid is captured for models with at most this many distinct launches; others interpolate."""
SIZE_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError, KeyError)
"""What architectures raise on a size they do not take, or that the meta device cannot follow."""
COMPRESSION_LEVEL = 19
ROW_GROUP_ROWS = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One architecture at one image size."""

    key: str
    architecture: str
    image_size: int
    default_image_size: int
    profile: OpProfile


def main() -> None:
    options = _options()
    _declare_torchvision_operators()
    sizes_by_model = _read_sizes(options.sizes) if options.sizes else {}
    captured = list(_capture_all(options.only, sizes_by_model, with_grid=options.grid))
    _write(captured, options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=Path, help="csv with model_name,image_size to add")
    parser.add_argument("--only", default="*", help="glob of model names")
    parser.add_argument("--grid", action="store_true", help=f"also {GRID} where few operations")
    parser.add_argument("--output", type=Path, default=CATALOG, help="folder for the files")
    return parser.parse_args()


def _declare_torchvision_operators() -> None:
    """Let torchvision import where its compiled part does not fit the installed torch."""
    global _torchvision_library  # noqa: PLW0603 (declarations live as long as this object)
    _torchvision_library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            _torchvision_library.define(
                f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )


def _read_sizes(path: Path) -> dict[str, set[int]]:
    import timm_names

    sizes: dict[str, set[int]] = defaultdict(set)
    aliases = timm_names.deprecated_names()
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            name = row["model_name"]
            sizes[aliases.get(name, name)].add(int(row["image_size"]))
    return dict(sizes)


def _capture_all(
    pattern: str, sizes_by_model: dict[str, set[int]], *, with_grid: bool
) -> Iterator[Captured]:
    import other_architectures
    import timm_names

    started = time.monotonic()
    sources = (*timm_names.architectures(), *other_architectures.architectures())
    for number, source in enumerate(sources):
        if not fnmatch.fnmatch(source.key, pattern):
            continue
        yield from _capture_sizes(source, sizes_by_model.get(source.key, set()), with_grid)
        if number % 50 == 0:
            print(f"{number}/{len(sources)} {time.monotonic() - started:.0f} s", file=sys.stderr)


def _capture_sizes(
    source: "timm_names.Architecture", wanted: set[int], with_grid: bool
) -> Iterator[Captured]:
    """Yield the default size, then the wanted ones, then the grid where it is cheap."""
    first = _capture_one(source, source.default_image_size)
    if first is None:
        return
    yield first
    sizes = set(wanted)
    if with_grid and source.takes_any_size and len(first.profile.ops) <= GRID_LIMIT_OPS:
        sizes |= set(GRID)
    for size in sorted(sizes - {source.default_image_size}):
        other = _capture_one(source, size)
        if other is not None:
            yield other


def _capture_one(source: "timm_names.Architecture", size: int) -> Captured | None:
    """Return the capture, or say on stderr why there is none."""
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = source.build(size)
            profile = capture(module, torch.empty(source.input_shape(size)))
    except SIZE_ERRORS as exc:
        reason = str(exc).partition("\n")[0][:100]
        print(f"no profile of {source.key} at {size}: {reason}", file=sys.stderr)
        return None
    return Captured(
        key=source.key,
        architecture=source.architecture,
        image_size=size,
        default_image_size=source.default_image_size,
        profile=profile,
    )


def _write(captured: Iterable[Captured], folder: Path) -> None:
    """Write both files sorted, so that the same versions give the same bytes."""
    import timm
    import timm_names
    import torchvision

    ordered = sorted(captured, key=lambda c: (c.key, c.image_size))
    versions = {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "torchvision": torchvision.__version__,
    }
    _write_parquet(_model_frame(ordered), folder / "vision_models.parquet", versions)
    _write_parquet(_operation_frame(ordered), folder / "vision_profiles.parquet", versions)
    keys = {c.key for c in ordered}
    _write_parquet(_alias_frame(keys), folder / "vision_aliases.parquet", versions)


def _alias_frame(keys: set[str]) -> pl.DataFrame:
    import timm_names

    rows = [
        (alias, key, size) for alias, (key, size) in timm_names.aliases().items() if key in keys
    ]
    schema = {"alias": pl.String, "key": pl.String, "image_size": pl.Int32}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


def _model_frame(captured: list[Captured]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "key": [c.key for c in captured],
            "architecture": [c.architecture for c in captured],
            "image_size": [c.image_size for c in captured],
            "default_image_size": [c.default_image_size for c in captured],
            "parameters": [int(c.profile.parameters) for c in captured],
            "peak_activation_elements": [
                int(c.profile.peak_activation_elements) for c in captured
            ],
        }
    ).cast({"image_size": pl.Int32, "default_image_size": pl.Int32})


def _operation_frame(captured: list[Captured]) -> pl.DataFrame:
    rows = [
        {"key": c.key, "image_size": c.image_size, **asdict(op), "op_class": op.op_class.value}
        for c in captured
        for op in c.profile.ops
    ]
    whole = ("flops", "activation_elements_read", "weight_elements_read", "elements_written")
    return pl.DataFrame(rows, infer_schema_length=None).cast(
        {"image_size": pl.Int32, "count": pl.Int32} | dict.fromkeys(whole, pl.Int64)
    )


def _write_parquet(frame: pl.DataFrame, path: Path, versions: dict[str, str]) -> None:
    frame.write_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP_ROWS,
        metadata=versions,
    )
    print(f"{path.name}: {frame.height} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
