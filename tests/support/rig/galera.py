"""Three MariaDB servers on loopback that are one Galera cluster."""

from pathlib import Path

from support.rig.mariadb import PrivateMariaDB
from support.rig.process import free_port

NODES = 3
_PROVIDER = "/usr/lib/galera/libgalera_smm.so"
_SYNCED_S = 60

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

    def stop(self) -> None:
        """End all nodes at once; their tables are of no use afterwards."""
        for node in self.nodes:
            node.kill()

    def wait_until_synced(self, number: int) -> None:
        """Wait until a node takes writes."""
        node = self.nodes[number]

        def synced() -> bool:
            found = node.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")
            return found == [("wsrep_local_state_comment", "Synced")]

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
