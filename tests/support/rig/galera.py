"""Three MariaDB servers on loopback that are one Galera cluster."""

import contextlib
import re
from pathlib import Path

import pymysql

from support.rig.mariadb import PrivateMariaDB
from support.rig.process import free_port

NODES = 3
_PROVIDER = "/usr/lib/galera/libgalera_smm.so"
_SYNCED_S = 60
_STARTS = 3
# What a node says before it ends when it could not take what it had missed.
_ASKS_FOR_RESTART = re.compile(r"restart required|(?:must|should) be restarted")

# Galera's defaults are made for clusters across networks; a node that is gone is left out
# after 5 s. These keep the tests short and change nothing else.
_TIMES = (
    "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S;evs.suspect_timeout=PT2S;"
    "evs.inactive_timeout=PT4S;evs.install_timeout=PT4S;gmcast.peer_timeout=PT1S;"
)


class PrivateGalera:
    """A cluster of three nodes; each is a PrivateMariaDB that can be killed and started again.

    A node that comes back gets what it missed from another node (IST), or everything by rsync.
    """

    def __init__(self, folder: Path) -> None:
        """Make the tables of all nodes; nothing is started."""
        folder.mkdir(parents=True, exist_ok=True)
        ports = [free_port() for _ in range(NODES)]
        self._members = ",".join(f"127.0.0.1:{port}" for port in ports)
        self.nodes = [
            PrivateMariaDB(folder / f"node{number}", *self._options(number, port))
            for number, port in enumerate(ports)
        ]

    def start(self) -> None:
        """Start the cluster, node by node."""
        first = self.nodes[0]
        first.process.argv.append("--wsrep-new-cluster")
        first.start()
        first.process.argv.pop()
        self.wait_until_synced(0)
        for number in range(1, NODES):
            self.nodes[number].start()
            self.wait_until_synced(number)

    def start_again(self, number: int) -> None:
        """Start a node that was gone and wait until it takes writes.

        While the others take writes, the transfer of what it missed can fail: the node then ends
        and asks in its log to be started again, which is done as systemd does it.

        Raises:
            ChildProcessError: it ended for another reason, or too often.
        """
        node = self.nodes[number]
        for start in range(1, _STARTS + 1):
            seen = len(node.process.log_text())
            try:
                node.start()
                self.wait_until_synced(number)
            except ChildProcessError:
                asks = _ASKS_FOR_RESTART.search(node.process.log_text()[seen:])
                if not asks or start == _STARTS:
                    raise
            else:
                return

    def stop(self) -> None:
        """End all nodes at once; their tables are of no use afterwards."""
        for node in self.nodes:
            node.kill()

    def wait_until_synced(self, number: int) -> None:
        """Wait until a node takes writes."""
        node = self.nodes[number]

        def synced() -> bool:
            with contextlib.suppress(pymysql.OperationalError):  # it may be about to end
                found = node.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")
                return found == [("wsrep_local_state_comment", "Synced")]
            return False

        node.process.wait_until(synced, _SYNCED_S, "is synced")

    def _options(self, number: int, port: int) -> list[str]:
        base = (
            f"base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};"
            f"ist.recv_addr=127.0.0.1:{free_port()};gcache.size=16M;"
        )
        return [
            "--wsrep-on=ON",
            f"--wsrep-provider={_PROVIDER}",
            f"--wsrep-cluster-address=gcomm://{self._members}",
            "--wsrep-cluster-name=sendlimit",
            f"--wsrep-node-name=node{number}",
            "--wsrep-node-address=127.0.0.1",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
            f"--wsrep-provider-options={base}{_TIMES}",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
        ]
