"""A made-up panel with the extension, over a real `sendlimit web`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.panel import MadeUpPanel
from support.rig.process import private_folder, running
from support.rig.web import Web

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
