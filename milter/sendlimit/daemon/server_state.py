"""What all milter sessions of a daemon share: the ledger, the settings, the events, the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.daemon.refusal_log import RefusalLog
from sendlimit.rules.client import address_of, is_in
from sendlimit.rules.external import LOCAL_TRANSPORTS
from sendlimit.rules.subject import is_exempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.daemon.suspender import Suspender
    from sendlimit.rules.client import Network
    from sendlimit.rules.login_map import LoginMap
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.reply import Wording
    from sendlimit.rules.window import Calendar


_CLIENTS_KEPT = 4096
"""Addresses of which it is kept whether they are exempt."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the config file says about sessions; replaced as a whole when the file is loaded again.

    Attributes:
        calendar: for the times in refusals.
        wording: of refusals.
        default_domain: for logins without a domain.
        exempt: mailboxes that are never counted, and domains with "@" before them.
        exempt_clients: networks whose clients' mail is never counted.
        observe: limits on the recipients of one mail are reported, not enforced (R12).
        refuse_at_end: refusals wait for end-of-message (reply.at).
        tempfail: refuse what can't be decided (store.on_failure).
        data_callback: ask for `data`, which cures a 40 ms stall on inet sockets.
        local_transports: whose recipients are not external (R18).
    """

    calendar: Calendar
    wording: Wording
    default_domain: str = ""
    exempt: frozenset[str] = frozenset()
    exempt_clients: tuple[Network, ...] = ()
    observe: bool = False
    refuse_at_end: bool = False
    tempfail: bool = False
    data_callback: bool = False
    local_transports: frozenset[str] = frozenset(LOCAL_TRANSPORTS)
    _clients: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def is_exempt(self, sender: Sender) -> bool:
        """Say whether a sender's mail is never counted."""
        return is_exempt(sender, self.exempt)

    def is_exempt_client(self, client: str) -> bool:
        """Say whether the mail of a client's address is never counted."""
        found = self._clients.get(client)
        if found is None:
            if len(self._clients) >= _CLIENTS_KEPT:
                self._clients.clear()
            found = self._clients[client] = is_in(address_of(client), self.exempt_clients)
        return found


class ServerState:
    """What all sessions share; lives as long as the daemon.

    No attribute has a lock: each access is one step of the interpreter, and the objects behind
    `ledger` and `events` are made to be called by any thread.

    Attributes:
        ledger: counts; set once.
        settings: the main thread replaces it at SIGHUP, callbacks read it. A callback that runs
            meanwhile may see both, one after the other.
        events: is told what happens; set once.
        clock: returns seconds since 1970.
        refusals: writes refusals to the log; set once.
        login_map: other spellings of logins, None without any; the reader's thread and the main
            thread replace it, callbacks read it.
        suspender: watches logins, None while [suspend] is absent; the main thread replaces it.
        lacks_rcpt_mailer: Postfix has sent a RCPT without {rcpt_mailer}, so it has to be asked for;
            callbacks set it, the main thread clears it at a reload.
        busy: sessions whose callback may be waiting for the ledger. The callback adds and discards
            its own session, the main thread reads when it stops.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: SessionSettings,
        events: Events,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = ledger
        self.settings = settings
        self.events = events
        self.clock = clock
        self.refusals = RefusalLog()
        self.login_map: LoginMap | None = None
        self.suspender: Suspender | None = None
        self.lacks_rcpt_mailer = False
        self.busy: set[object] = set()

    def is_external(self, transport: str) -> bool:
        """Say whether Postfix does not deliver a recipient on this server, as far as it says (R18).

        Args:
            transport: {rcpt_mailer} at RCPT; "" when it is absent.
        """
        if not transport and not self.lacks_rcpt_mailer:
            self.lacks_rcpt_mailer = True
            maillog.rcpt_mailer_missing()
        return transport not in self.settings.local_transports

    def use_login_map(self, found: LoginMap | None) -> None:
        """Use another map of logins from now on."""
        self.login_map = found
