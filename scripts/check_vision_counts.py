"""Compares the vision catalog with the counts that timm publishes beside its benchmarks.

    python scripts/check_vision_counts.py MEASUREMENTS.parquet

Two counts agree within 1 %, or within half of the last published digit. Prints how many of how
many agree for each quantity and rule, and the models that no rule explains.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from perfpredict.catalog.vision import find_vision_model, vision_profiles
from perfpredict.domain.operations import OpClass, OpProfile

CONVOLUTIONS = {one for one in OpClass if one.value.startswith("conv_")}
PRODUCTS = CONVOLUTIONS | {OpClass.LINEAR, OpClass.MATMUL, OpClass.ATTENTION}
HEAD_SIZES = (16, 24, 32, 40, 48, 64, 72, 80, 88, 96, 104, 112, 128)
"""Elements of one attention head in timm's architectures."""
TOLERANCE, HALF_DIGIT = 0.01, 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What timm publishes of one model at one image size, and the catalog's profile of it."""

    model: str
    image_size: int
    parameters_m: float
    gmacs: float | None
    """Multiply-adds of one sample, 10^9."""
    macts: float | None
    """Output elements of convolutions and matrix products, 10^6."""
    profile: OpProfile


def published_counts(path: Path) -> list[Published]:
    """Return every model and image size of timm's published benchmarks."""
    rows = (
        pl.read_parquet(path)
        .filter(pl.col("source") == "timm")
        .group_by("model_name", "image_size")
        .agg(pl.col("params_m", "gmacs_per_sample", "macts_m").median())
        .sort("model_name", "image_size")
        .rows()
    )
    keys = {name: model.key for name, *_ in rows if (model := find_vision_model(name))}
    profiles = vision_profiles([(keys[name], size) for name, size, *_ in rows if name in keys])
    return [
        Published(
            model=name,
            image_size=size,
            parameters_m=parameters,
            gmacs=gmacs,
            macts=macts,
            profile=profiles[keys[name], size],
        )
        for name, size, parameters, gmacs, macts in rows
        if name in keys
    ]


def agrees(found: float, published: float) -> bool:
    """Return whether two counts agree, given that the published one has two decimals."""
    return abs(found - published) <= max(TOLERANCE * published, HALF_DIGIT)


def gmacs_of(profile: OpProfile) -> float:
    """Return the multiply-adds of convolutions, linear layers, products and attention, 10^9."""
    return sum(op.count * op.flops for op in profile.ops if op.op_class in PRODUCTS) / 2e9


def norm_gmacs(profile: OpProfile) -> float:
    """Return two per normalised element, as the published counts have it, weights included."""
    elements = (
        op.count * (op.elements_written or op.weight_elements_read / 2)
        for op in profile.ops
        if op.op_class is OpClass.NORMALISATION
    )
    return 2 * sum(elements) / 1e9


def macts_of(profile: OpProfile) -> float:
    """Return the elements that convolutions, products and attention write, 10^6."""
    written = (o.count * o.elements_written for o in profile.ops if o.op_class in PRODUCTS)
    return sum(written) / 1e6


def score_macts(profile: OpProfile, head_size: int) -> float:
    """Return the attention scores, 10^6, which a fused kernel never writes.

    Its FLOPs are four for each score and element of a head.
    """
    fused = (o.count * o.flops for o in profile.ops if o.op_class is OpClass.ATTENTION)
    return sum(fused) / (4 * head_size) / 1e6


def agrees_in_macts(one: Published) -> bool:
    """Return whether the published activations are ours, or ours and the scores of attention."""
    if one.macts is None:
        return False
    ours = macts_of(one.profile)
    scores = (score_macts(one.profile, size) for size in HEAD_SIZES)
    return any(agrees(ours + extra, one.macts) for extra in (0.0, *scores))


def agreement(counts: Iterable[Published]) -> Iterator[tuple[str, int, int]]:
    """Yield (quantity and rule, how many agree, of how many)."""
    every = list(counts)
    yield "parameters", sum(_has_parameters(one) for one in every), len(every)
    macs = [(one.profile, one.gmacs) for one in every if one.gmacs is not None]
    plain = sum(agrees(gmacs_of(profile), wanted) for profile, wanted in macs)
    yield "multiply-adds", plain, len(macs)
    normed = sum(agrees(gmacs_of(one) + norm_gmacs(one), wanted) for one, wanted in macs)
    yield "multiply-adds, two per normalised element more", normed, len(macs)
    acts = [one for one in every if one.macts is not None]
    plain = sum(agrees(macts_of(one.profile), one.macts or 0.0) for one in acts)
    yield "activations", plain, len(acts)
    yield "activations, with the scores of attention", sum(map(agrees_in_macts, acts)), len(acts)


def _has_parameters(one: Published) -> bool:
    return agrees(one.profile.parameters / 1e6, one.parameters_m)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurements", type=Path)
    counts = published_counts(parser.parse_args().measurements)
    for quantity, agreeing, total in agreement(counts):
        print(f"{quantity}: {agreeing} of {total} ({agreeing / total:.1%})")
    for one in counts:
        if not _has_parameters(one):
            ours = one.profile.parameters / 1e6
            print(f"parameters of {one.model}: {ours:.2f} M, published {one.parameters_m} M")
        if one.macts is not None and not agrees_in_macts(one):
            ours = macts_of(one.profile)
            print(f"activations of {one.model}: {ours:.2f} M, published {one.macts} M")


if __name__ == "__main__":
    main()
