"""The server plugin: counts and limits follow a renamed mailbox, and those of a deleted one go."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.php import EXTENSION, php

_RUN = """
define('LOGLEVEL_WARN', 1);
class core_plugins {
    public array $events = array();
    function registerEvent($event, $class, $method) { $this->events[$event] = $method; }
}
class core_app {
    public $plugins;
    public array $log = array();
    function log($text, $level) { $this->log[] = $text; }
}
$app = new core_app;
$app->plugins = new core_plugins;
require $argv[1].'/server/plugins-available/sendlimit_plugin.inc.php';
eval("class private_plugin extends sendlimit_plugin { const PROGRAM = '".$argv[2]."'; }");
$plugin = new private_plugin;
$plugin->onLoad();
$plugin->{$app->plugins->events[$argv[3]]}($argv[3], json_decode($argv[4], true));
echo json_encode($app->log);
"""
_LIMIT = "mailbox.messages_per_day"


@pytest.fixture
def sendlimit(folder: Path) -> Sendlimit:
    """The command line with a store of its own."""
    store = in_sqlite(folder / "sendlimit.db")
    sendlimit = Sendlimit(folder, configuration(folder, folder / "milter.sock", store.settings))
    assert sendlimit.command("db", "init").exit_code == 0
    return sendlimit


@pytest.fixture
def program(folder: Path, sendlimit: Sendlimit) -> Path:
    """`sendlimit` as it is installed, with that configuration."""
    program = folder / "program"
    real = sendlimit.process.argv[0]
    program.write_text(f'#!/bin/sh\nSENDLIMIT_CONFIG={sendlimit.config_file} exec {real} "$@"\n')
    program.chmod(0o755)
    return program


def raise_event(program: Path, event: str, data: dict[str, Any]) -> list[str]:
    """Raise an event of ISPConfig's server; return what is logged."""
    found: list[str] = json.loads(php(_RUN, EXTENSION, program, event, json.dumps(data)))
    return found


def limits(sendlimit: Sendlimit) -> list[str]:
    """Return whose limits are set."""
    found = json.loads(sendlimit.command("limit", "list", "--json").stdout)
    return [row["subject"] for row in found]


@pytest.mark.parametrize(
    "old", ["alice@example.org", "--yes@example.org", "a'b;`id`$x@example.org"]
)
def test_rename_and_forget(old: str, program: Path, sendlimit: Sendlimit) -> None:
    """Names go to sendlimit as they are, never through a shell or as an option."""
    assert sendlimit.command("limit", "set", "--", old, _LIMIT, "5").exit_code == 0
    data = {"old": {"email": old.title()}, "new": {"email": "New@example.org"}}
    assert raise_event(program, "mail_user_update", data) == []
    assert limits(sendlimit) == ["new@example.org"]
    assert raise_event(program, "mail_user_delete", {"old": data["new"]}) == []
    assert limits(sendlimit) == []


def test_other_changes(program: Path, sendlimit: Sendlimit) -> None:
    """A change that leaves the address alone, or an event without one, changes nothing."""
    sendlimit.command("limit", "set", "alice@example.org", _LIMIT, "5")
    old = {"email": "alice@example.org", "quota": 1}
    for new in ({"email": "Alice@example.org", "quota": 2}, {"quota": 2}):
        assert raise_event(program, "mail_user_update", {"old": old, "new": new}) == []
    assert raise_event(program, "mail_user_delete", {"old": {}}) == []
    assert limits(sendlimit) == ["alice@example.org"]


def test_a_failure_is_logged(program: Path, sendlimit: Sendlimit) -> None:
    """In one line, whatever sendlimit says; ISPConfig goes on."""
    sendlimit.write_config("nonsense = 1")
    logged = raise_event(program, "mail_user_delete", {"old": {"email": "a\nb@example.org"}})
    assert len(logged) == 1
    assert "exit code 2" in logged[0]
    assert "nonsense" in logged[0]
    assert "\n" not in logged[0]


def test_without_sendlimit(folder: Path) -> None:
    """A mail server that has no sendlimit has nothing to do."""
    nothing = folder / "nothing"
    assert raise_event(nothing, "mail_user_delete", {"old": {"email": "a@example.org"}}) == []
