"""Admins of a simulated world: `limit set` and `usage reset`, as sendlimit.store.changes does them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sendlimit.store import ChangeRow, LeaseRow
from sendlimit.store.changes import HolderWatch
from support.counting_samples import setting
from support.simulation.actor import Actor
from support.simulation.process import SENDERS, Machine
from support.simulation.server import Packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.doubles.store import Tables
    from support.simulation.server import Connection
    from support.simulation.world import World


class Commands:
    """The commands of one world, each on a machine of its own.

    Args:
        world: in which they run.

    Attributes:
        actors: a thread for each.
    """

    def __init__(self, world: World) -> None:
        self.actors: list[Actor] = []
        self._world = world

    def begin(self, *, resets: bool) -> None:
        """Begin a command about a sender: one that resets the counters, or sets a limit."""
        random = self._world.random
        limit = None if resets else random.choice([0, 0, 2, 6])
        self.actors.append(Actor(partial(self._run, random.choice("ab"), limit)))

    def _run(self, name: str, limit: int | None) -> None:
        """`limit set`, or without a limit `usage reset`."""
        world, properties = self._world, self._world.properties
        connection = world.server.connect(Machine())
        mailbox = SENDERS[name].mailbox
        number: list[int] = []
        order: list[int] = []

        def change(tables: Tables) -> LeaseRow:
            properties.orders[name] += 1
            order.append(properties.orders[name])
            number.append(
                len(tables.changes) + 1 if not tables.changes else tables.changes[-1].id + 1
            )
            tables.changes.append(ChangeRow(number[0], mailbox))
            if limit is None:
                properties.resets[name] += 1
                for key in [k for k in tables.counters if k.subject == mailbox]:
                    properties.reset[key] += tables.counters[key]
                    tables.counters[key] = 0
            else:
                tables.limits = [row for row in tables.limits if row.subject != mailbox]
                tables.limits.append(setting(mailbox, str(world.limited), limit))
                properties.largest_limit[name] = max(properties.largest_limit[name], limit)
            return tables.lease

        made = self._ask(connection, change, latch=True)
        if made is None:
            return
        watch = HolderWatch(number[0], made, world.now)
        verdict: str | None = None
        while made.holder and verdict is None:
            self._sleep(0.05)
            lease = self._ask(connection, lambda tables: tables.lease, latch=False)
            if lease is None:
                return
            verdict = watch.verdict(lease, world.now)
        connection.client_open = False
        world.note("the command for", name, limit, "has returned:", verdict)
        if limit == 0 and not (verdict and "lives" in verdict):
            properties.in_force[name] = world.now, order[0]

    def _ask(
        self, connection: Connection, work: Callable[[Tables], LeaseRow], *, latch: bool
    ) -> LeaseRow | None:
        connection.inbox.append(Packet(work, latch=latch, goes_on=False, commits=latch))
        self._world.running.wait(lambda: bool(connection.answers) or not connection.server_open)
        answer = connection.answers.pop(0) if connection.answers else None
        return answer if isinstance(answer, LeaseRow) else None

    def _sleep(self, seconds: float) -> None:
        until = self._world.now + seconds
        self._world.running.wait(lambda: self._world.now >= until)
