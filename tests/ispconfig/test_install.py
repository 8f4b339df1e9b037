"""ispconfig/install on a made-up panel: what it copies, refuses, keeps, and takes away."""

import os
import stat
import subprocess
from pathlib import Path

from support.rig.panel import OWNER, MadeUpPanel
from support.rig.php import EXTENSION

_PLUGIN = "interface/web/mail/lib/plugin.d/sendlimit_mail_plugin.inc.php"
_CONF = "interface/lib/sendlimit.conf.php"
_LINK = "server/plugins-enabled/sendlimit_plugin.inc.php"
_MANIFEST = "var/lib/sendlimit/ispconfig.manifest"


def tree_of(panel: MadeUpPanel) -> dict[str, tuple[int, int, int, bytes | str]]:
    """Return mode, owner, group and content of everything in the panel."""
    found: dict[str, tuple[int, int, int, bytes | str]] = {}
    for path in [panel.tree, *panel.tree.rglob("*")]:
        info = path.lstat()
        content: bytes | str = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        name = str(path.relative_to(panel.tree))
        found[name] = (info.st_mode, info.st_uid, info.st_gid, content)
    return found


def test_install_and_remove(root: Path) -> None:
    """Nothing of the panel's is changed; after removal its tree is byte for byte as before."""
    panel = MadeUpPanel(root)
    before = tree_of(panel)
    panel.install("install")
    after = tree_of(panel)
    assert {name: after[name] for name in before} == before
    new = {name for name in after if name not in before}
    shipped = {
        str(path.relative_to(EXTENSION))
        for part in ("interface", "server")
        for path in (EXTENSION / part).rglob("*")
        if path.is_file()
    }
    folders = {name for name in new if stat.S_ISDIR(after[name][0])}
    assert new == shipped | folders | {_CONF, _LINK}
    for name in new - folders - {_LINK}:
        owner = 0 if name.startswith("server/") else OWNER
        assert after[name][:3] == (stat.S_IFREG | 0o640, owner, owner), name
    assert all(after[name][:3] == (stat.S_IFDIR | 0o750, OWNER, OWNER) for name in folders)
    assert (
        after[_LINK][3] == "/usr/local/ispconfig/server/plugins-available/sendlimit_plugin.inc.php"
    )

    panel.install("remove")
    assert tree_of(panel) == before
    assert not (root / _MANIFEST).exists()
    assert "nothing of sendlimit" in panel.install("remove").stdout


def test_again(root: Path) -> None:
    """A second time changes nothing; the settings are kept, what a release dropped is removed."""
    panel = MadeUpPanel(root)
    panel.install("install")
    conf = panel.tree / _CONF
    conf.write_text("<?php return array(); // mine")
    before = tree_of(panel)
    assert lines(panel, "install", "write ") == []
    assert tree_of(panel) == before

    dropped = panel.tree / "interface/web/mail/sendlimit_old.php"
    dropped.write_text("<?php")
    with (root / _MANIFEST).open("a") as manifest:
        manifest.write("f interface/web/mail/sendlimit_old.php\n")
    (panel.tree / _PLUGIN).write_text("<?php // an older release\n")
    said = panel.install("install").stdout
    assert f"write /usr/local/ispconfig/{_PLUGIN}" in said
    assert not dropped.exists()
    assert tree_of(panel) == before


def test_dry_run(root: Path) -> None:
    """It says what it would do, and does nothing."""
    panel = MadeUpPanel(root)
    before = tree_of(panel)
    assert (
        f"would write /usr/local/ispconfig/{_PLUGIN}"
        in panel.install("install", "--dry-run").stdout
    )
    assert tree_of(panel) == before
    assert not (root / "var").exists()
    panel.install("install")
    installed = tree_of(panel)
    assert (
        f"would remove /usr/local/ispconfig/{_PLUGIN}"
        in panel.install("remove", "--dry-run").stdout
    )
    assert tree_of(panel) == installed


def test_plugins_come_last_and_go_first(root: Path) -> None:
    """What the panel reads at every login is there only while all that it needs is."""
    panel = MadeUpPanel(root)
    steps = [line.split("/ispconfig/")[1] for line in lines(panel, "install", "write ")]
    late = [number for number, path in enumerate(steps) if ".d/" in path]
    pages = [number for number, path in enumerate(steps) if "classes/" in path or ".lng" in path]
    assert max(pages) < min(late)
    steps = [line.split("/ispconfig/")[1] for line in lines(panel, "remove", "remove ")[:-1]]
    late = [number for number, path in enumerate(steps) if ".d/" in path]
    pages = [number for number, path in enumerate(steps) if "classes/" in path or ".lng" in path]
    assert max(late[:3]) < min(pages)


def lines(panel: MadeUpPanel, word: str, beginning: str) -> list[str]:
    """Return what the installer says that begins so."""
    said = panel.install(word).stdout
    return [line for line in said.splitlines() if line.startswith(beginning)]


def test_a_strange_file(root: Path) -> None:
    """A file of that name that is not ours stays, and nothing is installed."""
    panel = MadeUpPanel(root)
    (panel.tree / "interface/web/mail/sendlimit_list.php").write_text("<?php // mine")
    before = tree_of(panel)
    done = panel.install("install", check=False)
    assert done.returncode == 1
    assert "sendlimit_list.php is there and is not ours" in done.stdout
    assert tree_of(panel) == before


def test_no_panel(root: Path) -> None:
    """Without a panel it says so."""
    panel = MadeUpPanel(root)
    (panel.tree / "interface/lib/config.inc.php").unlink()
    assert "there is no ISPConfig" in panel.install("install", check=False).stdout


def test_files_that_do_not_parse(root: Path, tmp_path: Path) -> None:
    """PHP looks at every file first: one that does not parse would break every login."""
    panel = MadeUpPanel(root)
    before = tree_of(panel)
    fake = tmp_path / "php"
    fake.write_text('#!/bin/sh\n[ "$1" = -r ] || { echo "Parse error in $2"; exit 255; }\n')
    fake.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [EXTENSION / "install", "install", "--root", root],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Parse error" in done.stderr
    assert tree_of(panel) == before


def test_a_panel_update_over_it(root: Path) -> None:
    """An update copies over the tree and opens its files; ours stay, and go when they are removed."""
    panel = MadeUpPanel(root)
    panel.install("install")
    update = (
        "cp -rf tests/support/panel/. {0} && chmod -R 750 {0}/* && chown -R {1}:{1} {0}/interface"
    )
    subprocess.run(
        ["bash", "-c", update.format(panel.tree, OWNER)],
        cwd=EXTENSION.parent,
        check=True,
        timeout=60,
    )
    assert (panel.tree / _PLUGIN).read_bytes() == (EXTENSION / _PLUGIN).read_bytes()
    # No secret lies in the tree, whose files are the web server's to read after this.
    assert "token" not in (panel.tree / _CONF).read_text().replace("'token_file'", "").replace(
        "/mail2.token", ""
    )
    panel.install("install")
    panel.install("remove")
    assert not [path for path in panel.tree.rglob("*") if "sendlimit" in path.name]


def test_status(root: Path) -> None:
    """It tells what is missing, and whether sendlimit answers."""
    panel = MadeUpPanel(root)
    assert "not installed" in panel.install("status", check=False).stdout
    panel.install("install")
    done = panel.install("status", check=False)
    assert done.returncode == 1
    assert "server 1: unreachable" in done.stdout
    (panel.tree / _PLUGIN).unlink()
    assert f"missing: /usr/local/ispconfig/{_PLUGIN}" in panel.install("status", check=False).stdout


def test_the_socket_of_the_configuration(root: Path) -> None:
    """The panel asks where [web] has the socket of its user; without one it says what to write."""
    panel = MadeUpPanel(root)
    config = root / "etc/sendlimit/sendlimit.toml"
    config.parent.mkdir()
    config.write_text('[web]\nadmin_socket = "/run/here.sock"\nadmin_socket_owner = "ispconfig"\n')
    assert "can't ask" not in panel.install("install").stdout
    assert "'/run/here.sock'" in (panel.tree / _CONF).read_text()
    panel.install("remove")
    config.write_text("")
    assert 'admin_socket_owner = "ispconfig"' in panel.install("install").stdout
    assert "'/run/sendlimit-web/panel.sock'" in (panel.tree / _CONF).read_text()
