"""What holds for every command: streams, exit codes, formats, settings, common options."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perfpredict.commands.root import COMMANDS, GROUPS

ESCAPE = "\x1b"


def test_help_lists_every_group_and_common_option(run):
    text = run("--help").stdout

    for name in [*GROUPS, *COMMANDS]:
        assert re.search(rf"^  {name} ", text, re.MULTILINE), name
    for option in ("--db", "--database", "--format", "--json", "-q", "-v", "--debug", "--color",
                   "--no-color", "--config", "--lock-timeout", "--version"):  # fmt: skip
        assert option in text, option


def test_help_in_a_pipe_is_plain(run):
    for env in ({}, {"GITHUB_ACTIONS": "1"}, {"FORCE_COLOR": "1"}):
        text = run("hardware", "list", "-h", env=env).stdout

        assert "Usage: perfpredict hardware list" in text
        assert ESCAPE not in text
        assert "╭" not in text and "│" not in text


@pytest.mark.parametrize("command", ["list", "show", "detect", "probe", "add", "remove", "alias",
                                     "compat", "history"])  # fmt: skip
def test_every_command_has_an_example_and_its_exit_codes(command, run):
    text = run("hardware", command, "--help").stdout

    assert "Example" in text
    assert f"  perfpredict hardware {command}" in text
    assert "Exit codes: 0 done" in text


def test_version_is_one_line_and_names_the_libraries_with_v(run):
    assert re.fullmatch(r"perfpredict \d+\.\d+\.\d+\n", run("--version").stdout)
    assert re.search(r"^duckdb \d", run("--version", "-v").stdout, re.MULTILINE)


def test_a_bare_call_shows_help_on_stderr_and_is_a_wrong_call(run):
    for arguments in ((), ("hardware",)):
        done = run(*arguments)

        assert (done.returncode, done.stdout) == (2, "")
        assert "Usage: perfpredict" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("confg",), "no such command 'confg'", "did you mean 'config'?"),
        (("hardware", "lst"), "no such command 'lst'", "did you mean 'list'?"),
        (("hardware", "list", "--platfrom", "x"), "no option named '--platfrom'", "--platform?"),
        (("hardware", "list", "--platform", "cdua"), "--platform: must be one of", "cuda?"),
        (("hardware", "list", "--sort", "nmae"), "--sort: no column named 'nmae'", "name?"),
        (("hardware", "list", "--columns", "tdp"), "--columns: no column named 'tdp'", "tdp_w?"),
        (("--format", "jsn", "hardware", "list"), "--format: must be one of", "json"),
        (("hardware", "history", "--precision", "fp61"), "--precision: must be", "fp16"),
        (("--color", "alwys", "hardware", "list"), "--color: must be one of", "always?"),
        (("hardware", "history", "--hardware", "cdua"), "no device named 'cdua'", "'cuda'?"),
    ],
)
def test_a_wrong_call_is_one_line_with_a_suggestion(arguments, message, hint, run):
    run("hardware", "alias", "cuda", "nvidia-l4")
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"error: {message}")
    assert second.startswith("hint: ") and hint in second


@pytest.mark.parametrize(
    "arguments",
    [
        ("hardware", "show", "--json", "cuda"),
        ("--json", "hardware", "show", "cuda"),
        ("hardware", "--json", "show", "cuda"),
        ("hardware", "show", "cuda", "--format=json"),
        ("hardware", "show", "cuda", "--format", "json", "-v", "--debug"),
    ],
)
def test_common_options_work_in_any_position_and_stdout_parses(arguments, run):
    done = run(*arguments)

    assert done.returncode == 0
    assert json.loads(done.stdout)["requested"] == "cuda"


def test_common_options_are_left_alone_after_two_dashes(run):
    done = run("hardware", "show", "--", "--json")

    assert (done.returncode, done.stdout) == (3, "")
    assert "no device named '--json'" in done.stderr


def test_a_common_option_without_its_value_is_a_wrong_call(run):
    done = run("hardware", "list", "--db")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --db: a value must follow")


def test_a_format_of_another_command_is_refused_before_anything_is_done(run, tmp_path):
    done = run("hardware", "price", "set", "nvidia-l4", "1", "--format", "junit")

    assert (done.returncode, done.stdout) == (2, "")
    assert "does not write junit" in done.stderr
    assert not list(tmp_path.rglob("*.duckdb"))


def origins(done):
    return {row["key"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}


def test_settings_come_from_flag_environment_project_user_and_default(run, tmp_path):
    show = ("config", "show", "--origin", "--json")
    assert origins(run(*show))["lock_timeout"] == ("30", "default")

    run("config", "set", "lock_timeout", "1")
    user_file = str(tmp_path / "xdg_config_home" / "perfpredict" / "config.toml")
    assert origins(run(*show))["lock_timeout"] == ("1", user_file)

    (tmp_path / "work" / "pyproject.toml").write_text("[tool.perfpredict]\nlock_timeout = 2\n")
    assert origins(run(*show))["lock_timeout"] == ("2", "pyproject.toml")

    (tmp_path / "work" / "perfpredict.toml").write_text('lock_timeout = 3\ndb = "own.duckdb"\n')
    found = origins(run(*show))
    assert found["lock_timeout"] == ("3", "perfpredict.toml")
    assert found["db"] == (str(tmp_path / "work" / "own.duckdb"), "perfpredict.toml")

    env = {"PERFPREDICT_LOCK_TIMEOUT": "4"}
    assert origins(run(*show, env=env))["lock_timeout"] == ("4", "PERFPREDICT_LOCK_TIMEOUT")
    flagged = origins(run(*show, "--lock-timeout", "5", env=env))
    assert flagged["lock_timeout"] == ("5", "--lock-timeout")


def test_a_named_settings_file_takes_the_place_of_the_projects(run, tmp_path):
    (tmp_path / "work" / "perfpredict.toml").write_text("lock_timeout = 3\n")
    (tmp_path / "work" / "other.toml").write_text("lock_timeout = 7\n")
    show = ("config", "show", "--origin", "--json")

    assert origins(run(*show, "--config", "other.toml"))["lock_timeout"] == ("7", "other.toml")
    env = {"PERFPREDICT_CONFIG": "other.toml"}
    assert origins(run(*show, env=env))["lock_timeout"] == ("7", "other.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lock_timout = 3", "unknown key 'lock_timout'"),
        ("lock_timeout = 'soon'", "lock timeout must be 0 or more seconds (got 'soon')"),
        ("lock_timeout = nan", "lock timeout must be"),
        ("format = 'jsn'", "must be one of"),
        ("db = 3 3", "not valid TOML"),
        ("db = ['x']", "must be one value"),
        ("debug = 'maybe'", "debug must be true or false"),
    ],
)
def test_a_broken_settings_file_is_named(text, message, run, tmp_path):
    (tmp_path / "work" / "perfpredict.toml").write_text(text)
    done = run("hardware", "list")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: perfpredict.toml: ") and message in done.stderr
    assert run("--help").returncode == 0


def test_config_set_keeps_the_rest_of_the_file_and_refuses_nonsense(run, tmp_path):
    path = Path(run("config", "path").stdout.strip())
    path.parent.mkdir(parents=True)
    path.write_text("# mine\nuser = 'ada'\n\nlock_timeout = 3\n")

    assert run("config", "set", "lock_timeout", "9").returncode == 0
    assert path.read_text() == "# mine\nuser = 'ada'\n\nlock_timeout = 9\n"
    assert run("config", "set", "user", 'a "b"').returncode == 0
    assert origins(run("config", "show", "--origin", "--json"))["user"][0] == 'a "b"'
    for key, value in (("lock_timeout", "-1"), ("frmat", "json"), ("format", "jsn")):
        done = run("config", "set", key, value)
        assert (done.returncode, done.stdout) == (2, "")


def test_colour_follows_the_flag_then_the_environment_and_never_a_pipe_by_itself(run):
    show = ("hardware", "alias")
    assert ESCAPE not in run(*show).stdout
    assert ESCAPE not in run(*show, env={"GITHUB_ACTIONS": "1"}).stdout
    assert ESCAPE in run(*show, env={"FORCE_COLOR": "1"}).stdout
    assert ESCAPE not in run(*show, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert ESCAPE in run(*show, env={"FORCE_COLOR": "1", "NO_COLOR": ""}).stdout
    assert ESCAPE in run(*show, "--color", "always", env={"NO_COLOR": "1"}).stdout
    assert ESCAPE not in run(*show, "--no-color", env={"FORCE_COLOR": "1"}).stdout
    assert ESCAPE in run("hardware", "show", "x", env={"FORCE_COLOR": "1"}).stderr


def test_a_closed_pipe_ends_with_141_and_silence(environment):
    program = [sys.executable, "-m", "perfpredict", "hardware", "list", "--format", "csv"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        program, stdout=writing, stderr=subprocess.PIPE, check=False, env=environment
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_streams_that_cannot_be_used_bring_no_traceback(environment):
    program = f"{sys.executable} -m perfpredict"
    for command, code in (
        ("--help >/dev/full", 1),
        ("hardware show nope 2>&-", 3),
        ("feedback record rec-12345678 --accept --comment - <&-", 2),
    ):
        done = subprocess.run(
            ["bash", "-c", f"{program} {command}"],
            capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, (command, done.stderr)
        assert "Traceback" not in done.stderr and "unexpected" not in done.stderr, command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_with_its_code(number, code, environment):
    program = [sys.executable, "-m", "perfpredict", "hardware", "probe", "--seconds", "60"]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        time.sleep(3)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (code, "", "")


BUG = """
import sys
import perfpredict.commands.config as config
import perfpredict.__main__ as program
def broken(*_): raise ValueError("no such thing\\x1b[31m")
config.user_config_path = broken
sys.argv = ["perfpredict", "config", "path", *sys.argv[1:]]
program.main()
"""


def test_a_bug_is_one_line_and_a_saved_traceback(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BUG], capture_output=True, text=True, check=False, env=environment
    )

    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first == "error: unexpected ValueError: no such thing\\x1b[31m"
    saved = Path(second.rpartition(" ")[2])
    assert "Traceback" in saved.read_text()
    assert saved.parent == tmp_path


def test_debug_shows_the_traceback_of_a_bug(environment):
    program = [sys.executable, "-c", BUG, "--debug"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Traceback")


def test_a_missing_module_of_ours_is_a_bug_and_not_swallowed(environment):
    code = (
        "import sys; sys.modules['perfpredict.commands.config'] = None\n"
        "import perfpredict.__main__ as program\n"
        "sys.argv = ['perfpredict', 'config', 'path']\nprogram.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: unexpected ModuleNotFoundError")


def test_an_encoding_that_lacks_a_character_gets_it_escaped(run_apart):
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    run_apart("config", "set", "user", "Zoë")

    shown = run_apart("config", "show", "--json", env=env)
    assert {"key": "user", "value": "Zoë"} in json.loads(shown.stdout)
    assert "Zo\\xeb" in run_apart("config", "show", env=env).stdout


@pytest.mark.parametrize("output_format", ["plain", "json", "jsonl", "csv", "tsv", "markdown",
                                           "table"])  # fmt: skip
def test_every_format_writes_whole_names_in_a_pipe_of_any_width(output_format, run):
    for columns in ("20", "500"):
        env = {"COLUMNS": columns, "TERM": "dumb"}
        done = run("hardware", "list", "--format", output_format, env=env)

        assert (done.returncode, done.stderr) == (0, "")
        assert "nvidia-a100-sxm-80gb" in done.stdout
        assert ESCAPE not in done.stdout


@pytest.mark.parametrize("width", [20, 80, 120, 200])
def test_a_terminal_gets_a_table_no_wider_than_itself(width, environment):
    text = at_a_terminal(environment | {"COLUMNS": str(width)}, "hardware", "list", "--limit", "5")
    lines = [line for line in text.splitlines() if not line.startswith("note: ")]

    assert lines[0].startswith("device")
    if width >= 30:
        assert max(map(len, lines)) <= width
    assert ("hidden: use --columns or --format plain" in text) == (width < 200)


def test_columns_that_were_asked_for_are_never_hidden(environment):
    columns = ("--columns", "name,origin,tdp_w", "--limit", "1")
    text = at_a_terminal(environment | {"COLUMNS": "40"}, "hardware", "list", *columns)

    assert text.splitlines()[0].split() == ["device", "origin", "W"]


def at_a_terminal(environment, *arguments):
    """Return what a terminal shows, colours taken out."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfpredict", *arguments],
        stdin=follower, stdout=follower, stderr=follower, env=environment,
    )  # fmt: skip
    os.close(follower)
    text = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    process.wait(timeout=60)
    os.close(leader)
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_completion_prints_a_script_for_every_shell(shell, run):
    done = run("completion", shell)

    assert done.returncode == 0
    assert "_PERFPREDICT_COMPLETE" in done.stdout


def test_completion_knows_groups_commands_and_values(run_apart):
    def complete(line):
        words = line.split()
        env = {"_PERFPREDICT_COMPLETE": "complete_bash", "COMP_WORDS": line}
        return run_apart(env=env | {"COMP_CWORD": str(len(words) - 1)}).stdout.split()

    assert complete("perfpredict har") == ["hardware"]
    assert complete("perfpredict hardware pr") == ["probe", "price"]
    assert complete("perfpredict --db x hardware show nvidia-l40") == ["nvidia-l40", "nvidia-l40s"]


def test_schemas_describe_what_is_printed(run):
    listed = json.loads(run("hardware", "list", "--json").stdout)
    schema = json.loads(run("schema", "hardware-list").stdout)

    assert schema["type"] == "array"
    assert set(listed[0]) == set(schema["items"]["required"])
    names = [row["name"] for row in json.loads(run("schema", "--json").stdout)]
    for name in names:
        assert json.loads(run("schema", name).stdout)["title"] == f"perfpredict {name}"
    unknown = run("schema", "hardware-lits")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "hardware-list" in unknown.stderr


def test_quiet_prints_names_only(run):
    done = run("hardware", "price", "set", "nvidia-l4", "0.7", "-q")

    assert (done.stdout, done.stderr) == ("nvidia-l4\n", "")


def test_a_quiet_field_that_a_command_lacks_is_refused(run):
    done = run("hardware", "list", "--quiet=primary")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --quiet: 'hardware list' has no field 'primary'")


def test_answering_without_a_database_makes_none(run, tmp_path):
    done = run("feedback", "record", "rec-01ZZZZZZZZZZZZZZZZZZZZZZZZ", "--accept")

    assert (done.returncode, done.stdout) == (3, "")
    assert not list(tmp_path.rglob("*.duckdb"))
