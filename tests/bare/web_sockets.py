"""What is tried of sendlimit-web.service: its sockets, whom they let in, and what it may still do."""

from functools import partial

from bare.machine import Machine
from bare.report import Report

_ADMIN, _READ, _OTHER = "backup", "www-data", "games"
"""Users that each Debian has."""

SETTINGS = f"""\
admin_socket = "/run/sendlimit-web/admin.sock"
admin_socket_owner = "{_ADMIN}"
read_socket = "/run/sendlimit-web/read.sock"
read_socket_owner = "{_READ}"
"""
"""Further lines of [web]."""

_FUNCTIONS = """\
ask() {  # USER SOCKET REQUEST: print the status and the body of the answer
  runuser -u "$1" -- python3 - /run/sendlimit-web/$2.sock $3 <<'PYTHON'
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(20)
client.connect(sys.argv[1])
client.sendall(f"GET {sys.argv[2]} HTTP/1.0\\r\\n\\r\\n".encode())
print(client.makefile().read())
PYTHON
}
wait_for() { timeout 120 sh -c "until $1; do sleep 0.1; done"; }
pid() { systemctl show --property MainPID --value sendlimit-web; }
"""
_OWNERS = f"""\
wait_for 'test -S /run/sendlimit-web/read.sock'
cd /run/sendlimit-web
test "$(stat --format='%n %U %a' *)" = 'admin.sock {_ADMIN} 600
read.sock {_READ} 600'
ask {_ADMIN} admin /v1/limits | grep 'HTTP/1.1 200'
ask {_READ} read /v1/usage/alice@example.org | grep 'HTTP/1.1 200'
ask {_READ} read /v1/limits | grep 'HTTP/1.1 403'
ask root admin /v1/limits | grep 'HTTP/1.1 200'
ask {_OTHER} read /v1/status 2>&1 | grep PermissionError
ask {_READ} admin /v1/status 2>&1 | grep PermissionError
"""
# CAP_CHOWN was needed to give the sockets away. The bounding set only says what could be asked for,
# and NoNewPrivileges keeps the process from asking.
_CAPABILITIES = """\
test "$(grep -cE '^Cap(Inh|Prm|Eff|Amb):[[:space:]]0+$' /proc/$(pid)/status)" = 4
grep -E '^NoNewPrivs:[[:space:]]1$' /proc/$(pid)/status
test "$(stat --format=%U /proc/$(pid))" = sendlimit
"""
_RELOADED = f"""\
before="$(pid) $(stat --format=%i /run/sendlimit-web/*)"
systemctl reload sendlimit-web
ask {_ADMIN} admin /v1/status | grep '"store":"ok"'
systemctl restart sendlimit
ask {_ADMIN} admin /v1/status | grep '"store":"ok"'
test "$before" = "$(pid) $(stat --format=%i /run/sendlimit-web/*)"
"""
_RESTARTED = f"""\
systemctl restart sendlimit-web
wait_for 'test -S /run/sendlimit-web/read.sock'
ask {_READ} read /v1/status | grep 'HTTP/1.1 200'
systemctl stop sendlimit-web
test ! -e /run/sendlimit-web
systemctl start sendlimit-web
"""


def try_sockets(machine: Machine, report: Report) -> None:
    """Look at the sockets of a service that runs with SETTINGS, and leave it running.

    Raises:
        TrialFailedError: something is not as docs/web.md has it.
    """
    for what, script in (
        ("owners of the web's sockets, and whom they let in", _OWNERS),
        ("the web process has no capability left", _CAPABILITIES),
        ("the web's sockets after a reload, and after a restart of the daemon", _RELOADED),
        ("the web's sockets after its own restart, and none after its stop", _RESTARTED),
    ):
        report.timed(what, partial(machine.run, _FUNCTIONS + script))
