"""Options that several commands share, as dataclasses for `with_options`, and the help epilogue."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from perfpredict.commands import parsing
from perfpredict.commands.filters import FilterOptions, TableOptions
from perfpredict.commands.groups import with_options
from perfpredict.domain.framework_versions import parse_framework_version
from perfpredict.domain.frameworks import parse_framework
from perfpredict.domain.names import clean_name, parse_whole_number
from perfpredict.domain.units import parse_positive
from perfpredict.domain.workload import (
    MAX_BATCH_SIZE,
    MAX_TOKENS,
    Mode,
    Phase,
    Workload,
    parse_memory_format,
)
from perfpredict.errors import ExitCode, InvalidInputError

__all__ = [
    "CODE_TEXTS", "FilterOptions", "LevelOption", "ModelOptions", "TableOptions", "UserOption",
    "WorkloadOptions", "YesOption", "help_epilog", "positive_number", "share",
    "whole_number", "with_options",
]  # fmt: skip

positive_number = parsing.option_parser(parse_positive)
"""For `typer.Option(parser=…)`: a finite number above 0."""
share = parsing.option_parser(parsing.parse_share)
"""For `typer.Option(parser=…)`: a number strictly between 0 and 1."""
whole_number = parsing.option_parser(partial(parse_whole_number, highest=MAX_TOKENS))
"""For `typer.Option(parser=…)`: a whole number of at least 1."""
_batch_size = parsing.option_parser(partial(parse_whole_number, highest=MAX_BATCH_SIZE))

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
LevelOption = Annotated[
    float, typer.Option("--level", metavar="F", parser=share, help="Coverage of the intervals.")
]
UserOption = Annotated[
    str | None, typer.Option("--user", "--user-id", metavar="TEXT", help="Who asks.")
]


def help_epilog(
    examples: Sequence[str], exit_codes: Sequence[int] = (), *, effect: str = ""
) -> str:
    """Return the end of a command's help: examples, and the exit codes beyond the usual ones.

    `effect` says what the command reads and writes, where that is not plain from its first line.
    """
    lines = ["\b", "Example:" if len(examples) == 1 else "Examples:"]
    lines += [line for example in examples for line in _example_lines(example)]
    codes = [ExitCode.DONE, ExitCode.USAGE, *map(ExitCode, exit_codes)]
    texts = [f"{code.value} {CODE_TEXTS[code]}" for code in sorted(set(codes))]
    lines += ["", effect] if effect else []
    lines += ["", "\b", f"Exit codes: {', '.join(texts)}"]
    return "\n".join([*lines, "Options of every command: see 'perfpredict --help'"])


def _example_lines(example: str) -> list[str]:
    """Return a command line that can be copied, continued where 80 columns would cut it."""
    # quoted words stay whole: a continuation within quotes would be part of the word
    words = [word.replace(" ", "\0") for word in _quoted_words(example)]
    parts = textwrap.wrap(
        " ".join(words), width=_EXAMPLE_WIDTH, initial_indent="  ", subsequent_indent="      ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [f"{part} \\".replace("\0", " ") for part in parts[:-1]] + [parts[-1].replace("\0", " ")]


def _quoted_words(text: str) -> list[str]:
    return re.findall(r"""(?:'[^']*'|"[^"]*"|\S)+""", text)


_EXAMPLE_WIDTH = 76

CODE_TEXTS = {
    ExitCode.DONE: "done",
    ExitCode.BUG: "our bug",
    ExitCode.USAGE: "wrong call",
    ExitCode.CANNOT_ANSWER: "cannot answer",
    ExitCode.ANSWER_IS_NO: "the answer is no",
    ExitCode.BUSY: "database busy",
    ExitCode.DATABASE_UNUSABLE: "database unusable",
    ExitCode.UNTRUSTED: "refused for safety",
}
"""What each exit code means, in a few words."""


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The one model that a command is about: positional, or as `--model`."""

    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", show_default=False, help="Name of the model."),
    ] = None
    model_option: Annotated[str | None, typer.Option("--model", hidden=True)] = None

    @property
    def model_name(self) -> str:
        """The name given in one of the two ways; InvalidInputError for none or both."""
        name = self.optional_model_name
        if name is None:
            raise InvalidInputError("model: must be given")
        return name

    @property
    def optional_model_name(self) -> str | None:
        """The name given in one of the two ways, None where it was not."""
        if self.model is not None and self.model_option is not None:
            raise InvalidInputError(
                f"model: given twice, as '{self.model}' and as --model '{self.model_option}'"
            )
        given = self.model if self.model is not None else self.model_option
        return None if given is None else clean_name("model", given)


@dataclass(frozen=True, kw_only=True)
class WorkloadOptions(ModelOptions):
    """What is run; several batch sizes are several workloads."""

    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", metavar="FILE", help="MODEL's operations, from its ONNX file."),
    ] = None
    family: Annotated[
        str | None, typer.Option("--family", metavar="TEXT", help="From the catalog if left out.")
    ] = None
    batch_sizes: Annotated[
        str, typer.Option("--batch-size", "--batch-sizes", metavar="LIST", help="1 or 1,8,32.")
    ] = "1"
    sequence_length: Annotated[
        int | None,
        typer.Option(
            "--seq-length",
            "--sequence-length",
            metavar="INT",
            parser=whole_number,
            help="Tokens per sample; 128 for text if left out.",
        ),
    ] = None
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size", metavar="INT", parser=whole_number, help="Height and width in pixels."
        ),
    ] = None
    input_tokens: Annotated[
        int | None,
        typer.Option(
            "--input-tokens",
            metavar="INT",
            parser=whole_number,
            help="Prompt length, for generation.",
        ),
    ] = None
    output_tokens: Annotated[
        int | None,
        typer.Option(
            "--output-tokens", metavar="INT", parser=whole_number, help="Tokens to generate."
        ),
    ] = None
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="NAME",
            help="fp32, tf32, fp16, bf16, amp-fp16, amp-bf16, fp8, int8 or int4.",
        ),
    ] = "fp32"
    mode: Annotated[
        str,
        typer.Option("--mode", metavar="NAME", help="inference or training."),
    ] = "inference"
    phase: Annotated[
        str | None,
        typer.Option(
            "--phase",
            metavar="NAME",
            help="prefill, decode or generate, for language models.",
        ),
    ] = None
    framework: Annotated[
        str | None,
        typer.Option("--framework", metavar="NAME", help="pytorch, vllm, onnxruntime, …"),
    ] = None
    framework_version: Annotated[
        str | None,
        typer.Option("--framework-version", metavar="TEXT", help="Of the framework, e.g. 2.4.0."),
    ] = None
    is_compiled: Annotated[
        bool, typer.Option("--compile", help="The model is compiled (torch.compile).")
    ] = False
    quantization: Annotated[
        str | None,
        typer.Option("--quantization", metavar="NAME", help="awq, gptq, bnb, q4_k_m, …"),
    ] = None
    memory_format: Annotated[
        str | None,
        typer.Option("--memory-format", metavar="NAME", help="nchw or nhwc (channels_last)."),
    ] = None
    device_count: Annotated[
        int,
        typer.Option(
            "--devices", metavar="INT", parser=whole_number, help="Devices that share one model."
        ),
    ] = 1
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", metavar="INT", parser=_batch_size,
                     help="Batches in flight at once."),
    ] = 1  # fmt: skip

    @property
    def optional_model_name(self) -> str | None:
        """The name given in one of the two ways, else that of the ONNX file, else None."""
        given = super().optional_model_name
        if given is not None or self.onnx is None:
            return given
        return clean_name("model", self.onnx.stem)

    def build_workloads(self) -> tuple[Workload, ...]:
        """Return one workload for each batch size; InvalidInputError names the option at fault."""
        sizes = parsing.parse_batch_sizes("--batch-size", self.batch_sizes)
        return tuple(self._workload(size) for size in sizes)

    def build_workload(self) -> Workload:
        """Return the only workload; InvalidInputError where several batch sizes were given."""
        workloads = self.build_workloads()
        if len(workloads) > 1:
            raise InvalidInputError(f"--batch-size: one is wanted here (got '{self.batch_sizes}')")
        return workloads[0]

    def _workload(self, batch_size: int) -> Workload:
        phase = None
        if self.phase is not None:
            phase = parsing.parse_choice("--phase", self.phase, Phase)
        return Workload(
            model=self.model_name,
            family=_name("--family", self.family),
            batch_size=batch_size,
            sequence_length=self.sequence_length,
            image_size=self.image_size,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            precision=parsing.parse_precision("--precision", self.precision),
            quantization=_name("--quantization", self.quantization),
            mode=parsing.parse_choice("--mode", self.mode, Mode),
            phase=phase,
            framework=_framework("--framework", self.framework),
            framework_version=_version("--framework-version", self.framework_version),
            is_compiled=self.is_compiled,
            memory_format=_memory_format("--memory-format", self.memory_format),
            device_count=self.device_count,
            concurrency=self.concurrency,
        )


def _name(option: str, text: str | None) -> str | None:
    return None if text is None else clean_name(option, text)


def _memory_format(option: str, text: str | None) -> str | None:
    return None if text is None else parse_memory_format(clean_name(option, text))


def _framework(option: str, text: str | None) -> str | None:
    return None if text is None else parse_framework(clean_name(option, text))


def _version(option: str, text: str | None) -> str | None:
    return None if text is None else parse_framework_version(option, text)
