"""Commands of `perfpredict hardware` that change which devices there are and what names mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfpredict.catalog.given_files import read_given
from perfpredict.commands import context, parsing
from perfpredict.commands.options import YesOption, help_epilog, positive_number, with_options
from perfpredict.domain.names import clean_name
from perfpredict.domain.units import parse_bytes
from perfpredict.errors import InvalidInputError

if TYPE_CHECKING:
    from perfpredict.domain.device import Device

_STDIN = "-"
_LARGEST_FILE_BYTES = 2**20
_memory = parsing.option_parser(parse_bytes)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group `app`."""
    app.command(epilog=_ADD)(add)
    app.command(epilog=_REMOVE)(remove)
    app.command(epilog=_ALIAS)(alias)


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """A device in so many options, for want of a file."""

    name: Annotated[str | None, typer.Option("--name", metavar="NAME")] = None
    vendor: Annotated[str, typer.Option("--vendor", metavar="NAME")] = "other"
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="gpu, cpu, soc or accelerator.")
    ] = "gpu"
    platform: Annotated[
        str | None, typer.Option("--platform", metavar="NAME", help="cuda, rocm, mps, cpu, …")
    ] = None
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="SIZE", parser=_memory, help="24GiB; bare is MiB."),
    ] = None
    bandwidth_gb_s: Annotated[
        float | None,
        typer.Option("--bandwidth-gb-s", metavar="F", parser=positive_number, help="10^9 bytes/s."),
    ] = None
    tflops_fp32: Annotated[
        float | None,
        typer.Option(
            "--tflops-fp32",
            metavar="F",
            parser=positive_number,
            help="Dense peak, 10^12 FLOP/s; needed.",
        ),
    ] = None
    tflops_tf32: Annotated[
        float | None, typer.Option("--tflops-tf32", metavar="F", parser=positive_number)
    ] = None
    tflops_fp16: Annotated[
        float | None, typer.Option("--tflops-fp16", metavar="F", parser=positive_number)
    ] = None
    tflops_bf16: Annotated[
        float | None, typer.Option("--tflops-bf16", metavar="F", parser=positive_number)
    ] = None
    tflops_fp8: Annotated[
        float | None, typer.Option("--tflops-fp8", metavar="F", parser=positive_number)
    ] = None
    tflops_int8: Annotated[
        float | None, typer.Option("--tflops-int8", metavar="F", parser=positive_number)
    ] = None
    tflops_int4: Annotated[
        float | None, typer.Option("--tflops-int4", metavar="F", parser=positive_number)
    ] = None
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", metavar="NAME", help="Another name; may be repeated."),
    ] = None
    source: Annotated[
        str, typer.Option("--source", metavar="TEXT", help="Where the figures come from.")
    ] = ""  # fmt: skip

    @property
    def is_given(self) -> bool:
        return self.name is not None

    def build_device(self) -> "Device":
        """Return the device; InvalidInputError names the option that is missing."""
        from perfpredict.domain.device import Device, DeviceKind, Origin, Platform
        from perfpredict.domain.precision import Precision

        rates = {p: getattr(self, f"tflops_{p.value}", None) for p in Precision}
        return Device(
            name=clean_name("--name", self.name or ""),
            vendor=clean_name("--vendor", self.vendor),
            kind=parsing.parse_choice("--kind", self.kind, DeviceKind),
            platform=parsing.parse_choice("--platform", self._needed("platform"), Platform),
            memory_bytes=round(float(self._needed("memory"))),
            bandwidth_bytes_per_s=float(self._needed("bandwidth_gb_s")) * 1e9,
            peak_flops_per_s={p: rate * 1e12 for p, rate in rates.items() if rate is not None}
            if self._needed("tflops_fp32")
            else {},
            aliases=parsing.split_names("--alias", self.alias) if self.alias else (),
            source=self.source,
            origin=Origin.USER,
        )

    def _needed(self, field: str) -> str:
        value = getattr(self, field)
        if value is None:
            raise InvalidInputError(f"--{field.replace('_', '-')}: must be given with --name")
        return str(value)


_ADD = help_epilog(
    [
        "perfpredict hardware add my-gpu.toml",
        "perfpredict hardware add --name my-gpu --platform cuda --memory 24GiB"
        " --bandwidth-gb-s 600 --tflops-fp32 30 --tflops-fp16 120",
    ]
)


@with_options
def add(
    device: DeviceOptions,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A device as TOML; - reads standard input."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Override a device of this name.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and store nothing.")] = False,
) -> None:
    """Add a device of your own.

    With --replace it may override one of the catalog.
    """
    from perfpredict.reports import hardware as report
    from perfpredict.services import hardware as service
    from perfpredict.store.gateway import Access

    if (file is not None) == device.is_given:
        raise InvalidInputError("give either a file or --name and its figures")
    source = device.build_device() if file is None else _read(file)
    checked = service.checked_user_device(source, "--name" if file is None else file)
    with context.open_store_if_exists() as known:
        has_replaced = service.check_addable(known, checked, may_replace=replace)
    if not dry_run:
        with context.open_store(Access.WRITE) as store:
            service.add_device(store, checked, may_replace=replace, now=context.now())
    action = "replaced" if has_replaced else "added"
    context.emit(report.changed(checked.name, action, is_dry_run=dry_run), ids=[checked.name])


def _read(file: str) -> str:
    if file == _STDIN:
        return context.read_stdin()
    data = read_given(Path(file), most_bytes=_LARGEST_FILE_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInputError(f"{file}: not UTF-8 text") from exc


_REMOVE = help_epilog(["perfpredict hardware remove my-gpu --yes"], [3])


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of your own.")],
    yes: YesOption = False,
) -> None:
    """Remove a device of your own; the catalog's stay."""
    from perfpredict.reports import hardware as report
    from perfpredict.services import hardware as service
    from perfpredict.store.gateway import Access

    with context.open_store(Access.READ) as store:
        service.check_removable(store, name)
    context.confirm(f"remove the device '{name}'", yes=yes)
    with context.open_store(Access.WRITE, create=False) as store:
        service.remove_device(store, name)
    context.emit(report.changed(name, "removed"), ids=[name])


_ALIAS = help_epilog(
    [
        "perfpredict hardware alias",
        "perfpredict hardware alias cuda nvidia-l4",
        "perfpredict hardware alias cuda --remove",
    ],
    [3],
)


def alias(
    platform: Annotated[
        str | None, typer.Argument(metavar="PLATFORM", help="cuda, rocm, mps, cpu, …")
    ] = None,
    device: Annotated[
        str | None, typer.Argument(metavar="DEVICE", help="What it is to stand for.")
    ] = None,
    remove_it: Annotated[
        bool, typer.Option("--remove", help="Let PLATFORM stand for what it did before.")
    ] = False,
) -> None:
    """Show or set the device that a platform name stands for."""
    from perfpredict.reports import hardware as report
    from perfpredict.services import hardware as service
    from perfpredict.store.gateway import Access

    if platform is None:
        if remove_it:
            raise InvalidInputError("platform: must be given with --remove")
        with context.open_store_if_exists() as store:
            context.emit(report.aliases(service.list_platforms(store)))
        return
    if remove_it == (device is not None):
        raise InvalidInputError("give either DEVICE or --remove")
    with context.open_store_if_exists() as known:
        chosen = None if device is None else service.resolve_alias(known, platform, device)
    with context.open_store(Access.WRITE, create=chosen is not None) as store:
        if chosen is None:
            service.remove_alias(store, platform)
        else:
            service.set_alias(store, chosen, now=context.now())
        shown = service.list_platforms(store)
    context.emit(report.aliases([one for one in shown if one.requested == platform.casefold()]))
