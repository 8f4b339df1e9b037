"""script/install on a host with an ISPConfig panel (a made-up one), and script/uninstall."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.installation import INSTALL, OFFLINE, download, scratch_system, unpacked_release
from support.rig.panel import TREE
from support.rig.scratch_system import ScratchSystem

_CONFIG = "/etc/sendlimit/sendlimit.toml"
_PANEL = "/usr/local/ispconfig"
_TAB = f"{_PANEL}/interface/lib/classes/plugin_sendlimit_tab.inc.php"
_UNIT = "/usr/local/lib/systemd/system/sendlimit-web.service"


@pytest.fixture
def system() -> Iterator[ScratchSystem]:
    """A copy of this system with the release and a panel in it; nothing is installed."""
    with unpacked_release() as release, scratch_system(release, download()) as system:
        shutil.copytree(TREE, system.path(_PANEL), dirs_exist_ok=True)
        system.run("adduser", "--system", "--group", "--quiet", "--no-create-home", "ispconfig")
        yield system


def files_of(folder: Path) -> set[str]:
    """Return the paths below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.timeout(300)
def test_with_a_panel(system: ScratchSystem) -> None:
    """The panel gets its pages and may ask; an upgrade keeps both; uninstall leaves its tree as it was."""
    before = files_of(system.path(_PANEL))
    said = system.run(INSTALL, "--no-attach", "--dry-run").stdout
    assert "would put sendlimit's pages into the ISPConfig panel" in said
    assert files_of(system.path(_PANEL)) == before

    said = system.run(INSTALL, "--no-attach", env=OFFLINE).stdout
    assert "can't ask" not in said
    assert system.path(_TAB).exists()
    assert system.path(_UNIT).exists()
    system.run("sendlimit", "config")
    assert 'admin_socket_owner = "ispconfig"' in system.path(_CONFIG).read_text()
    settings = system.path(_CONFIG).read_text()
    again = system.run(INSTALL, "--no-attach", env=OFFLINE).stdout
    assert "is built already" in again
    assert f"write {_TAB}" not in again
    assert system.path(_CONFIG).read_text() == settings

    system.run("/opt/sendlimit/script/uninstall")
    assert files_of(system.path(_PANEL)) == before


@pytest.mark.timeout(300)
def test_without_it(system: ScratchSystem) -> None:
    """--no-ispconfig leaves the panel alone; the extension can be put there by itself later."""
    before = files_of(system.path(_PANEL))
    system.run(INSTALL, "--no-attach", "--no-ispconfig", env=OFFLINE)
    assert files_of(system.path(_PANEL)) == before
    assert not system.path(_UNIT).exists()
    said = system.run("/opt/sendlimit/ispconfig/install", "install").stdout
    assert 'admin_socket_owner = "ispconfig"' in said
    assert system.path(_TAB).exists()
    system.run("/opt/sendlimit/script/uninstall", "--purge")
    assert files_of(system.path(_PANEL)) == before
