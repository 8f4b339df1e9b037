"""A simulated MariaDB: one latch, transactions, packets that are late or lost, connections that die."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Protocol

from sendlimit.errors import LeaseLost, StoreConflict
from sendlimit.store.drivers import IDLE_TRANSACTION_S
from support.doubles.store import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_S = float(IDLE_TRANSACTION_S)
LOCK_WAIT_S = 5.0


class Client(Protocol):
    """Who has connections."""

    @property
    def is_cut_off(self) -> bool:
        """Whether no packet gets through."""


class Packet:
    """What is sent at once: it works on the tables, and returns or raises what is answered.

    Args:
        work: does it.
        latch: it takes the latch, and begins a transaction.
        goes_on: it belongs to the transaction of the connection.
        commits: it ends the transaction.
    """

    def __init__(
        self, work: Callable[[Tables], Any], *, latch: bool, goes_on: bool, commits: bool
    ) -> None:
        self.work = work
        self.latch = latch
        self.goes_on = goes_on
        self.commits = commits
        self.waits_since: float | None = None


class Connection:
    """One connection; either side can be gone without the other knowing."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.client_open = True
        self.server_open = True
        self.inbox: list[Packet] = []
        self.answers: list[Any] = []


class Server:
    """Executes one packet after the other.

    Attributes:
        tables: what is committed.
        is_up: whether it answers.
        committed: is told (before, after, packet) of each commit.
        idle_s: after which it ends a transaction whose client says nothing; None: never.
    """

    def __init__(self) -> None:
        self.tables = Tables()
        self.is_up = True
        self.now = 0.0
        self.idle_s: float | None = IDLE_S
        self.committed: Callable[[Tables, Tables], None] = lambda _before, _after: None
        self.connections: list[Connection] = []
        self._holder: Connection | None = None
        self._work: Tables | None = None
        self._since = 0.0

    def connect(self, client: Client) -> Connection:
        """Open a connection."""
        connection = Connection(client)
        self.connections.append(connection)
        return connection

    def kill(self, connection: Connection) -> None:
        """Close it, as KILL does: its transaction is rolled back, packets that wait are lost."""
        connection.server_open = False
        connection.inbox.clear()
        self._roll_back(connection)

    def has_latch(self, client: Client) -> bool:
        """Say whether a client's transaction has the latch."""
        return self._holder is not None and self._holder.client is client

    def end_idle_transaction(self) -> None:
        """Roll back the transaction whose client says nothing more."""
        holder = self._holder
        if holder is None or self.idle_s is None:
            return
        if holder.inbox:
            self._since = self.now
        elif self.now - self._since > self.idle_s:
            self.kill(holder)

    def can_execute(self, connection: Connection) -> bool:
        """Say whether a packet is here, and what it needs."""
        if not (connection.server_open and connection.inbox and self.is_up):
            return False
        if connection.client.is_cut_off:
            return False
        packet = connection.inbox[0]
        if packet.latch and self._holder not in {None, connection}:
            if packet.waits_since is None:
                packet.waits_since = self.now
            return self.now - packet.waits_since > LOCK_WAIT_S
        return True

    def execute(self, connection: Connection) -> None:
        """Do what the next packet says."""
        packet = connection.inbox.pop(0)
        if packet.latch and self._holder not in {None, connection}:
            connection.answers.append(StoreConflict())
            return
        if packet.goes_on and self._holder is not connection:
            connection.server_open = False
            return
        tables = self._work if packet.goes_on else self.tables
        assert tables is not None
        if packet.latch:
            tables = copied(self.tables)
        try:
            answer = packet.work(tables)
        except LeaseLost as error:
            self._roll_back(connection)
            connection.answers.append(error)
            return
        if packet.latch and not packet.commits:
            self._holder, self._work, self._since = connection, tables, self.now
        elif packet.commits:
            if answer is not ROLLED_BACK:
                before, self.tables = self.tables, tables
                self.committed(before, tables)
            self._roll_back(connection)
        connection.answers.append(answer)

    def restore(self, tables: Tables) -> None:
        """Play back a dump: all connections end."""
        for connection in self.connections:
            self.kill(connection)
        self.tables = copied(tables)

    def notice_the_gone(self, connection: Connection) -> bool:
        """Close a connection whose client has closed it; return whether that was so."""
        if connection.client_open or connection.inbox or connection.client.is_cut_off:
            return False
        self.kill(connection)
        self.connections.remove(connection)
        return True

    def _roll_back(self, connection: Connection) -> None:
        if self._holder is connection:
            self._holder = self._work = None


ROLLED_BACK = object()
"""The answer of a packet that ends its transaction without writing."""


def copied(tables: Tables) -> Tables:
    """Return tables that can be changed without changing these."""
    other = copy(tables)
    for name, value in vars(tables).items():
        if isinstance(value, dict | list):
            setattr(other, name, value.copy())
    return other
