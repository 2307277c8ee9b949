"""Operation profiles of vision architectures, one sample each, read from the shipped catalog.

Sizes between two captured ones are derived operation by operation; nothing is extrapolated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from perfpredict.catalog.vision_names import spellings
from perfpredict.catalog.vision_sizes import derive_profile
from perfpredict.domain.operations import Op, OpClass, OpProfile
from perfpredict.errors import InvalidInputError, UnknownModelError

if TYPE_CHECKING:
    import polars as pl

_FOLDER = Path(__file__).parent
_MODELS = _FOLDER / "vision_models.parquet"
_PROFILES = _FOLDER / "vision_profiles.parquet"
_ALIASES = _FOLDER / "vision_aliases.parquet"
TOTAL_STRIDE = 32
"""Most architectures halve the picture five times; between multiples of it nothing is rounded."""
_OP_COLUMNS = (
    "count",
    "flops",
    "activation_elements_read",
    "weight_elements_read",
    "elements_written",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionModel:
    """One vision architecture of the catalog."""

    key: str
    """Canonical name, timm's where timm has the architecture."""
    architecture: str
    """Group of related architectures, e.g. `resnet` or `vision_transformer`."""
    family: str = "vision"
    default_image_size: int
    """Height and width in pixels where a workload names none."""
    image_sizes: tuple[int, ...]
    """Sizes whose operations were captured, ascending; those between are derived."""
    parameters: float
    """Weights at the architecture's own default size (count)."""


def find_vision_model(name: str) -> VisionModel | None:
    """Return the model that `name` or an alias of it stands for, None where there is none.

    A name that carries an image size (`facebook/convnext-base-384`) sets the default size.
    """
    models = _models()
    for spelling in spellings(name):
        key, image_size = _aliases().get(spelling.key, (spelling.key, None))
        image_size = spelling.image_size or image_size
        if key in models:
            model = models[key]
            return replace(model, default_image_size=image_size or model.default_image_size)
    return None


def vision_model_names() -> tuple[str, ...]:
    """Return every canonical name, sorted."""
    return tuple(sorted(_models()))


def near_vision_names(name: str, limit: int = 3) -> tuple[str, ...]:
    """Return up to `limit` canonical names that are spelt like `name`, the nearest first."""
    import difflib

    wanted = [spelling.key for spelling in spellings(name)] or [name.lower()]
    names = vision_model_names()
    found = [near for key in wanted for near in difflib.get_close_matches(key, names, limit)]
    return tuple(dict.fromkeys(found))[:limit]


@cache
def vision_profile(key: str, image_size: int | None = None) -> OpProfile:
    """Return the profile of one sample; `image_size` None is the architecture's default.

    Raises UnknownModelError where the key is not in the catalog, or the size is neither captured
    nor derivable from its neighbours.
    """
    if image_size is None:
        image_size = _model(key).default_image_size
    return vision_profiles([(key, image_size)])[key, image_size]


def vision_profiles(pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], OpProfile]:
    """Return the profile of one sample for many (key, image size), with one read of the catalog."""
    if not pairs:
        return {}
    sources = {(key, size): _sources(_model(key), size) for key, size in pairs}
    needed = {(key, size) for (key, _), sizes in sources.items() for size in sizes}
    captured = _read_profiles(needed)
    profiles: dict[tuple[str, int], OpProfile] = {}
    for (key, image_size), sizes in sources.items():
        known = [(size, captured[key, size]) for size in sizes]
        profiles[key, image_size] = (
            known[0][1] if len(known) == 1 else _derived(key, image_size, known)
        )
    return profiles


def size_caution(model: VisionModel, image_size: int) -> str | None:
    """Return what to tell the user about a size that was derived, None for a captured one."""
    if image_size in model.image_sizes:
        return None
    return f"operations of {model.key} at image_size {image_size} derived from neighbouring sizes"


def catalog_versions() -> dict[str, str]:
    """Return the versions of the libraries whose architectures were captured, by library."""
    import polars as pl

    metadata = pl.read_parquet_metadata(_PROFILES)
    return {name: metadata[name] for name in ("timm", "torch", "torchvision")}


@cache
def _model_rows() -> "pl.DataFrame":
    import polars as pl

    return pl.read_parquet(_MODELS)


@cache
def _models() -> dict[str, VisionModel]:
    import polars as pl

    rows = (
        _model_rows()
        .group_by("key", maintain_order=True)
        .agg(
            pl.col("architecture").first(),
            pl.col("default_image_size").first(),
            pl.col("image_size").sort(),
            pl.col("parameters")
            .filter(pl.col("image_size") == pl.col("default_image_size"))
            .first(),
        )
    )
    return {
        key: VisionModel(
            key=key,
            architecture=architecture,
            default_image_size=default,
            image_sizes=tuple(sizes),
            parameters=float(parameters),
        )
        for key, architecture, default, sizes, parameters in rows.iter_rows()
    }


@cache
def _aliases() -> dict[str, tuple[str, int | None]]:
    import polars as pl

    rows = pl.read_parquet(_ALIASES).select("alias", "key", "image_size").iter_rows()
    return {alias: (key, image_size) for alias, key, image_size in rows}


def _model(key: str) -> VisionModel:
    if key in _models():
        return _models()[key]
    near = near_vision_names(key)
    hint = f"did you mean {', '.join(repr(name) for name in near)}?" if near else None
    raise UnknownModelError(f"no vision model named {key!r}", hint=hint)


def _sources(model: VisionModel, image_size: int) -> tuple[int, ...]:
    """Return the captured size itself, or the two that enclose it."""
    if image_size < 1:
        raise InvalidInputError(f"image_size must be at least 1, got {image_size}")
    if image_size in model.image_sizes:
        return (image_size,)
    whole = [size for size in model.image_sizes if size % TOTAL_STRIDE == 0]
    for candidates in (whole, model.image_sizes):
        below = [size for size in candidates if size < image_size]
        above = [size for size in candidates if size > image_size]
        if below and above:
            return max(below), min(above)
    raise _no_size(model, image_size)


def _derived(key: str, image_size: int, known: Sequence[tuple[int, OpProfile]]) -> OpProfile:
    profile = derive_profile(image_size, *known)
    if profile is None:
        raise _no_size(_model(key), image_size)
    return profile


def _no_size(model: VisionModel, image_size: int) -> UnknownModelError:
    return UnknownModelError(
        f"no operations of {model.key!r} at image_size {image_size}",
        hint=f"image sizes in the catalog: {', '.join(map(str, model.image_sizes))}",
    )


def _read_profiles(pairs: set[tuple[str, int]]) -> dict[tuple[str, int], OpProfile]:
    import polars as pl

    wanted = pl.DataFrame(
        sorted(pairs), schema={"key": pl.String, "image_size": pl.Int32}, orient="row"
    )
    keys = wanted["key"].unique().sort()
    rows = (
        pl.scan_parquet(_PROFILES)
        .filter(
            pl.col("key").is_between(pl.lit(keys[0]), pl.lit(keys[-1])),  # skips row groups
            pl.col("key").is_in(keys.to_list()),
        )
        .join(wanted.lazy(), on=["key", "image_size"], how="semi", maintain_order="left")
        .collect()
    )
    totals = _read_totals(wanted)
    parts = rows.partition_by("key", "image_size", as_dict=True, maintain_order=True)
    return {
        (str(key), int(size)): OpProfile(
            ops=_ops(part),
            parameters=totals[key, size][0],
            peak_activation_elements=totals[key, size][1],
        )
        for (key, size), part in parts.items()
    }


def _read_totals(wanted: "pl.DataFrame") -> dict[tuple[str, int], tuple[float, float]]:
    """Return parameters and peak activation elements by key and image size."""
    rows = (
        _model_rows()
        .join(wanted, on=["key", "image_size"], how="semi")
        .select("key", "image_size", "parameters", "peak_activation_elements")
    )
    return {
        (key, size): (float(parameters), float(peak))
        for key, size, parameters, peak in rows.iter_rows()
    }


def _ops(rows: "pl.DataFrame") -> tuple[Op, ...]:
    return tuple(
        Op(
            op_class=OpClass(op_class),
            count=float(count),
            flops=float(flops),
            activation_elements_read=float(activations),
            weight_elements_read=float(weights),
            elements_written=float(written),
        )
        for op_class, count, flops, activations, weights, written in rows.select(
            "op_class", *_OP_COLUMNS
        ).iter_rows()
    )
