"""script/install --web, and the web pages as their unit runs them."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.installation import INSTALL, OFFLINE, download, scratch_system, unpacked_release
from support.rig.process import free_port, wait_for
from support.rig.scratch_system import ScratchSystem

_UNIT = "/usr/local/lib/systemd/system/sendlimit-web.service"
_WEB = """
[web]
listen = "127.0.0.1:{port}"
admin_socket = "/run/sendlimit-web/admin.sock"
admin_socket_owner = "www-data"
"""
_AS_THE_UNIT = (
    *("setpriv", "--reuid=sendlimit", "--regid=sendlimit", "--clear-groups", "--no-new-privs"),
    *("--bounding-set=-all,+chown", "--inh-caps=-all,+chown", "--ambient-caps=-all,+chown"),
)


@pytest.fixture
def system() -> Iterator[ScratchSystem]:
    """A copy of this system with the release in it; nothing is installed."""
    with unpacked_release() as release, scratch_system(release, download()) as system:
        yield system


@pytest.mark.timeout(300)
def test_with_web_pages(system: ScratchSystem, folder: Path) -> None:
    """The unit comes and stays with upgrades; its process gives its socket away, then no more."""
    system.run(INSTALL, "--web", "--no-attach", env=OFFLINE)
    assert system.path(_UNIT).exists()
    again = system.run(INSTALL, "--no-attach", env=OFFLINE).stdout
    assert "is built already" in again

    port = free_port()
    with system.path("/etc/sendlimit/sendlimit.toml").open("a") as config:
        config.write(_WEB.format(port=port))
    system.run("install", "-d", "-o", "sendlimit", "-g", "sendlimit", "/run/sendlimit-web")
    argv = [*_AS_THE_UNIT, "/usr/local/bin/sendlimit", "web"]
    process = system.daemon("sendlimit web", argv, folder / "web.log", {})
    path = system.path("/run/sendlimit-web/admin.sock")
    try:
        process.start()
        process.wait_until(path.exists, 30, "makes its socket")
        said = system.run("stat", "--format=%U %a", "/run/sendlimit-web/admin.sock").stdout
        assert said == "www-data 600\n"
        wait_for(lambda: "200 OK" in _ask(path), 10, "answers")
        assert "200 OK" in _ask(("127.0.0.1", port), "/login")
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.findall(r"^Cap(?:Eff|Prm):\t(\S+)$", status, re.MULTILINE) == ["0" * 16] * 2
        assert process.stop() == 0
    finally:
        process.kill()
    assert not path.exists()

    system.run("/opt/sendlimit/script/uninstall", "--purge")
    assert not system.path(_UNIT).exists()


def _ask(address: Path | tuple[str, int], target: str = "/v1/status") -> str:
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(10)
        client.connect(str(address) if isinstance(address, Path) else address)
        client.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        return client.makefile().read()
