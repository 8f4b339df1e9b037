"""A made-up panel with the extension, over a real `sendlimit web`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.panel import SCRIPT, MadeUpPanel, PanelUser
from support.rig.process import private_folder, running
from support.rig.web import Web, overrides

_LIMIT = "mailbox.messages_per_day"
_LIMITS = {
    "mailbox": {"messages_per_day": 100, "recipients_per_message": 50},
    "domain": {"messages_per_day": 600},
    "global": {"messages_per_day": 999},
}


@pytest.fixture(scope="module")
def counters(module_folder: Path) -> Counters:
    """The store behind `web`."""
    return in_sqlite(module_folder / "sendlimit.db")


@pytest.fixture(scope="module")
def web(module_folder: Path, counters: Counters) -> Iterator[Web]:
    """A `sendlimit web` of a module."""
    settings = configuration(
        module_folder, module_folder / "milter.sock", counters.settings, limits=_LIMITS
    )
    with running(Web(module_folder, settings)) as server:
        yield server


@pytest.fixture
def root() -> Iterator[Path]:
    """An empty folder as root of paths."""
    with private_folder("root") as folder:
        yield folder


@pytest.fixture(scope="module")
def panel(web: Web) -> Iterator[MadeUpPanel]:
    """A panel of a module with the extension, which runs."""
    with private_folder("panel") as folder:
        panel = MadeUpPanel(folder)
        panel.install("install")
        panel.use_socket(web.admin_socket)
        with running(panel):
            yield panel


@pytest.fixture(scope="module")
def counted(web: Web, counters: Counters) -> None:
    """Some mail was counted and refused, some of it with a script for an address."""
    day = web.ask("GET", "/v1/usage/global", over=web.admin_socket).json["limits"][0][
        "period_start"
    ]
    start = day.replace("T", " ").removesuffix("Z")
    for scope, subject, used in (
        ("mailbox", "anna@one.example", 37),
        ("mailbox", "cora@two.example", 100),
        ("mailbox", f"{SCRIPT}@res.example", 3),
        ("global", "*", 140),
    ):
        values = (scope, subject, "messages", "day", start, used)
        counters.query("INSERT INTO er_counter VALUES (%s, %s, %s, %s, %s, %s)", *values)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    for scope, subject, limit, sender, mailbox in (
        ("mailbox", "cora@two.example", 100, f"{SCRIPT}@two.example", "cora@two.example"),
        ("global", "*", 999, "anna@one.example", "anna@one.example"),
    ):
        key = (scope, subject, "messages", "day", start)
        counters.query(
            "INSERT INTO er_refusal VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(*key, limit, now, now, 14, "203.0.113.9", sender, mailbox),
        )


@pytest.fixture
def admin(panel: MadeUpPanel, web: Web) -> Iterator[PanelUser]:
    """The admin; nothing is set before and after."""
    yield panel.login("admin")
    for subject, _, _ in overrides(web):
        body = {"unset": [_LIMIT]}
        web.ask("PATCH", f"/v1/limits/{quote(subject, safe='')}", body, over=web.admin_socket)
    assert overrides(web) == []
