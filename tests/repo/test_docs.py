"""The documents and the code say the same: settings, commands, log lines, placeholders, rules."""

import inspect
import logging
import re
import shlex
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from repo import commands_document
from sendlimit import maillog
from sendlimit.cli import sendlimit
from sendlimit.cli.web import web
from sendlimit.config import Config
from sendlimit.config.limits import MAX_LIMIT, SubjectLimits
from sendlimit.config.reply import ReplyTexts
from sendlimit.config.sections import StoreSection
from sendlimit.counting import inbox
from sendlimit.daemon import callbacks, logsetup
from sendlimit.rules import mailbox, policy, reply
from sendlimit.rules.suspicion import Reason, Suspension
from sendlimit.store import drivers
from support.counting_samples import ALICE

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_CONFIGURATION = (_DOCS / "configuration.md").read_text()
_OPERATIONS = (_DOCS / "operations.md").read_text()

ALL_DOCUMENTS = sorted([_ROOT / "README.md", _ROOT / "CHANGELOG.md", *_DOCS.rglob("*.md")])


def name_of(path: Path) -> str:
    """How a test names a document."""
    return str(path.relative_to(_ROOT))


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def sections(text: str, level: str = "###") -> dict[str, str]:
    """The texts under headings that are one piece of code, by that piece."""
    parts = re.split(rf"^{level} `(.+)`$", text, flags=re.MULTILINE)
    bodies = (re.split(r"^#", body, maxsplit=1, flags=re.MULTILINE)[0] for body in parts[2::2])
    return dict(zip(parts[1::2], bodies, strict=True))


# The config file


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting with its dotted key; a table of names (`for`) is one setting."""
    for attribute, field in model.model_fields.items():
        key = prefix + (field.alias or attribute)
        inner = table_in(field)
        if inner is None or typing.get_origin(field.annotation) is dict:
            yield key, field
        else:
            yield from fields(inner, f"{key}.")


def table_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a table, a table that may be absent, or a table of tables."""
    candidates = (field.annotation, *typing.get_args(field.annotation))
    return next(
        (one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None
    )


SETTINGS = dict(fields(Config))


def documented_limits() -> set[str]:
    """The limits in the table of [limits]: a row's name behind the beginning in its column."""
    head, *rows = re.findall(
        r"^\|(.*)\|$", _CONFIGURATION.split("## The table `[limits]`")[1], re.MULTILINE
    )
    scopes = re.findall(r"`(limits\.\w+\.)`", head)
    cells = ([cell.strip() for cell in row.split("|")] for row in rows)
    return {
        scope + name.strip("`")
        for name, *marks in cells
        for scope, mark in zip(scopes, marks, strict=False)
        if name.startswith("`") and mark == "yes"
    }


def test_settings() -> None:
    """docs/configuration.md has every setting, and none that there is not."""
    texts = {key for key in SETTINGS if key.startswith("notify.texts.")}
    documented = (set(sections(_CONFIGURATION)) - {"notify.texts"}) | documented_limits()

    assert documented == set(SETTINGS) - texts
    tables = {key.split(".")[2] for key in texts}
    assert set(re.findall(r"`(\w+)`", sections(_CONFIGURATION)["notify.texts"])) >= tables


def test_tables_of_names() -> None:
    """Tables for one domain or mailbox have no key that the table for everyone has not."""
    assert {f"limits.{key}" for key, _ in fields(SubjectLimits)} <= documented_limits()
    assert {f"reply.{key}" for key, _ in fields(ReplyTexts)} <= set(sections(_CONFIGURATION))


@pytest.mark.parametrize("key", sections(_CONFIGURATION))
def test_default(key: str) -> None:
    """The default in docs/configuration.md is the one in the code."""
    documented = re.search(r"Default:\s+(?:`(.+?)`|none|those)", sections(_CONFIGURATION)[key])

    assert documented, "no default"
    if documented[1] is None:
        assert key == "notify.texts" or not given_default(SETTINGS[key])
    else:
        value = tomllib.loads(f"value = {documented[1]}")["value"]
        default = given_default(SETTINGS[key])
        assert value == (list(default) if isinstance(default, tuple) else default)


@pytest.mark.parametrize("key", sections(_CONFIGURATION))
def test_example(key: str) -> None:
    """Every setting has an example, which the daemon would take."""
    body = sections(_CONFIGURATION)[key]
    line = re.search(r"^- Example: `(.+)`$", body, re.MULTILINE)
    example = line[1] if line else blocks(body, "toml")[0]
    document = tomllib.loads(example)

    Config.model_validate(completed(document))
    assert key.removesuffix(".texts") in ".".join([*keys_in(document)])


def completed(document: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """A piece of [notify] or [suspend] with what it would be refused without."""
    needed = {
        "notify": {"webhook_url": "https://hooks.example.org/"},
        "suspend": {"after_refusals": 1},
    }
    return document | {
        key: table | document[key] for key, table in needed.items() if key in document
    }


def given_default(field: FieldInfo) -> object:
    """What a setting is when the file does not have it."""
    return None if field.is_required() else field.get_default(call_default_factory=True)


def keys_in(document: dict[str, object], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a document."""
    for key, value in document.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys_in(value, f"{prefix}{key}.")


@pytest.mark.parametrize("path", ALL_DOCUMENTS, ids=name_of)
def test_toml_blocks(path: Path) -> None:
    """Every configuration in a document is one that the daemon takes."""
    for block in blocks(path.read_text(), "toml"):
        Config.model_validate(completed(tomllib.loads(block)))


def test_placeholders() -> None:
    """docs/configuration.md has every placeholder of the replies, and no other."""
    table = _CONFIGURATION.split("| placeholder |")[1].split("### ")[0]

    assert re.findall(r"^\| `\{(\w+)\}`", table, re.MULTILINE) == list(reply.PLACEHOLDERS)


# Commands


def commands(
    group: click.Group = sendlimit, above: str = "sendlimit"
) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by how it is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


COMMANDS = dict(commands())
ALONE = {"sendlimit web": web}
"""Groups that do something by themselves."""


def test_commands() -> None:
    """docs/commands.md has every command and option as the command line's own help has them."""
    how = "run .venv/bin/python tests/repo/commands_document.py"

    assert commands_document.DOCUMENT.read_text() == commands_document.rendered(), how


def shown_commands(text: str) -> Iterator[str]:
    """The lines of shell blocks that call sendlimit, continued lines joined."""
    for block in [*blocks(text, "sh"), *blocks(text, "console")]:
        for line in block.replace("\\\n", " ").splitlines():
            call = re.match(r"(?:\$ |# )?(?:sudo (?:-u \S+ )?)?(sendlimit .*)", line)
            if call:
                yield re.split(r" [|>] ", call[1])[0]


@pytest.mark.parametrize("path", ALL_DOCUMENTS, ids=name_of)
def test_shown_commands(path: Path) -> None:
    """Every call of sendlimit in a document is one that the command line understands."""
    for line in shown_commands(path.read_text()):
        words = shlex.split(line, comments=True)
        known = COMMANDS | ALONE
        name = max(
            (name for name in known if words[: len(name.split())] == name.split()),
            key=len,
            default=None,
        )
        assert name or set(words[1:]) <= {"--help", "--version"}, line
        if name:
            rest = words[len(name.split()) :]
            known[name].make_context(name, rest, resilient_parsing=False).close()


# Log lines


def logged_lines() -> dict[str, str]:
    """A line of every event, written by the functions of maillog.py with what fits in."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = maillog.logger.level
    maillog.logger.addHandler(handler)
    maillog.logger.setLevel(logging.DEBUG)
    try:
        for name, function in inspect.getmembers(maillog, inspect.isfunction):
            if function.__module__ == maillog.__name__ and name not in _NO_EVENTS:
                given = inspect.signature(function).parameters
                keywords = {key: _FITTING.get(key, "x") for key in given}
                function(**keywords)
    finally:
        maillog.logger.removeHandler(handler)
        maillog.logger.setLevel(before)
    return {line.split(" ")[0]: line for line in lines if not line.startswith("NoneType")}


_NO_EVENTS = {"escaped", "accepts_debug"} | {
    name for name, _ in inspect.getmembers(maillog) if name.startswith("_")
}
_FITTING: dict[str, object] = {
    "refusal": Mock(),
    "error": OSError(1, "x"),
    "problems": ["x"],
    "suspension": Suspension(ALICE, Reason.REFUSALS, 1, ("x",), 0, 0, 60, observe=False),
}
LINES = logged_lines()


def test_events() -> None:
    """docs/operations.md explains every log line, and none that there is not."""
    assert set(sections(_OPERATIONS)) == set(LINES)


@pytest.mark.parametrize("event", LINES)
def test_example_lines(event: str) -> None:
    """The example of a log line has the event and the keys that the code writes."""
    line = blocks(sections(_OPERATIONS)[event], "text")[0]
    level, first, *pairs = shlex.split(line)

    assert level in {"DEBUG", "INFO", "WARNING", "ERROR"}
    assert first == event
    written = shlex.split(LINES[event])[1:]
    assert [pair.partition("=")[0] for pair in pairs] == [
        pair.partition("=")[0] for pair in written
    ]


# The rest


def test_rules() -> None:
    """docs/limits.md has each rule once, in the order of their numbers, and the code names no other."""
    rules = re.findall(r"^## (R\d+)\.", (_DOCS / "limits.md").read_text(), re.MULTILINE)
    package = Path(policy.__file__).parent
    named = {
        rule for file in package.rglob("*.py") for rule in re.findall(r"\bR\d+\b", file.read_text())
    }

    numbers = [int(rule[1:]) for rule in rules]
    assert numbers == sorted(set(numbers))
    assert numbers[:14] == [*range(1, 15)]
    assert named <= set(rules)


def test_numbers_of_security() -> None:
    """The limits in docs/security.md are those of the code."""
    table = (_DOCS / "security.md").read_text().split("## Limits in numbers")[1].split("## ")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d,.]+)", table, re.MULTILINE)
    numbers = {what: float(number.replace(",", "")) for what, number in rows}

    assert numbers == {
        "time a mail waits for its decision": StoreSection().decision_timeout_s,
        "connecting to the database": drivers.CONNECT_TIMEOUT_S,
        "waiting for the database's answer": drivers.READ_TIMEOUT_S,
        "waiting for a row lock": drivers.LOCK_WAIT_S,
        "a transaction between two packets": drivers.IDLE_TRANSACTION_S,
        "requests in one transaction": inbox.BATCH_MAX,
        "key of a mailbox or domain": mailbox.KEY_MAX,
        "text of a refusal": reply.LINE_MAX,
        "log lines that wait to be written": logsetup.LINES_MAX,
        "connections that wait to be accepted": callbacks.BACKLOG,
        "greatest limit": MAX_LIMIT,
    }
