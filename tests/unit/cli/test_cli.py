"""How the command begins and ends: options everywhere, exit codes, errors in words."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sendlimit.cli import COMMANDS, run, sendlimit

_ROOT = Path(__file__).parents[3]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a store that does not exist."""
    file = tmp_path / "sendlimit.toml"
    file.write_text(f'mode = "observe"\n[store]\nurl = "sqlite:///{tmp_path}/none.db"\n')
    return file


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run words as a command; return exit code, stdout and stderr."""

    def run_words(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_words


def test_config_before_and_after(
    command: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--config is taken before the command, between and after its words, and from the environment."""
    monkeypatch.setenv("SENDLIMIT_CONFIG", "/nonexistent.toml")
    expected = (0, 'mode = "observe"  (file)', "")
    for words in (
        ["--config", config, "config", "mode"],
        ["config", "--config", config, "mode"],
        ["config", "mode", "--config", config],
    ):
        code, out, err = command(*words)
        assert (code, out.splitlines()[0], err) == expected
    monkeypatch.setenv("SENDLIMIT_CONFIG", str(config))
    assert command("config", "mode")[1].splitlines()[0] == expected[1]


def test_config_reaches_commands_in_groups(command: Run, config: Path) -> None:
    """Below a group --config is taken at each place, too."""
    for words in (["db", "--config", config, "status"], ["db", "status", "--config", config]):
        code, _, err = command(*words)
        assert code == 1
        assert "none.db: there is no such file: run 'sendlimit db init'" in err


def test_missing_store_is_not_made(command: Run, config: Path) -> None:
    """A command that reads does not leave an empty SQLite file behind."""
    assert command("show", "--config", config)[0] == 1
    assert not (config.parent / "none.db").exists()


def test_broken_config(command: Run, config: Path) -> None:
    """Every problem of the file is one line on stderr, exit code 2; 'check' says it on stdout."""
    config.write_text('mode = "maybe"\nstore = 5\n')
    code, out, err = command("show", "--config", config)
    assert (code, out, len(err.splitlines())) == (2, "", 2)
    assert all(line.startswith(f"sendlimit: {config}: ") for line in err.splitlines())
    code, out, err = command("check", "--json", "--config", config)
    assert (code, err) == (2, "")
    assert [line["layer"] for line in json.loads(out)] == ["file", "file"]


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["limit", "frobnicate"], ["limit", "set", "a"], ["top", "-n", "x"]]
)
def test_usage(command: Run, words: list[str]) -> None:
    """A wrong word gives a sentence and where to read on, exit code 2."""
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert err.startswith("sendlimit: ")
    assert "--help'" in err.splitlines()[-1]


def test_no_words(command: Run) -> None:
    """Without a command the help goes to stderr, exit code 2."""
    code, out, err = command()
    assert (code, out) == (2, "")
    assert "Commands:" in err


def test_version_and_help(command: Run) -> None:
    """--version and --help succeed on stdout."""
    assert command("--version")[1].startswith("sendlimit ")
    code, out, _ = command("-h")
    assert code == 0
    assert "show" in out


def test_word_that_is_not_utf8(command: Run, config: Path) -> None:
    """A login that the shell passes in another encoding is refused by name; not a bug."""
    assert command("db", "init", "--config", config)[0] == 0
    code, out, err = command("show", "j\udcfcrgen@example.org", "--config", config)
    assert (code, out) == (2, "")
    assert err == "sendlimit: 'j\\udcfcrgen@example.org' is not UTF-8\n"


def test_bug_is_a_sentence(command: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is a sentence; with --debug its trace goes before it."""
    monkeypatch.setattr("sendlimit.cli.config.entries", lambda _: 1 // 0)
    code, out, err = command("config", "--config", config)
    assert (code, out) == (1, "")
    assert err.splitlines()[0].startswith("sendlimit: unexpected ZeroDivisionError: ")
    assert "Traceback" in command("config", "--config", config, "--debug")[2]


def test_reader_that_goes_away(config: Path) -> None:
    """A closed pipe ends the command without a trace."""
    script = (
        f"{sys.executable} -m sendlimit config --config {config} | true; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in {0, 1}


def all_commands() -> list[click.Context]:
    """Return every command and group, as contexts that know their full name."""
    found = []
    waiting = [sendlimit.make_context("sendlimit", [], resilient_parsing=True)]
    while waiting:
        ctx = waiting.pop()
        found.append(ctx)
        if isinstance(ctx.command, click.Group):
            for name in ctx.command.list_commands(ctx):
                command = ctx.command.get_command(ctx, name)
                assert command is not None
                waiting.append(click.Context(command, parent=ctx, info_name=name))
    return found


def test_every_command_is_explained() -> None:
    """Every command has a help text, every option too, and every command an example."""
    for ctx in all_commands():
        assert ctx.command.help, ctx.command_path
        for parameter in ctx.command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{ctx.command_path} {parameter.name}"


def test_every_command_takes_the_common_options() -> None:
    """--config and --debug are options of every command."""
    for ctx in all_commands():
        taken = {option for parameter in ctx.command.params for option in parameter.opts}
        assert {"--config", "--debug"} <= taken, ctx.command_path


def test_commands_are_independent() -> None:
    """import-linter watches that no command imports another: its contract names all of them."""
    contracts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (one for one in contracts["contracts"] if one["type"] == "independence")

    modules = {place.partition(":")[0] for place in COMMANDS.values()}
    assert set(contract["modules"]) == {f"sendlimit.cli.{module}" for module in modules}
