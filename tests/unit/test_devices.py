"""The device catalog: every shipped file, the strict reader, names and what they resolve to."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfpredict.catalog import devices as catalog
from perfpredict.catalog.devices import (
    DeviceCatalog,
    device_to_toml,
    load_builtin,
    normalise_name,
    parse_device,
    references,
)
from perfpredict.domain.device import Device, DeviceKind, Origin, Platform, Price
from perfpredict.domain.precision import Precision
from perfpredict.errors import ExitCode, InvalidInputError, UnknownDeviceError

FILES = sorted((Path(catalog.__file__).parent / "device_files").glob("*.toml"))
MINIMAL = """
name = "my-card"
vendor = "me"
kind = "gpu"
platform = "cuda"
memory_mib = 1024
bandwidth_gb_per_s = 100
[peak_tflops]
fp32 = 10.5
"""


def card(name: str = "my-card", **changes: object) -> Device:
    device = parse_device(MINIMAL, Origin.USER, "test")
    return replace(device, name=name, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_parses_is_named_as_its_device_and_says_its_source(path: Path) -> None:
    device = parse_device(path.read_text(encoding="utf-8"), Origin.BUILTIN, path.name)

    assert device.name == path.stem
    assert device.source
    assert device.year is not None
    assert device.architecture
    assert device.price is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_peaks_rise_as_formats_get_narrower(path: Path) -> None:
    device = load_builtin()[path.stem]
    peak = device.peak_flops_per_s
    if path.stem == "nvidia-gb300":  # int8 was cut down on this chip
        peak = {p: rate for p, rate in peak.items() if p is not Precision.INT8}
    ladders = (
        (Precision.FP32, Precision.TF32, Precision.FP16, Precision.FP8),
        (Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP8),
        (Precision.FP32, Precision.INT8, Precision.INT4),
    )
    for ladder in ladders:
        rates = [peak[precision] for precision in ladder if precision in peak]
        assert rates == sorted(rates), ladder


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rates_lie_in_the_range_of_real_hardware(path: Path) -> None:
    device = load_builtin()[path.stem]

    assert 1e10 <= device.peak_flops_per_s[Precision.FP32] <= 3e14
    assert 1e9 <= device.bandwidth_bytes_per_s <= 1e13
    assert 2**30 <= device.memory_bytes <= 2**40
    assert 0.2 <= device.ridge_point <= 130


def test_formats_are_listed_only_where_the_hardware_has_them() -> None:
    for device in load_builtin().values():
        peaks = device.peak_flops_per_s
        if device.kind is DeviceKind.CPU:
            assert Precision.TF32 not in peaks
            assert Precision.FP8 not in peaks
        if device.architecture in {"pascal", "volta", "turing"}:
            assert not {Precision.BF16, Precision.TF32, Precision.FP8} & peaks.keys(), device.name
        if device.architecture in {"ampere", "ampere-dc"}:
            assert Precision.FP8 not in peaks
        if device.architecture in {"hopper", "blackwell", "blackwell-dc"}:
            assert Precision.INT4 not in peaks


@pytest.mark.parametrize(
    ("name", "precision", "tflops"),
    [
        ("nvidia-h100-sxm", Precision.BF16, 989.4),
        ("nvidia-a100-sxm-80gb", Precision.TF32, 156),
        ("nvidia-rtx-3090", Precision.FP16, 71.2),
        ("nvidia-rtx-4090", Precision.FP8, 330.3),
        ("nvidia-rtx-a6000", Precision.FP16, 154.8),
        ("nvidia-t4", Precision.FP16, 65.1),
        ("nvidia-gtx-1080-ti", Precision.FP16, 11.3),
        ("nvidia-a10g", Precision.INT8, 140),
        ("amd-mi300x", Precision.FP16, 1307.4),
        ("intel-xeon-6980p", Precision.BF16, 262),
    ],
)
def test_peaks_are_those_of_the_data_sheets(name: str, precision: Precision, tflops: float) -> None:
    peak = load_builtin()[name].peak_flops_per_s[precision]

    assert peak == pytest.approx(tflops * 1e12, rel=0.01)


def test_no_two_shipped_devices_share_a_name_or_alias() -> None:
    owners: dict[str, str] = {}
    for device in load_builtin().values():
        for name in (device.name, *device.aliases):
            owner = owners.setdefault(normalise_name(name), device.name)
            assert owner == device.name, f"'{name}' names {owner} and {device.name}"


def test_the_same_model_on_another_board_is_another_device() -> None:
    find = DeviceCatalog().find

    assert find("NVIDIA H100 PCIe").name == "nvidia-h100-pcie"
    assert find("NVIDIA H100 80GB HBM3").name == "nvidia-h100-sxm"
    assert find("NVIDIA GeForce RTX 4090 Laptop GPU").name == "nvidia-rtx-4090-laptop"
    assert find("L4").name != find("L40S").name != find("L40").name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("nvidia-rtx-4090", "nvidia-rtx-4090"),
        ("RTX 4090", "nvidia-rtx-4090"),
        ("rtx4090", "nvidia-rtx-4090"),
        ("GeForce RTX 4090", "nvidia-rtx-4090"),
        ("NVIDIA_GeForce_RTX_4090", "nvidia-rtx-4090"),
        ("NVIDIA_H100_80GB_HBM3", "nvidia-h100-sxm"),
        ("H100-SXM5-80GB", "nvidia-h100-sxm"),
        ("a100", "nvidia-a100-sxm-80gb"),
        ("NVIDIA A100-SXM4-40GB", "nvidia-a100-sxm-40gb"),
        ("A100-PCIE-80GB", "nvidia-a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", "nvidia-v100-sxm-16gb"),
        ("Intel(R) Core(TM) i9-10940X CPU @ 3.30GHz", "intel-i9-10940x"),
        ("12th Gen Intel(R) Core(TM) i7-12700H", "intel-i7-12700h"),
        ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", "intel-xeon-8380"),
        ("Intel(R) Xeon(R) Platinum 8480+", "intel-xeon-8480-plus"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763"),
        ("AMD Ryzen 9 7950X 16-Core Processor", "amd-ryzen-9-7950x"),
        ("AMD Instinct MI300X", "amd-mi300x"),
        ("AMD Radeon RX 7900 XTX", "amd-rx-7900-xtx"),
        ("Apple M1 Max", "apple-m1-max-32gpu"),
        ("Intel(R) Arc(TM) A770 Graphics", "intel-arc-a770"),
    ],
)
def test_names_as_people_and_drivers_write_them(written: str, name: str) -> None:
    assert DeviceCatalog().find(written).name == name


@given(st.text())
def test_normalising_twice_changes_nothing_and_case_does_not_matter(text: str) -> None:
    once = normalise_name(text)

    assert normalise_name(once) == once
    assert normalise_name(text.casefold()) == once


def test_an_unknown_device_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(UnknownDeviceError, match="no device named 'banana'") as caught:
        DeviceCatalog().resolve("banana")

    assert caught.value.exit_code is ExitCode.USAGE
    assert "did you mean" not in (caught.value.hint or "")


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(UnknownDeviceError, match="no device named 'cdua'") as caught:
        DeviceCatalog().resolve("cdua")
    assert "did you mean 'cuda'?" in (caught.value.hint or "")

    near = DeviceCatalog().near_matches("nvidia rtx 4900")
    assert near[0] == "nvidia-rtx-4090"
    assert len(near) <= 3


@pytest.mark.parametrize(
    "text", ["", "   ", "---", "(R)", "gpu", "xeon", "Intel(R) Xeon(R) Processor"]
)
def test_a_name_that_says_nothing_finds_nothing(text: str) -> None:
    with pytest.raises(UnknownDeviceError):
        DeviceCatalog().find(text)


def test_a_platform_is_not_a_device() -> None:
    with pytest.raises(UnknownDeviceError, match="'cuda' is a platform"):
        DeviceCatalog().find("cuda")


@pytest.mark.parametrize("platform", list(Platform))
def test_every_platform_has_a_reference_device_with_a_reason(platform: Platform) -> None:
    reference = references()[platform]
    resolved = DeviceCatalog().resolve(platform.value)

    assert reference.reason
    assert (resolved.device.name, resolved.how) == (reference.device, "reference")
    assert reference.serves(resolved.device)
    assert resolved.requested == platform.value


def test_resolution_prefers_name_then_user_alias_then_detected_then_reference() -> None:
    l4 = load_builtin()["nvidia-l4"]
    aliased = DeviceCatalog(user_aliases={"CUDA": "nvidia-t4"}, detected=[l4])
    bare = DeviceCatalog(detected=[l4])

    assert aliased.resolve("nvidia-rtx-4090").how == "name"
    assert aliased.resolve("h100").how == "alias"
    assert (r := aliased.resolve("cuda")).how == "user alias"
    assert r.device.name == "nvidia-t4"
    assert (r := bare.resolve("CUDA")).how == "detected"
    assert r.device.name == "nvidia-l4"
    assert r.is_platform_alias
    assert DeviceCatalog().resolve("cuda").how == "reference"


def test_a_user_alias_may_be_any_word_and_its_target_must_exist() -> None:
    aliases = {"our-box": "l40s", "gone": "nvidia-l41"}

    assert DeviceCatalog(user_aliases=aliases).resolve("Our-Box").device.name == "nvidia-l40s"
    with pytest.raises(UnknownDeviceError, match="nvidia-l41"):
        DeviceCatalog(user_aliases=aliases).resolve("gone")


def test_a_platform_that_runs_on_others_takes_the_detected_device_it_prefers() -> None:
    gpu, cpu = load_builtin()["nvidia-l4"], load_builtin()["amd-epyc-7763"]
    here = DeviceCatalog(detected=[cpu, gpu])

    assert here.resolve("webgpu").device is gpu
    assert here.resolve("cpu").device is cpu
    assert here.resolve("openvino").how == "reference"  # no Intel device here
    intel = load_builtin()["intel-i9-10940x"]
    assert DeviceCatalog(detected=[intel]).resolve("openvino").device is intel


def test_a_users_device_hides_the_shipped_one_of_the_same_name() -> None:
    mine = card("nvidia-l4", aliases=("L4 tuned",))
    here = DeviceCatalog(user_devices=[mine])

    assert here.find("NVIDIA L4") is mine
    assert here.find("l4 tuned") is mine
    assert len(here.list()) == len(load_builtin())
    assert here.list(origin=Origin.USER) == (mine,)


def test_two_devices_of_one_user_cannot_share_an_alias() -> None:
    pair = [card("one", aliases=("Twin",)), card("two", aliases=("twin",))]

    with pytest.raises(InvalidInputError, match="'one' and 'two'"):
        DeviceCatalog(user_devices=pair)


def test_listing_filters_by_platform_vendor_and_origin() -> None:
    everything = DeviceCatalog(user_devices=[card()])

    names = [device.name for device in everything.list()]
    assert names == sorted(names)
    assert "my-card" in names
    rocm = everything.list(platform=Platform.ROCM, vendor="AMD")
    assert rocm
    assert all(d.platform is Platform.ROCM and d.vendor == "amd" for d in rocm)
    assert everything.list(vendor="nobody") == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("memory_mib", "memory_mb", "'memory_mb' is not a known key"),
        ("fp32", "fp23", "'peak_tflops.fp23' is not a known key"),
        ('"gpu"', '"gpus"', "'kind' cannot be 'gpus'"),
        ('"cuda"', '"kuda"', "'platform' cannot be 'kuda'"),
        ("= 1024", '= "1 GiB"', "'memory_mib' must be a number"),
        ("= 1024", "= true", "'memory_mib' must be a number"),
        ("= 1024", "= -1", "'memory_mib' must be above 0"),
        ("= 1024", "= inf", "'memory_mib' must be above 0"),
        ("= 1024", "= nan", "'memory_mib' must be above 0"),
        ("= 10.5", "= 0", "'peak_tflops.fp32' must be above 0"),
        ('vendor = "me"', "", "'vendor' is missing"),
        ('"my-card"', '"CUDA"', "names a platform"),
        ('"my-card"', "5", "'name' must be text"),
        ('"my-card"', '"---"', "has no letter or digit"),
        ("= 1024", f"= {10**400}", "'memory_mib' must be above 0 and below"),
        ('vendor = "me"', 'vendor = "me"\naliases = "x"', "'aliases' must be a list of text"),
        ('vendor = "me"', 'vendor = "me"\nyear = 2020.5', "'year' must be a whole number"),
        ('vendor = "me"', 'vendor = "me"\nis_probed = 1', "'is_probed' must be true or false"),
        ("fp32 = 10.5", "fp16 = 10.5", "must give fp32"),
        ("[peak_tflops]\nfp32 = 10.5", "", "'peak_tflops' is missing"),
        ("[peak_tflops]\nfp32 = 10.5", "peak_tflops = 3", "'peak_tflops' must be a table"),
        ("= 1024", "= ", "not valid TOML"),
    ],
)
def test_the_reader_refuses_and_names_the_file_and_the_key(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_device(MINIMAL.replace(old, new), Origin.USER, "mine.toml")

    assert message in caught.value.message
    assert "mine.toml" in caught.value.message or "my-card" in caught.value.message


def test_a_misspelt_key_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_device(MINIMAL.replace("memory_mib", "memory_mb"), Origin.USER, "mine.toml")

    assert caught.value.hint == "did you mean 'memory_mib'?"


def test_a_price_has_a_currency_and_a_date() -> None:
    price = '[price]\namount_per_hour = 2.5\ncurrency = "EUR"\ndate = 2026-11-01\n'
    device = parse_device(MINIMAL + price, Origin.USER, "mine.toml")

    assert device.price == Price(amount_per_hour=2.5, currency="EUR", date="2026-11-01")
    unclear = MINIMAL + price.replace("2026-11-01", '"yesterday"')
    with pytest.raises(InvalidInputError, match=r"'price\.date' must be a date"):
        parse_device(unclear, Origin.USER, "mine.toml")
    with pytest.raises(InvalidInputError, match=r"'price\.date' is missing"):
        parse_device(MINIMAL + price.replace("date = 2026-11-01", ""), Origin.USER, "mine.toml")


@given(
    text=st.text(st.characters(blacklist_categories=["Cs"])),
    alias=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(
        lambda t: normalise_name(t) and t.strip().casefold() not in {p.value for p in Platform}
    ),
    memory_mib=st.floats(1, 1e7),
    tflops=st.floats(1e-3, 1e5),
)
def test_writing_and_reading_a_device_gives_it_back(
    text: str, alias: str, memory_mib: float, tflops: float
) -> None:
    device = card(
        note=text,
        aliases=(alias,),
        memory_bytes=round(memory_mib * 2**20),
        peak_flops_per_s={Precision.FP32: tflops * 1e12, Precision.INT8: tflops * 4e12},
        is_probed=True,
        price=Price(amount_per_hour=1.25, currency="EUR", date="2026-11-01", source=text),
    )
    again = parse_device(device_to_toml(device), Origin.USER, "again")

    rates = {p: pytest.approx(r) for p, r in device.peak_flops_per_s.items()}
    assert dict(again.peak_flops_per_s) == rates
    assert replace(again, peak_flops_per_s=device.peak_flops_per_s) == device


def test_every_shipped_device_survives_writing_and_reading() -> None:
    for device in load_builtin().values():
        again = parse_device(device_to_toml(device), Origin.BUILTIN, "again")
        assert again.name == device.name
        assert again.memory_bytes == device.memory_bytes
        assert again.bandwidth_bytes_per_s == pytest.approx(device.bandwidth_bytes_per_s)


def test_one_look_up_by_name_reads_one_file() -> None:
    code = (
        "import sys; from perfpredict.catalog import devices as d\n"
        "d.DeviceCatalog().find('nvidia-rtx-4090')\n"
        "assert d._read.cache_info().currsize == 1\n"
        "assert not {'numpy', 'polars', 'duckdb', 'lightgbm'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
