"""Rebuild the vision catalog: run every timm architecture once per image size, on `meta`.

    python scripts/build_vision_catalog.py --sizes pairs.csv     # columns model_name,image_size

Needs torch, torchvision, timm and polars; `perfpredict` itself needs none of the first three.
"""

import argparse
import csv
import fnmatch
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import torch

from perfpredict.catalog.capture.torch_recorder import record_pass
from perfpredict.domain.operations import OpProfile

if TYPE_CHECKING:
    from timm_names import Architecture

CATALOG = Path(__file__).parents[1] / "src" / "perfpredict" / "catalog"
HIGHEST = 512
"""Captured for every model that takes any size, so that the sizes up to it can be derived."""
COMMON = (160, 256, 320, 384, 512)
"""Captured for the models that people name most."""
COMMON_MODELS = re.compile(
    r"resnet(18|34|50|101|152)|vgg1[69]|mobilenetv[23].*_100|efficientnet_b[0-4]"
    r"|convnext_(tiny|small|base|large)|densenet121|regnety_0\d\d"
    r"|(vit|deit)_(tiny|small|base|large)_patch16_224|swin_(tiny|small|base)_patch4_window7_224"
)
SIZE_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError, KeyError)
"""What architectures raise on a size they do not take, or that the meta device cannot follow."""
MODELS_FILE = "vision_models.parquet"
PROFILES_FILE = "vision_profiles.parquet"
ALIASES_FILE = "vision_aliases.parquet"
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
    captured = list(_capture_all(options.only, sizes_by_model))
    _write(captured, options.output, keeps_others=options.only != ["*"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=Path, help="csv with model_name,image_size to add")
    parser.add_argument("--only", nargs="+", default=["*"], help="globs of models; others stay")
    parser.add_argument("--output", type=Path, default=CATALOG, help="folder for the files")
    return parser.parse_args()


def _declare_torchvision_operators() -> None:
    """Let torchvision import where its compiled part does not fit the installed torch."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declarations.append(library)
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_declarations: list[object] = []
"""Keeps the declared operators: they live as long as the library object."""


def _read_sizes(path: Path) -> dict[str, set[int]]:
    import timm_names

    sizes: dict[str, set[int]] = defaultdict(set)
    aliases = timm_names.deprecated_names()
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            name = row["model_name"]
            sizes[aliases.get(name, name)].add(int(row["image_size"]))
    return dict(sizes)


def _capture_all(patterns: list[str], sizes_by_model: dict[str, set[int]]) -> Iterator[Captured]:
    import other_architectures
    import timm_names
    import torchvision_networks

    started = time.monotonic()
    sources = (
        *timm_names.architectures(),
        *other_architectures.architectures(),
        *torchvision_networks.architectures(),
    )
    for number, source in enumerate(sources):
        if not any(fnmatch.fnmatchcase(source.key, pattern) for pattern in patterns):
            continue
        captured = list(_capture_sizes(source, sizes_by_model.get(source.key, set())))
        if any(c.image_size == c.default_image_size for c in captured):
            yield from captured
        if number % 50 == 0:
            print(f"{number}/{len(sources)} {time.monotonic() - started:.0f} s", file=sys.stderr)


def _capture_sizes(source: "Architecture", wanted: set[int]) -> Iterator[Captured]:
    """Yield the default size, the wanted ones and those that allow deriving others."""
    sizes = wanted | {source.default_image_size}
    if COMMON_MODELS.fullmatch(source.key):
        sizes |= set(COMMON)
    elif source.takes_any_size and not source.depends_on_size:
        sizes.add(HIGHEST)
    module = None
    for size in sorted(sizes):
        try:
            if module is None or source.depends_on_size:
                module = _built(source, size)
            profile = _profile(module, source.input_shape(size))
        except SIZE_ERRORS as exc:
            module = None
            reason = str(exc).partition("\n")[0][:100]
            print(f"no profile of {source.key} at {size}: {reason}", file=sys.stderr)
            continue
        yield Captured(
            key=source.key,
            architecture=source.architecture,
            image_size=size,
            default_image_size=source.default_image_size,
            profile=profile,
        )


def _built(source: "Architecture", size: int) -> torch.nn.Module:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return source.build(size)


def _profile(module: torch.nn.Module, shape: tuple[int, ...]) -> OpProfile:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return record_pass(module, torch.empty(shape)).profile


def _write(captured: list[Captured], folder: Path, *, keeps_others: bool) -> None:
    """Write the files sorted, so that the same versions give the same bytes."""
    import timm
    import torchvision  # type: ignore[import-not-found]

    versions = {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "torchvision": torchvision.__version__,
    }
    models, operations = _model_frame(captured), _operation_frame(captured)
    if keeps_others:
        models = _with_others(models, folder / MODELS_FILE)
        operations = _with_others(operations, folder / PROFILES_FILE)
    by = ["key", "image_size"]
    _write_parquet(models.sort(by), folder / MODELS_FILE, versions)
    _write_parquet(operations.sort(by, maintain_order=True), folder / PROFILES_FILE, versions)
    _write_parquet(_alias_frame(set(models["key"])), folder / ALIASES_FILE, versions)


def _with_others(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Return `frame` and what the file at `path` has of other models."""
    if not path.exists():
        return frame
    others = pl.read_parquet(path).join(frame, on="key", how="anti", maintain_order="left")
    return pl.concat([frame, others])


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
            "peak_activation_elements": [int(c.profile.peak_activation_elements) for c in captured],
        }
    ).cast({"image_size": pl.Int32, "default_image_size": pl.Int32})


def _operation_frame(captured: list[Captured]) -> pl.DataFrame:
    rows = [
        {"key": c.key, "image_size": c.image_size, **asdict(op), "op_class": op.op_class.value}
        for c in captured
        for op in c.profile.ops
    ]
    whole = ("flops", "activation_elements_read", "weight_elements_read", "elements_written")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.with_columns(
        pl.col("image_size", "count").cast(pl.Int32), pl.col(*whole).cast(pl.Int64)
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
