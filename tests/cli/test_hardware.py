"""`perfpredict hardware`: the catalog, the user's own devices, aliases, prices, stored rankings."""

import json

import pytest

GPU = ("--name", "my-gpu", "--platform", "cuda", "--memory", "24GiB", "--bandwidth-gb-s", "600",
       "--tflops-fp32", "30", "--tflops-fp16", "120", "--alias", "The Gpu")  # fmt: skip


def rows(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done, code, *texts):
    assert (done.returncode, done.stdout) == (code, "")
    for text in texts:
        assert text in done.stderr
    return True


def test_list_filters_by_platform_vendor_and_origin_without_a_database(run, tmp_path):
    every = rows(run("hardware", "list", "--json"))
    assert len(every) > 100
    assert {row["origin"] for row in every} == {"builtin"}

    cuda = rows(run("hardware", "list", "--platform", "cuda", "--vendor", "NVIDIA", "--json"))
    assert 0 < len(cuda) < len(every)
    assert {(row["platform"], row["vendor"]) for row in cuda} == {("cuda", "nvidia")}

    here = rows(run("hardware", "list", "--origin", "detected", "--json"))
    assert {row["origin"] for row in here} == {"detected"}
    assert rows(run("hardware", "list", "--origin", "user", "--json")) == []
    assert not list(tmp_path.rglob("*.duckdb"))


def test_list_sorts_cuts_and_says_so(run):
    done = run("hardware", "list", "--sort", "-memory_mib", "--limit", "3", "--columns",
               "name,memory_mib", "--json")  # fmt: skip
    found = rows(done)

    assert [list(row) for row in found] == [["name", "memory_mib"]] * 3
    assert found == sorted(found, key=lambda row: -row["memory_mib"])
    assert "showing 3 of" in done.stderr and "use --limit 0 for all" in done.stderr
    assert refused(run("hardware", "list", "--vendor", "nobody", "--fail-empty"), 3, "no rows")


def test_show_tells_what_a_platform_stands_for(run):
    shown = rows(run("hardware", "show", "rocm", "--json"))

    assert shown["requested"] == "rocm" and shown["platform"] == "rocm"
    assert shown["how"] in {"reference", "detected"}
    assert shown["measurements"] == 0
    assert rows(run("hardware", "show", "NVIDIA L4", "--json"))["name"] == "nvidia-l4"


def test_show_of_an_unknown_device_cannot_answer_and_suggests(run):
    assert refused(run("hardware", "show", "nvidia-h10"), 3, "no device named 'nvidia-h10'",
                   "did you mean")  # fmt: skip


def test_detect_always_finds_the_cpu(run):
    found = rows(run("hardware", "detect", "--json"))

    assert found[-1]["platform"] == "cpu" and found[-1]["count"] == 1
    assert {row["confidence"] for row in found} <= {"high", "medium", "low"}
    assert run("hardware", "detect", "--raw").returncode == 0


def test_a_device_of_ones_own_is_added_used_and_removed(run):
    added = rows(run("hardware", "add", *GPU, "--json"))
    assert added == {"name": "my-gpu", "action": "added", "dry_run": False}

    shown = rows(run("hardware", "show", "the gpu", "--json"))
    assert (shown["name"], shown["origin"]) == ("my-gpu", "user")
    assert shown["memory_mib"] == 24 * 1024
    assert (shown["tflops_fp32"], shown["tflops_fp16"]) == (30, 120)
    assert shown["tflops_int8"] is None

    assert refused(run("hardware", "add", *GPU), 2, "'my-gpu' is yours already", "--replace")
    assert rows(run("hardware", "add", *GPU, "--replace", "--json"))["action"] == "replaced"
    assert refused(run("hardware", "remove", "my-gpu"), 2, "--yes")
    assert run("hardware", "remove", "my-gpu", "--yes", "-q").stdout == "my-gpu\n"
    assert refused(run("hardware", "remove", "my-gpu", "--yes"), 3, "no device of yours")
    assert refused(run("hardware", "remove", "nvidia-l4", "--yes"), 3, "in the catalog")


def test_a_device_file_is_checked_strictly(run, tmp_path):
    good = ('name = "box"\nvendor = "me"\nkind = "gpu"\nplatform = "cuda"\nmemory_mib = 1024\n'
            "bandwidth_gb_per_s = 100\n[peak_tflops]\nfp32 = 1\n")  # fmt: skip
    file = tmp_path / "box.toml"
    file.write_text(good)

    assert rows(run("hardware", "add", str(file), "--dry-run", "--json"))["dry_run"] is True
    assert not list(tmp_path.rglob("*.duckdb"))
    assert run("hardware", "add", "-", stdin=good).returncode == 0
    file.write_text(good.replace("memory_mib", "memory_mb"))
    assert refused(run("hardware", "add", str(file)), 2, "box.toml", "memory_mb", "memory_mib")
    file.write_text(good.replace("1024", "-5"))
    assert refused(run("hardware", "add", str(file)), 2, "memory")
    assert refused(run("hardware", "add", str(tmp_path / "none.toml")), 2, "no such file")
    assert refused(run("hardware", "add"), 2, "give either")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--memory", "0x10"), ("--memory", "24GB!"), ("--tflops-fp32", "nan"),
     ("--tflops-fp32", "inf"), ("--bandwidth-gb-s", "0"), ("--bandwidth-gb-s", "1,5"),
     ("--platform", "cdua"), ("--kind", "gup"), ("--name", "=x"), ("--alias", "a,,b"),
     ("--name", "cuda")],
)  # fmt: skip
def test_an_unusable_figure_is_refused_by_its_option(option, value, run, tmp_path):
    done = run("hardware", "add", *GPU, option, value)

    assert refused(done, 2, value if option == "--name" else option)
    assert not list(tmp_path.rglob("*.duckdb"))


def test_a_missing_figure_is_named(run):
    assert refused(run("hardware", "add", "--name", "x", "--platform", "cuda"), 2, "--memory")


def test_an_alias_changes_what_a_platform_stands_for(run):
    before = {row["platform"]: row for row in rows(run("hardware", "alias", "--json"))}
    assert set(before) >= {"cuda", "rocm", "mps", "openvino", "qnn", "webnn", "webgpu", "cpu"}

    changed = rows(run("hardware", "alias", "cuda", "L4", "--json"))
    assert changed == [{"platform": "cuda", "hardware": "nvidia-l4", "how": "user alias"}]
    assert rows(run("hardware", "show", "cuda", "--json"))["name"] == "nvidia-l4"

    assert rows(run("hardware", "alias", "cuda", "--remove", "--json")) == [before["cuda"]]
    assert refused(run("hardware", "alias", "cuda", "--remove"), 3, "no alias")
    assert refused(run("hardware", "alias", "cdua", "nvidia-l4"), 2, "no platform named 'cdua'")
    assert refused(run("hardware", "alias", "cuda", "nvidia-l"), 2, "no device named")
    assert refused(run("hardware", "alias", "cuda"), 2, "--remove")


def test_a_price_is_set_and_listed_with_its_date(run):
    run("hardware", "price", "set", "l4", "0.71", "--currency", "eur", "--date", "2026-11-01")
    found = {row["name"]: row for row in rows(run("hardware", "list", "--json"))}

    assert found["nvidia-l4"]["price_per_h"] == 0.71
    assert found["nvidia-l4"]["currency"] == "EUR"
    assert found["nvidia-l4"]["price_date"] == "2026-11-01"
    assert found["nvidia-t4"]["price_per_h"] is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("nvidia-l4", "nan"), "price_per_h"), (("nvidia-l4", "0"), "above 0"),
     (("nvidia-l4", "1", "--currency", "EURO"), "three letters"),
     (("nvidia-l4", "1", "--date", "yesterday"), "date"), (("nvidia-l", "1"), "no device named")],
)  # fmt: skip
def test_a_price_that_is_none_is_refused(arguments, text, run):
    assert refused(run("hardware", "price", "set", *arguments), 2, text)


def test_prices_are_imported_all_or_none(run, tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text("name,price_per_h,currency,date\nl4,0.5,,\nNVIDIA T4,0.3,USD,2026-01-02\n")
    found = rows(run("hardware", "price", "import", str(file), "--currency", "EUR", "--json"))

    assert [(row["hardware"], row["price_per_h"], row["currency"]) for row in found] == [
        ("nvidia-l4", 0.5, "EUR"), ("nvidia-t4", 0.3, "USD")]  # fmt: skip
    assert found[1]["price_date"] == "2026-01-02" and found[0]["source"] == "prices.csv"

    file.write_text("name,price_per_h\nnvidia-l4,9\nnvidia-l999,1\n")
    assert refused(run("hardware", "price", "import", str(file)), 2, "nvidia-l999")
    listed = {row["name"]: row for row in rows(run("hardware", "list", "--json"))}
    assert listed["nvidia-l4"]["price_per_h"] == 0.5


@pytest.mark.parametrize(
    ("text", "problem"),
    [("name,price\nl4,1\n", "prices.csv:1: no column 'price_per_h'"),
     ("name,price_per_h,curency\nl4,1,EUR\n", "prices.csv:1: unknown column 'curency'"),
     ("name,price_per_h\nl4,1\nt4,cheap\n", "prices.csv:3: price_per_h: not a number"),
     ("name,price_per_h\nl4,1,2\n", "prices.csv:2: more cells than columns"),
     ("", "prices.csv:1: no column 'name'"), ("name,price_per_h\n,1\n", "prices.csv:2: name")],
)  # fmt: skip
def test_a_bad_price_file_is_refused_by_line(text, problem, run, tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text(text)

    assert refused(run("hardware", "price", "import", str(file)), 2, problem)


def test_a_probe_stores_this_machines_cpu_as_measured(run):
    probed = rows(run("hardware", "probe", "--seconds", "0.3", "--json"))
    shown = rows(run("hardware", "show", probed["name"], "--json"))

    assert probed["tflops_fp32"] > 0 and probed["bandwidth_gb_s"] > 0
    assert shown["is_probed"] is True and shown["origin"] == "user"
    assert refused(run("hardware", "probe", "--seconds", "0"), 2, "--seconds")


def test_reading_without_a_database_says_so_and_makes_none(run, tmp_path):
    for command in (("hardware", "history"), ("hardware", "compat"), ("feedback", "list")):
        assert refused(run(*command), 3, "no database yet at")
    assert not list(tmp_path.rglob("*.duckdb*"))


def test_recommendations_are_listed_with_their_answers(run):
    ask = ("hardware", "recommend", "bert-base-uncased", "--batch-size", "8", "-q",
           "--hardware", "nvidia-l4,nvidia-t4")  # fmt: skip
    first = run(*ask, "--user", "ada").stdout.strip()
    second = run(*ask, "--precision", "fp16").stdout.strip()
    run("feedback", "record", first, "--accepted", "no", "--comment", "out of stock")

    found = rows(run("hardware", "history", "--model", "bert*", "--days", "30", "--json"))
    assert [row["recommendation_id"] for row in found] == [second, first]
    assert found[1]["primary"] == "nvidia-l4" and found[1]["fallbacks"] == ["nvidia-t4"]
    assert (found[1]["accepted"], found[1]["comment"]) == ("no", "out of stock")
    assert found[0]["accepted"] == "pending" and found[1]["user"] == "ada"

    def ids(*filters):
        return [row["recommendation_id"] for row in rows(run("hardware", "history", *filters,
                                                             "--json"))]  # fmt: skip

    assert ids("--accepted", "no") == ids("--user", "ada") == ids("--precision", "float32")
    assert ids("--accepted", "pending") == [second]
    assert ids("--primary", "nvidia-t4") == [] and len(ids("--primary", "L4")) == 2
    assert ids("--limit", "1") == [second]
    assert ids("--until", "1d") == []

    compat = rows(run("hardware", "compat", "bert-base-uncased", "--json"))
    assert len(compat) == 4
    assert {row["hardware"] for row in compat} == {"nvidia-l4", "nvidia-t4"}
    assert rows(run("hardware", "compat", "resnet50", "--json")) == []
