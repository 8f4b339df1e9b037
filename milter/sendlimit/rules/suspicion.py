"""When a login is suspended: many refusals, or many clients, in a short time (R17). Pure.

A daemon keeps in memory what its sessions saw. Time comes in as an argument, in seconds since 1970.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.client import address_of
from sendlimit.rules.reply import duration

if TYPE_CHECKING:
    from sendlimit.rules.mailbox import Sender

MAILBOXES_MAX = 10_000
"""Mailboxes that are watched at once; of more, the one that was seen longest ago is forgotten."""
_NETWORKS_KEPT = 4096
CLIENTS_NAMED = 20
"""Addresses in a notice."""
_PREFIX = {4: 24, 6: 48}
"""A provider gives a customer that much: another address in it may be the same client (RFC 6177)."""


class Reason(StrEnum):
    """Why a login is suspended; the words stand in log and JSON."""

    REFUSALS = "refusals"
    CLIENT_ADDRESSES = "client-addresses"


@dataclass(frozen=True, slots=True)
class SuspendRule:
    """What [suspend] says.

    Attributes:
        after_refusals: refusals of one login by limits of its mailbox; None: they suspend nothing.
        after_client_addresses: distinct networks, /24 and /48, that one login sends from; None: as above.
        within_s: in how many seconds.
        for_s: how long it is suspended; None: until it is released.
        observe: nothing is suspended, only told (R12).
    """

    after_refusals: int | None
    after_client_addresses: int | None
    within_s: int
    for_s: int | None
    observe: bool = False


class Suspension(NamedTuple):
    """A login that is to be suspended.

    Attributes:
        sender: whose login.
        reason: what there was too much of.
        number: how many refusals or networks.
        clients: addresses of its clients, the last first, at most CLIENTS_NAMED.
        at: when it was found.
        until: when it ends; None: when it is released.
        within_s: the time in which the number came together.
        observe: it is only told.
    """

    sender: Sender
    reason: Reason
    number: int
    clients: tuple[str, ...]
    at: int
    until: int | None
    within_s: int
    observe: bool

    @property
    def cause(self) -> str:
        """What there was too much of, in words."""
        return f"{self.number} {_WORDS[self.reason]} within {duration(self.within_s)}"

    @property
    def why(self) -> str:
        """The cause with the clients, as the tables and commands have it."""
        return f"{self.cause}: {', '.join(self.clients)}"


_WORDS = {Reason.REFUSALS: "refusals", Reason.CLIENT_ADDRESSES: "client networks"}


@functools.lru_cache(_NETWORKS_KEPT)
def network_of(client: str) -> str:
    """Return the network of a client's address, /24 or /48; what is no address stays as it is."""
    address = address_of(client)
    if address is None:
        return client
    prefix = _PREFIX[address.version]
    host_bits = address.max_prefixlen - prefix
    start = type(address)(int(address) >> host_bits << host_bits)
    return f"{start}/{prefix}"


@dataclass(slots=True)
class _Activity:
    """What one login did lately.

    Attributes:
        refusals: their moments, the oldest first; made with the first, as most logins have none.
        clients: the last moment of each network, and the address it had.
        last: the client that was noted last and its network, if it passed.
        quiet_until: no further suspension is made before.
    """

    refusals: deque[int] | None = None
    clients: dict[str, tuple[int, str]] = field(default_factory=dict)
    last: tuple[str, str] | None = None
    quiet_until: int = 0


class Suspicion:
    """What the logins of one daemon did lately; its owner guards it.

    Args:
        rule: when to suspend.
    """

    def __init__(self, rule: SuspendRule) -> None:
        self.rule = rule
        self._activities: OrderedDict[str, _Activity] = OrderedDict()

    def refused(self, sender: Sender, client: str, at: int) -> Suspension | None:
        """Take a refusal by a limit of the mailbox; return the suspension that it makes."""
        most = self.rule.after_refusals
        if most is None:
            return None
        activity = self._activity(sender)
        self._note_client(activity, client, at)
        refusals = activity.refusals
        if refusals is None:
            refusals = activity.refusals = deque()
        refusals.append(at)
        while refusals[0] <= at - self.rule.within_s:
            refusals.popleft()
        if len(refusals) < most:
            return None
        return self._suspension(sender, activity, Reason.REFUSALS, len(refusals), at)

    def sent(self, sender: Sender, client: str, at: int) -> Suspension | None:
        """Take a mail that passed; return the suspension that its client makes."""
        most = self.rule.after_client_addresses
        if most is None:
            return None
        activity = self._activity(sender)
        last = activity.last
        if last is not None and last[0] == client:
            # The same client as last time adds no network.
            activity.clients[last[1]] = at, client
            return None
        self._note_client(activity, client, at)
        if len(activity.clients) < most:
            activity.last = client, network_of(client)
            return None
        return self._suspension(
            sender, activity, Reason.CLIENT_ADDRESSES, len(activity.clients), at
        )

    def __len__(self) -> int:
        """Return how many mailboxes are watched."""
        return len(self._activities)

    def _activity(self, sender: Sender) -> _Activity:
        activity = self._activities.get(sender.mailbox)
        if activity is not None:
            self._activities.move_to_end(sender.mailbox)
            return activity
        activity = self._activities[sender.mailbox] = _Activity()
        if len(self._activities) > MAILBOXES_MAX:
            self._activities.popitem(last=False)
        return activity

    def _note_client(self, activity: _Activity, client: str, at: int) -> None:
        clients = activity.clients
        network = network_of(client)
        clients.pop(network, None)
        clients[network] = (at, client)
        activity.last = None
        # The oldest stand first; nothing before the window counts.
        for old, (seen, _) in list(clients.items()):
            if seen > at - self.rule.within_s:
                break
            del clients[old]

    def _suspension(
        self, sender: Sender, activity: _Activity, reason: Reason, number: int, at: int
    ) -> Suspension | None:
        """Make a suspension, unless one was made that still lasts; begin to count anew."""
        rule = self.rule
        clients = [address for _, address in reversed(activity.clients.values())]
        activity.refusals = None
        activity.clients.clear()
        if at < activity.quiet_until:
            return None
        # In enforce mode a suspended login sends nothing more, so what comes is after its release.
        activity.quiet_until = at + (rule.for_s or rule.within_s) if rule.observe else 0
        return Suspension(
            sender=sender,
            reason=reason,
            number=number,
            clients=tuple(clients[:CLIENTS_NAMED]),
            at=at,
            until=None if rule.for_s is None else at + rule.for_s,
            within_s=rule.within_s,
            observe=rule.observe,
        )
