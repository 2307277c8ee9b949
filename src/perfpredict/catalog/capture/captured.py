"""A model whose operations were counted from the thing itself, and what a workload of it runs."""

from dataclasses import dataclass, replace
from importlib.util import find_spec

from perfpredict.catalog.profiling import WorkloadProfile
from perfpredict.domain.operations import Op, OpProfile
from perfpredict.domain.workload import Workload
from perfpredict.errors import InvalidInputError, MissingExtraError


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedModel:
    """The operations of one model at the one shape that it was captured at."""

    name: str
    source: str
    """Path of the file, or `torch module` and its class."""
    profile: OpProfile
    """Of the whole batch of `batch_size` samples."""
    batch_size: int
    is_batch_fixed: bool = False
    """Whether the file accepts no other batch size."""
    sequence_length: int | None = None
    """Tokens of one sample, None where it reads none."""
    image_size: int | None = None
    """Height and width in pixels, None where it reads no square picture."""
    cautions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.profile.ops:
            raise InvalidInputError(f"'{self.source}' launches no operation")


def profile_captured(model: CapturedModel, workload: Workload) -> WorkloadProfile:
    """Return the one pass of `workload`, its amounts in proportion to the batch size.

    Raises InvalidInputError for a shape other than the captured one, or a phase of generation.
    """
    _check_shape(model, workload)
    one = _scaled(model.profile, workload.batch_size / model.batch_size)
    cautions = list(model.cautions)
    if model.is_batch_fixed and workload.batch_size != model.batch_size:
        cautions.append(
            f"'{model.source}' is fixed to batch_size {model.batch_size}: "
            f"scaled to {workload.batch_size}"
        )
    return WorkloadProfile(
        passes=((1.0, one),),
        parameters=one.parameters,
        peak_activation_elements=one.peak_activation_elements,
        cautions=tuple(cautions),
    )


def check_installed(module: str, extra: str, what: str) -> None:
    """Raise MissingExtraError with the line that installs `extra` where `module` is absent."""
    if find_spec(module) is None:
        raise MissingExtraError(
            f"{what} needs the package '{module}'",
            hint=f"python -m pip install 'perfpredict[{extra}]'",
        )


def sample_shape(shape: tuple[int, ...], *, is_whole: bool) -> tuple[int | None, int | None]:
    """Return the tokens of one sample and its height and width, each None where it has none.

    Whole numbers in two dimensions are tokens, anything square in four is a picture.
    """
    if len(shape) == 2 and is_whole:
        return int(shape[1]), None
    if len(shape) == 4 and shape[2] == shape[3]:
        return None, int(shape[2])
    return None, None


def _check_shape(model: CapturedModel, workload: Workload) -> None:
    if workload.phase is not None or workload.output_tokens is not None:
        raise InvalidInputError(
            f"'{model.source}' was captured as one pass: it has no phases and no output tokens",
            hint="leave out the phase and the output tokens, or give --config FILE instead",
        )
    for field in ("sequence_length", "image_size"):
        asked, captured = getattr(workload, field), getattr(model, field)
        if asked is not None and asked != captured:
            at = "none" if captured is None else captured
            raise InvalidInputError(
                f"{field} {asked} of '{model.source}' is unknown: it was captured at {at}",
                hint="capture it again at the wanted shape",
            )


def _scaled(profile: OpProfile, ratio: float) -> OpProfile:
    """Return `profile` with activations and arithmetic times `ratio`; weights are read once."""
    if ratio == 1.0:
        return profile
    return replace(
        profile,
        ops=tuple(_scaled_op(op, ratio) for op in profile.ops),
        peak_activation_elements=profile.peak_activation_elements * ratio,
    )


def _scaled_op(op: Op, ratio: float) -> Op:
    return replace(
        op,
        flops=op.flops * ratio,
        activation_elements_read=op.activation_elements_read * ratio,
        elements_written=op.elements_written * ratio,
    )
